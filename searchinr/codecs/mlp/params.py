"""The parameters of codec `mlp`."""

from typing import Any, Literal

from pydantic import Field as Key
from pydantic import create_model, model_validator

from searchinr.codecs.activations import MAX_ACTIVATION_BITS, MIN_ACTIVATION_BITS
from searchinr.codecs.contract import CodecParams
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.quantize.levels import MAX_BITS, MIN_BITS
from searchinr.codecs.quantize.registry import QUANTIZERS

MAX_DEPTH, MAX_WIDTH = 16, 1024
FP16 = "fp16"
"""In the place of a quantiser: weights as they are, two bytes each."""

_QAT_FRACTION = 0.4


class _MlpParams(CodecParams):
    backbone: Literal[tuple(FIELDS)] = Key("siren", description="network family")  # type: ignore[valid-type]
    depth: int = Key(3, ge=1, le=MAX_DEPTH, description="nonlinear layers (depth - 1 matrices are width x width)")
    width: int = Key(32, ge=4, le=MAX_WIDTH, description="channels of every hidden layer")
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
    activation_bits: int | None = Key(
        None,
        ge=MIN_ACTIVATION_BITS,
        le=MAX_ACTIVATION_BITS,
        description="of what every nonlinear layer gives; left out, and with fp16 always, as it is",
        json_schema_extra={"unit": "bits"},
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
        description="what one bit per sample adds to the loss (lambda) while lsq or lsq+ learns, and in a search of"
        " steps; left out, 0",
    )
    step_search: bool = Key(
        False,
        strict=True,
        description="search each tensor's steps after training, by error and real bytes (not of kmeans, adaround and"
        " fp16); costs some 8 passes over all points for each tensor, at depth 4 as much as 100 training steps",
    )
    loss: Literal["log_mse", "mse"] = Key("log_mse", description="of each signal: the logarithm of its MSE, or its MSE")
    lr: float | None = Key(
        None, gt=0, le=1, description="Adam's learning rate; left out, the backbone's own for this width"
    )
    decay: float = Key(
        0.5, ge=0.05, le=0.9, description="last fraction of the steps in which the learning rate falls to zero"
    )
    batch_fraction: float = Key(0.25, gt=0, le=1, description="points used in each step, as a fraction of the grid")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:  # noqa: ANN401  whatever the caller gave: checked after this
        """Defaults that follow from other parameters, and None for what the quantiser does not use.

        So two configurations that train and encode alike are equal, whatever was written for what they ignore.
        """
        if not isinstance(data, dict):
            return data
        filled = {name: data.get(name, cls.model_fields[name].default) for name in ("backbone", "width", "quantizer")}
        backbone, width = filled["backbone"], filled["width"]
        data = dict(data)
        if data.get("lr") is None and backbone in FIELDS and isinstance(width, int) and width > 0:
            data["lr"] = FIELDS[backbone].default_lr(width)
        quantizer = QUANTIZERS.get(filled["quantizer"])
        if (quantizer is None or not quantizer.has_steps) and data.get("step_search") is True:
            data["step_search"] = False
        for name, default, used in (
            ("qat_fraction", _QAT_FRACTION, quantizer is not None and quantizer.learns),
            ("rate_weight", 0.0, quantizer is not None and (quantizer.learns_rate or data.get("step_search") is True)),
            ("activation_bits", None, quantizer is not None),
        ):
            if not used and _is_number(data.get(name)):
                data[name] = None
            elif used and data.get(name) is None:
                data[name] = default
        return data


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_field_params: dict[str, Any] = {name: (field.Params, field.Params()) for name, field in FIELDS.items()}
MlpParams = create_model("MlpParams", __base__=_MlpParams, **_field_params)
"""The codec's parameters and, under each backbone's name, that backbone's own."""
