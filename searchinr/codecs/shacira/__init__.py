"""Codec `shacira`: hash grids of integer latents, in one file by level (Girish et al. 2023, arXiv 2309.15848)."""

from searchinr.codecs.shacira.codec import ShaciraCodec
from searchinr.codecs.shacira.params import ShaciraParams

__all__ = ["CODEC", "ShaciraCodec", "ShaciraParams"]

CODEC = ShaciraCodec
