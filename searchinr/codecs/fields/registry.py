"""All backbones by name: the modules of this package that define `FIELD`."""

import searchinr.codecs.fields
from searchinr.codecs.fields.contract import Field
from searchinr.discover import discover

FIELDS: dict[str, type[Field]] = discover(searchinr.codecs.fields, "FIELD", Field)  # type: ignore[type-abstract]
