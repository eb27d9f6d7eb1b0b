"""The parameters of codec `combiner`."""

from typing import Literal

from pydantic import Field as Key

from searchinr.codecs.bitstream.bits import ByteFloat
from searchinr.codecs.contract import CodecParams
from searchinr.codecs.network_params import MAX_DEPTH, BatchFraction

MAX_WIDTH, MAX_FEATURES = 256, 256
MAX_TRIED = 1024

PRIOR_KEYS = (
    "beta",
    "depth",
    "width",
    "features",
    "max_frequency",
    "batch_fraction",
    "prior",
    "prior_signals",
    "prior_steps",
    "prior_lr",
)
"""What the prior depends on."""


class CombinerParams(CodecParams):
    """The codec's parameters."""

    beta: float = Key(
        2e-3,
        gt=0,
        le=100,
        description="what one bit per sample adds to the MSE of values in [-1, 1], for signals of any size: sets the"
        " rate, by how many blocks the prior has",
    )
    depth: int = Key(3, ge=1, le=MAX_DEPTH, description="hidden layers of sines")
    width: int = Key(16, ge=2, le=MAX_WIDTH, description="channels of every hidden layer")
    features: int = Key(
        8,
        ge=1,
        le=MAX_FEATURES,
        description="Fourier frequencies along each axis; each gives the first layer a cosine and a sine",
        json_schema_extra={"unit": "frequencies"},
    )
    max_frequency: ByteFloat = Key(
        16.0,
        description="the highest of them (the lowest is 1)",
        json_schema_extra={"unit": "periods over the signal"},
    )
    prior: Literal["learned", "layerwise"] = Key(
        "learned",
        description="what weights are coded against: a mean and a deviation of their own, or one deviation for each"
        " layer; both from training signals",
    )
    prior_signals: int | None = Key(
        None,
        ge=1,
        le=100_000,
        description="training signals that the prior is learned from, the first of the dataset's `train`; left out,"
        " all",
        json_schema_extra={"unit": "signals"},
    )
    prior_steps: int = Key(8000, ge=1, le=10_000_000, description="training steps of the prior")
    prior_lr: float = Key(2e-2, gt=0, le=1, description="Adam's learning rate while the prior is learned")
    lr: float = Key(
        0.1, gt=0, le=1, description="Adam's learning rate of a signal's posterior, in standard deviations of the prior"
    )
    refinement_lr: float = Key(
        0.03, gt=0, le=1, description="the same between blocks; `lr` falls to it in the last part of the steps"
    )
    decay: float = Key(0.2, ge=0.05, le=0.9, description="last fraction of the steps in which it does")
    refinement_steps: int = Key(
        5,
        ge=0,
        le=10_000,
        description="steps after each block's coding in which what is left adapts to it, beside those of the rung",
    )
    candidates: int = Key(
        16,
        ge=1,
        le=MAX_TRIED,
        description="likeliest candidates of a block of which that with the least error is taken; 1 is plain A* coding",
    )
    batch_fraction: BatchFraction = 0.25
