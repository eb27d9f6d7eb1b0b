"""The search-space file: what it may say, reading it with line-numbered errors, canonical parameters and hashes."""

from searchinr.space.bounds import Bound
from searchinr.space.domains import Choice, Domain, Range
from searchinr.space.load import load_config, load_space
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
from searchinr.space.problems import Finding, Problem, SpaceError
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
from searchinr.space.yaml_lines import dump_yaml

__all__ = [
    "Bound",
    "Catalog",
    "Choice",
    "Confirm",
    "DatasetEntry",
    "Domain",
    "Fidelity",
    "Finding",
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
    "parameters",
    "space_hash",
]
