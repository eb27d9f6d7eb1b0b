"""What is read from a run: fronts, exports, comparisons, checks, reports."""
