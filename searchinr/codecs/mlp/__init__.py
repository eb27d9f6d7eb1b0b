"""Codec `mlp`: a coordinate network per signal, quantised and entropy coded (COIN, arXiv 2103.03123)."""

from searchinr.codecs.mlp.codec import MlpCodec
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.network_params import MAX_DEPTH, MAX_WIDTH

__all__ = ["CODEC", "MAX_DEPTH", "MAX_WIDTH", "MlpCodec", "MlpParams"]

CODEC = MlpCodec
