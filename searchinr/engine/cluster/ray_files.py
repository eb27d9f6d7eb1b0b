"""Ray's schema and defaults of cluster files, read from its package without importing Ray."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, ValidationError

from searchinr.space import Finding, nearest, read_safe_yaml, shown, unknown

EXTERNAL = "external"
_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


def schema_findings(config: dict[str, Any]) -> list[Finding]:
    """Everything in a cluster file that breaks the schema of the installed version of Ray."""
    findings: list[Finding] = []
    for error in Draft7Validator(_schema()).iter_errors(config):
        findings += [finding for finding in _findings(error) if finding not in findings]
    return findings


def provider_types() -> list[str]:
    """The kinds of providers that `ray up` knows."""
    return sorted([*(path.parent.name for path in _autoscaler().glob("*/defaults.yaml")), EXTERNAL])


def defaults(provider: str) -> dict[str, Any]:
    """The defaults that `ray up` uses for missing keys; empty for providers that Ray does not bring along."""
    path = _autoscaler() / provider / "defaults.yaml"
    found = read_safe_yaml(path).value if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _findings(error: ValidationError) -> list[Finding]:
    loc = tuple(error.absolute_path)
    rule, found = error.validator_value, shown(error.instance)
    match error.validator:
        case "additionalProperties":
            allowed = error.schema.get("properties", {})
            return [((*loc, key), unknown("key", str(key), allowed)) for key in error.instance if key not in allowed]
        case "required":
            return [((*loc, key), "missing, and it has no default") for key in rule if key not in error.instance]
        case "type":
            kinds = " or ".join(_TYPES[kind] for kind in ([rule] if isinstance(rule, str) else rule))
            return [(loc, f"found {found}; allowed {kinds}")]
        case "enum":
            return [(loc, f"found {found}; allowed {', '.join(map(str, rule))}{nearest(error.instance, rule)}")]
        case "minimum":
            return [(loc, f"found {found}; allowed a number at least {rule}")]
    return [(loc, f"found {found}; {error.message}")]


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_autoscaler() / "ray-schema.json").read_bytes())
    return schema


def _autoscaler() -> Path:
    spec = find_spec("ray")
    assert spec is not None and spec.origin is not None  # Ray is a dependency of ours
    return Path(spec.origin).parent / "autoscaler"
