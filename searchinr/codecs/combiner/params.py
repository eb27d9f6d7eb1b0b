"""The parameters of codec `combiner`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic import Field as Key

from searchinr.codecs.bitstream.bits import ByteFloat
from searchinr.codecs.combiner.betas import MAX_BETA, canonical_betas, parse_betas
from searchinr.codecs.contract import CodecParams
from searchinr.codecs.params.network_params import MAX_DEPTH, BatchFraction

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
"""What the prior depends on, beside those from which it starts."""


class NeighbourParams(BaseModel):
    """What a prior with `init: neighbour` starts from: the priors of larger betas, one after the other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    betas: Annotated[str, AfterValidator(canonical_betas)] | None = Key(
        None,
        description="beta and the larger ones, as text: '0.016 0.006'; each prior starts from the one before; left out,"
        " those of the space, or the config's own",
    )
    steps: int = Key(2000, ge=1, le=10_000_000, description="training steps of a prior that starts from another")


class CombinerParams(CodecParams):
    """The codec's parameters."""

    beta: float = Key(
        2e-3,
        gt=0,
        le=MAX_BETA,
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
    init: Literal["scratch", "neighbour"] = Key(
        "scratch",
        description="where the learning of the prior starts: an initialisation of the network, or the prior of the next"
        " larger beta",
    )
    neighbour: NeighbourParams = NeighbourParams()
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

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        """A config that names no betas of neighbours has its own beta as the only one."""
        if isinstance(data, dict) and data.get("init") == "neighbour":
            given = data.get("neighbour", {})
            if isinstance(given, dict) and given.get("betas") is None:
                own = data.get("beta", cls.model_fields["beta"].default)
                return {**data, "neighbour": {**given, "betas": repr(own)}}
        return data

    @model_validator(mode="after")
    def _is_among_its_betas(self) -> Self:
        if self.init == "neighbour" and self.beta not in parse_betas(self.neighbour.betas or ""):
            raise ValueError(
                f"beta: found {self.beta!r}; allowed with init: neighbour is one of neighbour.betas "
                f"({self.neighbour.betas})"
            )
        return self

    @property
    def larger_betas(self) -> tuple[float, ...]:
        """The larger betas whose priors are learned before this one, descending; none with `init: scratch`."""
        if self.init != "neighbour" or self.neighbour.betas is None:
            return ()
        return tuple(beta for beta in parse_betas(self.neighbour.betas) if beta > self.beta)
