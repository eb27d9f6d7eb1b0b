"""The parts that the fits of all codecs share: points, objectives, optimisers, rungs, groups of signals."""
