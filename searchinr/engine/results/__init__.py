"""Reads the results of a run: fronts, exports, comparisons, checks, reports."""
