"""The parameters of codec `shacira`."""

from typing import Annotated, Literal, Self

from pydantic import Field as Key
from pydantic import model_validator

from searchinr.codecs.contract import CodecParams
from searchinr.codecs.fields.hashgrid import MAX_FEATURES, Levels, MaxResolution, MinResolution, TableSizeLog2
from searchinr.codecs.fitting.rounding import Rounding
from searchinr.codecs.params import network_params as keys
from searchinr.codecs.quantize.registry import QUANTIZERS

MAX_LATENT_DIM, MAX_MLP_WIDTH = 16, 256

LearningRate = Annotated[float, Key(gt=0, le=1)]


class ShaciraParams(CodecParams):
    """The codec's parameters."""

    table_size_log2: TableSizeLog2 = 11
    levels: Levels = 16
    features: int = Key(
        1,
        ge=1,
        le=MAX_FEATURES,
        description="numbers that an entry gives the network, in each level",
        json_schema_extra={"unit": "features"},
    )
    latent_dim: int = Key(
        1,
        ge=1,
        le=MAX_LATENT_DIM,
        description="integers per entry, from which a linear decoder makes its features",
        json_schema_extra={"unit": "integers"},
    )
    min_resolution: MinResolution = 16
    max_resolution: MaxResolution = None
    mlp_width: int = Key(16, ge=4, le=MAX_MLP_WIDTH, description="channels of every hidden layer of the network")
    mlp_depth: int = Key(2, ge=1, le=keys.MAX_DEPTH, description="hidden layers of the network")
    quantizer: Literal[(*QUANTIZERS, keys.FP16)] = Key(  # type: ignore[valid-type]
        "lsq", description="how the weights of the network and of the latents' decoder become symbols, see codec mlp"
    )
    weight_bits: Annotated[int | None, keys.bits_key("of these weights; left out, 8")] = None
    qat_fraction: keys.QatFraction = None
    rounding: Rounding = Key(
        "soft_round",
        description="how latents become integers in training: sga (stochastic Gumbel annealing), sga_tanh (as in the"
        " authors' code), soft_round, noise, ste",
    )
    ste_fraction: float = Key(
        0.2, ge=0, lt=1, description="last fraction of the decay in which latents are integers, whatever the rounding"
    )
    rate_model: Literal["dimension", "level"] = Key(
        "level", description="what has a distribution of its own in training: each latent dimension, or also each level"
    )
    level_dropout: float = Key(
        0.0, ge=0, le=1, description="probability that a step sees the coarse levels only, which makes them better"
    )
    loss: keys.Loss = "mse"
    lr: LearningRate = Key(1e-2, description="Adam's learning rate, of the network")
    latent_lr: LearningRate = Key(5e-2, description="of the latents")
    decoder_lr: LearningRate = Key(1e-2, description="of the latents' decoder")
    entropy_lr: LearningRate = Key(1e-2, description="of the latents' distributions")
    decay: keys.Decay = 0.5
    batch_fraction: float | None = Key(
        None,
        gt=0,
        le=1,
        description="points used in each step, as a fraction of the grid; left out, all or, of more than 2^20 points,"
        " 2^18",
    )
    lambda_: float = Key(
        2.5e-3,
        alias="lambda",
        ge=0,
        le=100,
        description="what one bit per sample adds to the MSE of values in [0, 1], or to its logarithm",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        """Defaults that follow from other parameters; see `fill_in`."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        quantizer = QUANTIZERS.get(data.get("quantizer", cls.model_fields["quantizer"].default))
        keys.fill_in(data, "weight_bits", 8, quantizer is not None)
        keys.fill_in(data, "qat_fraction", keys.QAT_FRACTION, quantizer is not None and quantizer.learns)
        return data

    @model_validator(mode="after")
    def _grids_become_finer(self) -> Self:
        if self.max_resolution is not None and self.max_resolution < self.min_resolution:
            raise ValueError(
                f"max_resolution: found {self.max_resolution}; allowed is min_resolution ({self.min_resolution}) up"
            )
        return self
