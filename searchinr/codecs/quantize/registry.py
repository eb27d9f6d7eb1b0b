"""All quantisers by name: the modules of this package that define `QUANTIZER`, and those of other packages."""

import searchinr.codecs.quantize
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.discover import QUANTISER_KIND, Registry, discover

QUANTIZERS: Registry[type[Quantizer]] = discover(QUANTISER_KIND, searchinr.codecs.quantize, Quantizer)  # type: ignore[type-abstract]
