"""Codec `once_for_all`: one network per signal that holds smaller ones, in one file that can be cut."""

from searchinr.codecs.once_for_all.codec import OnceForAllCodec
from searchinr.codecs.once_for_all.params import OnceForAllParams

__all__ = ["CODEC", "OnceForAllCodec", "OnceForAllParams"]

CODEC = OnceForAllCodec
