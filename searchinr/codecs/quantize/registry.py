"""All quantisers by name: the modules of this package that define `QUANTIZER`."""

import searchinr.codecs.quantize
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.discover import discover

QUANTIZERS: dict[str, type[Quantizer]] = discover(searchinr.codecs.quantize, "QUANTIZER", Quantizer)  # type: ignore[type-abstract]
