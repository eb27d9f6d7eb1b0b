"""The parameters of codec `mlp`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic import Field as Key

from searchinr.codecs.contract import CodecParams
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.activations import MAX_ACTIVATION_BITS, MIN_ACTIVATION_BITS
from searchinr.codecs.params import network_params as keys
from searchinr.codecs.params.sizes import canonical_sizes, parse_sizes
from searchinr.codecs.quantize.registry import QUANTIZERS

_MIN_WIDTH = 4

Depths = Annotated[str, AfterValidator(canonical_sizes(1, keys.MAX_DEPTH))]
Widths = Annotated[str, AfterValidator(canonical_sizes(_MIN_WIDTH, keys.MAX_WIDTH))]


class SupernetParams(BaseModel):
    """The supernet that fits with `init: supernet` start from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Key(300, ge=1, le=1_000_000, description="training steps of the supernet")
    depths: Depths | None = Key(
        None, description="its subnets' depths, as text: '2 3 4'; left out, those of the space, or the config's own"
    )
    widths: Widths | None = Key(
        None, description="its subnets' widths, as text: '16 24 32'; left out, those of the space, or the config's own"
    )


@keys.with_keys(keys.OWN)
class MlpParams(keys.NetworkParams, CodecParams):
    """The codec's parameters and, under each backbone's name, that backbone's own."""

    backbone: keys.Backbone = "siren"  # type: ignore[valid-type]
    depth: int = Key(3, ge=1, le=keys.MAX_DEPTH, description="nonlinear layers (depth - 1 matrices are width x width)")
    width: int = Key(32, ge=_MIN_WIDTH, le=keys.MAX_WIDTH, description="channels of every hidden layer")
    quantizer: Literal[(*QUANTIZERS, keys.FP16)] = Key(  # type: ignore[valid-type]
        "minmax", description="how weights become symbols; lsq, lsq+, adaround and kmeans-qat learn it in training"
    )
    weight_bits: keys.WeightBits = 8
    edge_bits: keys.EdgeBits = 10
    last_bits: keys.LastBits = None
    steps_per: Literal["tensor", "channel"] = Key(
        "tensor", description="what has a quantiser step of its own: a whole matrix, or each of its output channels"
    )
    activation_bits: int | None = Key(
        None,
        ge=MIN_ACTIVATION_BITS,
        le=MAX_ACTIVATION_BITS,
        description="of what every nonlinear layer gives; left out, and with fp16 always, as it is",
        json_schema_extra={"unit": "bits"},
    )
    qat_fraction: keys.QatFraction = None
    lambda_: keys.Lambda = Key(
        None,
        description="what one bit per sample adds while lsq or lsq+ learns, and in a search of steps: to the logarithm"
        " of the MSE, or to the MSE of values in [0, 1]; left out, 0",
    )
    step_search: bool = Key(
        False,
        strict=True,
        description="search each tensor's steps after training, by error and real bytes (not of kmeans, adaround and"
        " fp16); costs some 8 passes over all points for each tensor, at depth 4 as much as 100 training steps",
    )
    loss: keys.Loss = "log_mse"
    lr: float | None = Key(
        None, gt=0, le=1, description="Adam's learning rate; left out, the backbone's own for this width"
    )
    decay: keys.Decay = 0.5
    batch_fraction: keys.BatchFraction = 0.25
    init: Literal["scratch", "supernet"] = Key(
        "scratch",
        description="where training starts: the backbone's own initialisation, or a slice of a supernet that is trained"
        " once for all sizes",
    )
    supernet: SupernetParams = SupernetParams()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        """Defaults that follow from other parameters; see `fill_in`."""
        if not isinstance(data, dict):
            return data
        given = {name: data.get(name, field.default) for name, field in cls.model_fields.items()}
        backbone, width, quantizer = given["backbone"], given["width"], QUANTIZERS.get(given["quantizer"])
        data = dict(data)
        if (quantizer is None or not quantizer.has_steps) and data.get("step_search") is True:
            data["step_search"] = False
        keys.fill_in_quantisation(data, quantizer, given["edge_bits"], searches_steps=data.get("step_search") is True)
        keys.fill_in(data, "activation_bits", None, quantizer is not None)
        if data.get("lr") is None and backbone in FIELDS and isinstance(width, int) and width > 0:
            data["lr"] = FIELDS[backbone].default_lr(width)
        if given["init"] == "supernet":
            supernet = given["supernet"]
            if isinstance(supernet, SupernetParams):
                supernet = supernet.model_dump(exclude_none=True)
            bounds = {"depth": (1, keys.MAX_DEPTH), "width": (_MIN_WIDTH, keys.MAX_WIDTH)}
            own = {f"{size}s": str(given[size]) for size, bound in bounds.items() if _is_within(given[size], *bound)}
            data["supernet"] = {**own, **supernet} if isinstance(supernet, dict) else supernet
        return data

    @model_validator(mode="after")
    def _is_in_its_supernet(self) -> Self:
        if self.init == "supernet":
            for name, size, held in (
                ("depth", self.depth, self.supernet.depths),
                ("width", self.width, self.supernet.widths),
            ):
                if held is None or size not in parse_sizes(held):
                    raise ValueError(
                        f"{name}: found {size}; allowed with init: supernet is one of supernet.{name}s ({held})"
                    )
        return self


def _is_within(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
