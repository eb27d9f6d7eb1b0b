"""Parameters that the codecs of coordinate networks share."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, create_model
from pydantic import Field as Key
from pydantic.fields import FieldInfo

from searchinr.codecs.bitstream.steps import MAX_BITS, MIN_BITS
from searchinr.codecs.fields.contract import FieldParams
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.quantize.contract import Quantizer

MAX_DEPTH, MAX_WIDTH = 16, 1024
FP16 = "fp16"
"""The name that stands in the place of a quantiser's: weights are stored as floats of two bytes."""

QAT_FRACTION = 0.4

Backbone = Annotated[Literal[tuple(FIELDS)], Key(description="network family")]  # type: ignore[valid-type]


def bits_key(description: str) -> FieldInfo:
    """What a bit-width of weights may be, for the annotation of a parameter."""
    key: FieldInfo = Key(ge=MIN_BITS, le=MAX_BITS, description=description, json_schema_extra={"unit": "bits"})
    return key


WeightBits = Annotated[
    int, bits_key("of weights between hidden layers, without biases, and of look-up tables; 1 is ternary")
]
EdgeBits = Annotated[
    int,
    bits_key(
        "of the first layer, which is the most sensitive, of biases, and of the last layer where last_bits is left out"
    ),
]
LastBits = Annotated[int | None, bits_key("of the last layer; left out, edge_bits")]
QatFraction = Annotated[
    float | None,
    Key(
        gt=0,
        le=1,
        description=f"last fraction of the steps in which a quantiser learns, if it does; left out, {QAT_FRACTION}",
    ),
]
Lambda = Annotated[
    float | None,
    Key(
        alias="lambda",
        ge=0,
        le=100,
        description="what one bit per sample adds while lsq or lsq+ learns: to the logarithm of the MSE, or to the MSE"
        " of values in [0, 1]; left out, 0",
        json_schema_extra={
            "formerly": "rate_weight",
            "conversion": "the same number with loss: log_mse, a quarter of it with loss: mse",
        },
    ),
]
LossName = Literal["log_mse", "mse"]
"""The loss of a signal: the logarithm of its MSE, or its MSE."""

Loss = Annotated[LossName, Key(description="of each signal: the logarithm of its MSE, or its MSE")]
Decay = Annotated[
    float,
    Key(ge=0.05, le=0.9, description="last fraction of the steps in which the learning rate falls to zero"),
]
BatchFraction = Annotated[float, Key(gt=0, le=1, description="points used in each step, as a fraction of the grid")]
OWN: dict[str, Any] = {name: (field.Params, field.Params()) for name, field in FIELDS.items()}
"""The backbones' own parameters, each under the name of its backbone; see `with_keys`."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def with_keys(more: Mapping[str, Any]) -> Callable[[type[ModelT]], type[ModelT]]:
    """Makes a class decorator that adds parameters to a model which cannot be written in its class.

    Such parameters are those of backbones, which are only found at run time. To a type checker the model remains the
    class that is written.

    Args:
        more: Name -> type and default, in the form that `pydantic.create_model` takes.
    """

    def decorate(base: type[ModelT]) -> type[ModelT]:
        return create_model(base.__name__, __base__=base, __module__=base.__module__, __doc__=base.__doc__, **more)

    return decorate


class NetworkParams(BaseModel):
    """The parameters that all codecs of coordinate networks have; their models inherit from this class.

    Each codec declares these keys itself, in its own order and with its own defaults, and decorates its model
    `with_keys(OWN)`.
    """

    if TYPE_CHECKING:
        backbone: str
        quantizer: str
        weight_bits: int
        edge_bits: int
        last_bits: int | None
        qat_fraction: float | None
        lambda_: float | None
        loss: LossName
        lr: float | None
        decay: float
        batch_fraction: float

    @property
    def own(self) -> FieldParams:
        """The own parameters of the backbone that is chosen."""
        own: FieldParams = getattr(self, self.backbone)
        return own


def fill_in(data: dict[str, Any], name: str, default: object, used: bool) -> None:
    """Sets a parameter that was left out to its default, and a parameter that is not used to None.

    So two configurations that train and encode alike are equal, whatever values the parameters have that they ignore.

    Args:
        data: The values that the caller gave; they are checked later.
        name: Name of the parameter, whose value is a number.
        default: The value if the parameter was left out.
        used: Whether anything depends on the parameter.
    """
    if not used and _is_number(data.get(name)):
        data[name] = None
    elif used and data.get(name) is None:
        data[name] = default


def fill_in_quantisation(
    data: dict[str, Any],
    quantizer: type[Quantizer] | None,
    edge_bits: object,
    *,
    searches_steps: bool = False,
) -> None:
    """Fills in `last_bits`, `qat_fraction` and `lambda`; see `fill_in`.

    Args:
        data: The values that the caller gave; they are checked later.
        quantizer: The quantiser, or None for fp16.
        edge_bits: The value of `edge_bits` that the caller gave, or its default.
        searches_steps: Whether steps are searched after training: this uses the weight of the rate as well.
    """
    learns, learns_rate = (False, False) if quantizer is None else (quantizer.learns, quantizer.learns_rate)
    is_number = isinstance(edge_bits, int | float) and edge_bits in range(MIN_BITS, MAX_BITS + 1)
    fill_in(data, "last_bits", edge_bits if is_number else None, quantizer is not None)
    fill_in(data, "qat_fraction", QAT_FRACTION, learns)
    fill_in(data, "lambda", 0.0, learns_rate or searches_steps)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
