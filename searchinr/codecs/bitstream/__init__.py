"""The `.inr` container, the probability models and the range coder."""
