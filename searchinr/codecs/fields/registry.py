"""All backbones by name: the modules of this package that define `FIELD`, and those of other packages."""

import searchinr.codecs.fields
from searchinr.codecs.fields.contract import Field
from searchinr.discover import BACKBONE_KIND, Registry, discover

FIELDS: Registry[type[Field]] = discover(BACKBONE_KIND, searchinr.codecs.fields, Field)  # type: ignore[type-abstract]
