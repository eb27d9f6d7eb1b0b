"""The parameters of codec `mlp`."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, create_model, model_validator
from pydantic import Field as Key

from searchinr.codecs.contract import CodecParams
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.mlp.sizes import as_sizes, canonical
from searchinr.codecs.quantize.levels import MAX_BITS, MIN_BITS
from searchinr.codecs.quantize.registry import QUANTIZERS

MAX_DEPTH, MAX_WIDTH = 16, 1024
_MIN_WIDTH = 4
FP16 = "fp16"
"""In the place of a quantiser: weights as they are, two bytes each."""

_QAT_FRACTION = 0.4


Depths = Annotated[str, AfterValidator(lambda text: canonical(text, 1, MAX_DEPTH))]
Widths = Annotated[str, AfterValidator(lambda text: canonical(text, _MIN_WIDTH, MAX_WIDTH))]


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


class _MlpParams(CodecParams):
    backbone: Literal[tuple(FIELDS)] = Key("siren", description="network family")  # type: ignore[valid-type]
    depth: int = Key(3, ge=1, le=MAX_DEPTH, description="nonlinear layers (depth - 1 matrices are width x width)")
    width: int = Key(32, ge=_MIN_WIDTH, le=MAX_WIDTH, description="channels of every hidden layer")
    quantizer: Literal[(*QUANTIZERS, FP16)] = Key(  # type: ignore[valid-type]
        "minmax", description="how weights become symbols; lsq, lsq+, adaround and kmeans-qat learn it in training"
    )
    weight_bits: int = Key(
        8,
        ge=MIN_BITS,
        le=MAX_BITS,
        description="of weights between hidden layers, and of look-up tables; 1 is ternary",
        json_schema_extra={"unit": "bits"},
    )
    edge_bits: int = Key(
        10,
        ge=MIN_BITS,
        le=MAX_BITS,
        description="of the first and the last layer, which are more sensitive",
        json_schema_extra={"unit": "bits"},
    )
    steps_per: Literal["tensor", "channel"] = Key(
        "tensor", description="what has a quantiser step of its own: a whole matrix, or each of its output channels"
    )
    qat_fraction: float | None = Key(
        None,
        gt=0,
        le=1,
        description=f"last fraction of the steps in which a quantiser learns, if it does; left out, {_QAT_FRACTION}",
    )
    rate_weight: float | None = Key(
        None,
        ge=0,
        le=100,
        description="what one bit per sample adds to the loss while lsq or lsq+ learns (lambda); left out, 0",
    )
    loss: Literal["log_mse", "mse"] = Key("log_mse", description="of each signal: the logarithm of its MSE, or its MSE")
    lr: float | None = Key(
        None, gt=0, le=1, description="Adam's learning rate; left out, the backbone's own for this width"
    )
    decay: float = Key(
        0.5, ge=0.05, le=0.9, description="last fraction of the steps in which the learning rate falls to zero"
    )
    batch_fraction: float = Key(0.25, gt=0, le=1, description="points used in each step, as a fraction of the grid")
    init: Literal["scratch", "supernet"] = Key(
        "scratch",
        description="where training starts: the backbone's own initialisation, or a slice of a supernet that is trained"
        " once for all sizes",
    )
    supernet: SupernetParams = SupernetParams()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:  # noqa: ANN401  whatever the caller gave: checked after this
        """Defaults that follow from other parameters, and None for what the quantiser does not use.

        So two configurations that train and encode alike are equal, whatever was written for what they ignore.
        """
        if not isinstance(data, dict):
            return data
        names = ("backbone", "depth", "width", "quantizer", "init")
        filled = {name: data.get(name, cls.model_fields[name].default) for name in names}
        backbone, width = filled["backbone"], filled["width"]
        data = dict(data)
        if data.get("lr") is None and backbone in FIELDS and isinstance(width, int) and width > 0:
            data["lr"] = FIELDS[backbone].default_lr(width)
        quantizer = QUANTIZERS.get(filled["quantizer"])
        for name, default, used in (
            ("qat_fraction", _QAT_FRACTION, quantizer is not None and quantizer.learns),
            ("rate_weight", 0.0, quantizer is not None and quantizer.learns_rate),
        ):
            if not used and _is_number(data.get(name)):
                data[name] = None
            elif used and data.get(name) is None:
                data[name] = default
        if filled["init"] == "supernet":
            given = data.get("supernet", {})
            if isinstance(given, SupernetParams):
                given = given.model_dump(exclude_none=True)
            bounds = {"depth": (1, MAX_DEPTH), "width": (_MIN_WIDTH, MAX_WIDTH)}
            own = {f"{size}s": str(filled[size]) for size, bound in bounds.items() if _is_within(filled[size], *bound)}
            data["supernet"] = {**own, **given} if isinstance(given, dict) else given
        return data

    @model_validator(mode="after")
    def _is_in_its_supernet(self) -> Self:
        if self.init == "supernet":
            for name, size, held in (
                ("depth", self.depth, self.supernet.depths),
                ("width", self.width, self.supernet.widths),
            ):
                if held is None or size not in as_sizes(held):
                    raise ValueError(
                        f"{name}: found {size}; allowed with init: supernet is one of supernet.{name}s ({held})"
                    )
        return self


def _is_within(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_field_params: dict[str, Any] = {name: (field.Params, field.Params()) for name, field in FIELDS.items()}
MlpParams = create_model("MlpParams", __base__=_MlpParams, **_field_params)
"""The codec's parameters and, under each backbone's name, that backbone's own."""
