"""The search-space file: its schema, its reader, whose errors have line numbers, canonical parameters, and hashes."""

from searchinr.space.bounds import Bound
from searchinr.space.domains import Choice, Domain, Range
from searchinr.space.load import load_config, load_space, validated
from searchinr.space.metrics import LOSSLESS_DB, OF_FILES, PSNR, SSIM, STANDARD, Direction, HasFigures, Metric
from searchinr.space.parameters import (
    Parameter,
    Value,
    build_params,
    canonical_params,
    config_hash,
    is_active,
    json_hash,
    parameters,
)
from searchinr.space.problems import Finding, Loc, Problem, SpaceError, nearest, refused, shown, unknown
from searchinr.space.schema import (
    MAX_STEPS,
    Catalog,
    Confirm,
    DatasetEntry,
    Fidelity,
    MlflowSettings,
    Resources,
    SearchSettings,
    Space,
    dump_space,
    space_hash,
)
from searchinr.space.yaml_lines import Document, dump_yaml, read_safe_yaml, read_source, read_yaml
