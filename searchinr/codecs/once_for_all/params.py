"""The parameters of codec `once_for_all`."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator
from pydantic import Field as Key

from searchinr.codecs.contract import CodecParams
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.params import network_params as keys
from searchinr.codecs.params.sizes import canonical_sizes, parse_sizes
from searchinr.codecs.quantize.registry import QUANTIZERS

_MIN_WIDTH = 4
_canonical_widths = canonical_sizes(_MIN_WIDTH, keys.MAX_WIDTH)
_QUANTIZERS = tuple(name for name, quantizer in QUANTIZERS.items() if not quantizer.has_book)
"""Without code books: every shell would need one of its own, or the smaller shells one made for the larger."""


@keys.with_keys(keys.OWN)
class OnceForAllParams(keys.NetworkParams, CodecParams):
    """The codec's parameters and, under each backbone's name, that backbone's own."""

    backbone: keys.Backbone = "siren"  # type: ignore[valid-type]
    depths: Annotated[str, AfterValidator(canonical_sizes(1, keys.MAX_DEPTH))] = Key(
        "2 3 4 5", description="nonlinear layers of the networks that one file holds, as text"
    )
    widths: Annotated[str, AfterValidator(_canonical_widths)] = Key(
        "16 24 32 48", description="channels of every hidden layer of these networks, as text: each depth in each width"
    )
    quantizer: Literal[(*_QUANTIZERS, keys.FP16)] = Key(  # type: ignore[valid-type]
        "lsq", description="how weights become symbols; lsq, lsq+ and adaround learn it in training"
    )
    weight_bits: keys.WeightBits = 8
    edge_bits: keys.EdgeBits = 10
    last_bits: keys.LastBits = None
    qat_fraction: keys.QatFraction = None
    lambda_: keys.Lambda = None
    loss: keys.Loss = "log_mse"
    lr: float | None = Key(
        None,
        gt=0,
        le=1,
        description="Adam's learning rate; left out, the backbone's own for a width between narrowest and widest",
    )
    decay: keys.Decay = 0.5
    batch_fraction: keys.BatchFraction = 0.25

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        """Defaults that follow from other parameters; see `fill_in`."""
        if not isinstance(data, dict):
            return data
        given = {name: data.get(name, field.default) for name, field in cls.model_fields.items()}
        data = dict(data)
        keys.fill_in_quantisation(data, QUANTIZERS.get(given["quantizer"]), given["edge_bits"])
        if data.get("lr") is None and given["backbone"] in FIELDS and isinstance(given["widths"], str):
            try:
                widths = parse_sizes(_canonical_widths(given["widths"]))
            except ValueError:  # said by the key's own validator
                return data
            data["lr"] = FIELDS[given["backbone"]].default_lr(round(math.sqrt(widths[0] * widths[-1])))
        return data
