"""searchinr: distributed search for neural compression."""

__version__ = "0.1.0"
