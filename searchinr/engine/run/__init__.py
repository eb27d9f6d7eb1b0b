"""A run from start to end: the driver, what it shares between jobs, and how far it is."""
