"""Parameters that the codecs of coordinate networks share."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field as Key

from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.objective import Loss as LossName
from searchinr.codecs.quantize.levels import MAX_BITS, MIN_BITS
from searchinr.codecs.quantize.registry import QUANTIZERS

MAX_DEPTH, MAX_WIDTH = 16, 1024
FP16 = "fp16"
"""In the place of a quantiser: weights as they are, two bytes each."""

_QAT_FRACTION = 0.4

Backbone = Annotated[Literal[tuple(FIELDS)], Key(description="network family")]  # type: ignore[valid-type]
WeightBits = Annotated[
    int,
    Key(
        ge=MIN_BITS,
        le=MAX_BITS,
        description="of weights between hidden layers, and of look-up tables; 1 is ternary",
        json_schema_extra={"unit": "bits"},
    ),
]
EdgeBits = Annotated[
    int,
    Key(
        ge=MIN_BITS,
        le=MAX_BITS,
        description="of the first and the last layer, which are more sensitive",
        json_schema_extra={"unit": "bits"},
    ),
]
QatFraction = Annotated[
    float | None,
    Key(
        gt=0,
        le=1,
        description=f"last fraction of the steps in which a quantiser learns, if it does; left out, {_QAT_FRACTION}",
    ),
]
RateWeight = Annotated[
    float | None,
    Key(
        ge=0,
        le=100,
        description="what one bit per sample adds to the loss while lsq or lsq+ learns (lambda); left out, 0",
    ),
]
Loss = Annotated[LossName, Key(description="of each signal: the logarithm of its MSE, or its MSE")]
Decay = Annotated[
    float,
    Key(ge=0.05, le=0.9, description="last fraction of the steps in which the learning rate falls to zero"),
]
BatchFraction = Annotated[float, Key(gt=0, le=1, description="points used in each step, as a fraction of the grid")]
OWN: dict[str, Any] = {name: (field.Params, field.Params()) for name, field in FIELDS.items()}
"""Under each backbone's name that backbone's own parameters, as `pydantic.create_model` takes them."""


def fill_in_learning(data: Mapping[str, Any], quantizer: str) -> dict[str, Any]:
    """`qat_fraction` and `rate_weight`: their defaults where the quantiser uses them, None where it does not.

    So two configurations that train and encode alike are equal, whatever was written for what they ignore.

    Args:
        data: Whatever the caller gave: checked after this.
        quantizer: Its name, or anything else.
    """
    filled = dict(data)
    learner = QUANTIZERS.get(quantizer)
    for name, default, used in (
        ("qat_fraction", _QAT_FRACTION, learner is not None and learner.learns),
        ("rate_weight", 0.0, learner is not None and learner.learns_rate),
    ):
        if not used and _is_number(filled.get(name)):
            filled[name] = None
        elif used and filled.get(name) is None:
            filled[name] = default
    return filled


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
