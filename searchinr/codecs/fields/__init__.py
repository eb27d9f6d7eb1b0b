"""The networks (backbones). Each has a file of its own, and all of them compute many signals in one batch."""
