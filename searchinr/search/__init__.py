"""What to try next: Pareto mathematics, samplers, schedulers, and the search that joins them.

Nothing in this package knows of workers, clocks or files, so a run and a simulation share all of it.
"""
