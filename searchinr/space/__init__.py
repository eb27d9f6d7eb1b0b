"""The search-space file: its schema, its reader, whose errors have line numbers, canonical parameters, and hashes."""

from searchinr.space.bounds import Bound
from searchinr.space.domains import Choice, Domain, Range
from searchinr.space.load import load_config, load_space, validated
from searchinr.space.metrics import OF_FILES, PSNR, SSIM, STANDARD, Direction, Metric
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
from searchinr.space.problems import Finding, Loc, Problem, SpaceError, nearest, shown, unknown
from searchinr.space.schema import (
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

__all__ = [
    "OF_FILES",
    "PSNR",
    "SSIM",
    "STANDARD",
    "Bound",
    "Catalog",
    "Choice",
    "Confirm",
    "DatasetEntry",
    "Direction",
    "Document",
    "Domain",
    "Fidelity",
    "Finding",
    "Loc",
    "Metric",
    "MlflowSettings",
    "Parameter",
    "Problem",
    "Range",
    "Resources",
    "SearchSettings",
    "Space",
    "SpaceError",
    "Value",
    "build_params",
    "canonical_params",
    "config_hash",
    "dump_space",
    "dump_yaml",
    "is_active",
    "json_hash",
    "load_config",
    "load_space",
    "nearest",
    "parameters",
    "read_safe_yaml",
    "read_source",
    "read_yaml",
    "shown",
    "space_hash",
    "unknown",
    "validated",
]
