"""Codec `combiner`: Bayesian networks coded by relative entropy (Guo et al. 2023, arXiv 2305.19185)."""

from searchinr.codecs.combiner.codec import CombinerCodec
from searchinr.codecs.combiner.params import CombinerParams

__all__ = ["CODEC", "CombinerCodec", "CombinerParams"]

CODEC = CombinerCodec
