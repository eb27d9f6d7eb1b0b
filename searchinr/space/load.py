"""Reads files that the user wrote, and reports everything that is wrong with a file at once, by line."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from searchinr.space.domains import parse_domains
from searchinr.space.parameters import check_params
from searchinr.space.problems import Finding, Loc, SpaceError, nearest, shown, unknown
from searchinr.space.schema import Catalog, Space
from searchinr.space.yaml_lines import Document, read_source

Model = TypeVar("Model", bound=BaseModel)

# What is allowed, for those errors of pydantic whose own text speaks of Python's types.
_ALLOWED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "an integer",
    "model_type": "a mapping",
    "string_too_short": "text that is not empty",
    "string_type": "text",
    "too_short": "at least one entry",
    "tuple_type": "a list",
}


def load_space(source: Path | Mapping[str, object], catalog: Catalog) -> Space:
    """Reads and checks a search space, from a file or from the content that it would have.

    Raises:
        SpaceError: Everything that is wrong with the space, one line each, in the order of the lines.
    """
    document = read_source(source, "space")
    tree, findings = document.value, list[Finding]()
    if isinstance(tree, Mapping) and isinstance(tree.get("codecs"), Mapping):
        codecs: dict[str, object] = {}
        for codec, given in tree["codecs"].items():
            codecs[codec] = given
            if codec not in catalog.codecs:
                findings.append((("codecs", codec), unknown("codec", codec, catalog.codecs)))
                codecs[codec] = {}
            elif isinstance(given, Mapping):
                domains, found = parse_domains(catalog.codecs[codec], given)
                if not found and codec in catalog.complete:
                    domains, found = catalog.complete[codec](domains)
                codecs[codec] = domains
                findings += [(("codecs", codec, *loc), text) for loc, text in found]
        tree = {**tree, "codecs": codecs}
    return _build(Space, tree, document, findings, catalog)


def load_config(source: Path | Mapping[str, object], model: type[Model], catalog: Catalog) -> Model:
    """Reads and checks one configuration, from a file or from the content that it would have.

    Its schema has the keys `codec`, which has a default, and `params`, which are checked against the codec's parameter
    model.

    Raises:
        SpaceError: Everything that is wrong with the configuration, one line each, in the order of the lines.
    """
    document = read_source(source, "config")
    tree, findings = document.value, list[Finding]()
    if isinstance(tree, Mapping):
        codec, params = tree.get("codec", model.model_fields["codec"].default), tree.get("params")
        if isinstance(codec, str) and codec not in catalog.codecs:
            findings.append(
                (("codec",), f"found {codec!r}; allowed {', '.join(catalog.codecs)}{nearest(codec, catalog.codecs)}")
            )
        elif isinstance(codec, str) and isinstance(params, Mapping):
            _, wrong = check_params(catalog.codecs[codec], params)
            findings += [(("params", key) if key else ("params",), text) for key, text in wrong]
            if wrong:
                tree = {**tree, "params": {}}
    return _build(model, tree, document, findings, catalog)


def _build(model: type[Model], tree: object, document: Document, findings: list[Finding], catalog: Catalog) -> Model:
    """Builds the model of a file's content; findings and pydantic's errors are raised together as its problems."""
    built, wrong = validated(model, tree, catalog)
    problems = document.problems + [document.problem(loc, text) for loc, text in findings + wrong]
    if problems or built is None:
        raise SpaceError(problems)
    return built


def validated(model: type[Model], tree: object, context: Catalog | None = None) -> tuple[Model | None, list[Finding]]:
    """Validates a part of a file: gives its model, or None and what is wrong with the part."""
    try:
        return model.model_validate(tree, context=context), []
    except ValidationError as error:
        return None, [
            (details["loc"], _explain(details, model))
            for details in error.errors()
            # a list that is too short only because of its wrong items is not reported as too short as well
            if details["type"] != "too_short" or not details["input"]
        ]


def _explain(error: ErrorDetails, model: type[BaseModel]) -> str:
    """The text of one of pydantic's errors, in terms that the file uses."""
    found = shown(error["input"])
    match error["type"]:
        case "space":  # raised by the schema itself
            return error["msg"]
        case "extra_forbidden":
            return unknown("key", str(error["loc"][-1]), _keys(model, error["loc"][:-1]))
        case "missing":
            return "missing, and it has no default"
        case "literal_error":
            expected = error["ctx"]["expected"]
            options = re.findall("'([^']*)'", expected)
            return f"found {found}; allowed {expected}{nearest(error['input'], options)}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"found {found}; allowed a number {error['msg'].removeprefix('Input should be ')}"
        case kind:
            return f"found {found}; allowed {_ALLOWED.get(kind, error['msg'].removeprefix('Input should be '))}"


def _keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that the section at a path may have."""
    for name in loc:
        if isinstance(name, str):
            annotation = model.model_fields[name].annotation
            model = next(
                t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, BaseModel)
            )
    return [field.alias or name for name, field in model.model_fields.items()]
