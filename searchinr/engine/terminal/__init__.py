"""What the terminal and the log show of a run."""
