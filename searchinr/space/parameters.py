"""A codec's parameters in one flat mapping: their description, their canonical form and their hash.

Keys are the names of the fields of the codec's parameter model, or their aliases if a name would be a word of Python's
(the key `lambda` is the field `lambda_`). A field whose type is another model holds the parameters of one option: their
keys are written with a dot (`siren.omega`), and they are active only if a plain parameter has the option's name as its
value (`backbone: siren`).
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from searchinr.errors import UserError
from searchinr.space.problems import nearest, shown, unknown

Value = str | int | float | bool
ModelT = TypeVar("ModelT", bound=BaseModel)

_TYPES = {"integer": "an integer", "number": "a number", "string": "text", "boolean": "true or false"}


@dataclass(frozen=True)
class Parameter:
    """One search key of a codec.

    Attributes:
        key: Flat key, with a dot if it belongs to an option.
        type: ``"integer"``, ``"number"``, ``"boolean"`` or ``"string"``.
        default: Value if none is given; None if the default follows from other parameters.
        low: Smallest value, or None.
        high: Largest value, or None.
        open_low: Whether `low` itself is excluded.
        open_high: Whether `high` itself is excluded.
        choices: All allowed values; empty if `low` and `high` bound them.
        unit: Unit of the values, or empty.
        meaning: What the parameter does.
        formerly: What the key was called before, or empty.
        conversion: How its value follows from the value under that name, or empty.
    """

    key: str
    type: str
    default: Value | None
    low: float | None
    high: float | None
    open_low: bool
    open_high: bool
    choices: tuple[Value, ...]
    unit: str
    meaning: str
    formerly: str = ""
    conversion: str = ""

    @property
    def allowed(self) -> str:
        """The values that the parameter can take, in words."""
        if self.choices and self.type != "boolean":
            return f"{'one of ' if len(self.choices) > 1 else ''}{', '.join(map(str, self.choices))}"
        bounds = []
        if self.low is not None:
            bounds.append(f"{'above' if self.open_low else 'at least'} {self.low:g}")
        if self.high is not None:
            bounds.append(f"{'below' if self.open_high else 'at most'} {self.high:g}")
        return " ".join([_TYPES[self.type], " and ".join(bounds)]).rstrip()


def parameters(model: type[BaseModel]) -> list[Parameter]:
    """Every search key of a parameter model, in its order.

    Raises:
        TypeError: The model cannot describe parameters. A field has no default; or its type is none of text, integer,
            number, boolean and a model of such fields (each may also be None); or no parameter has a choice with the
            name of a field that holds an option.
    """
    return list(_parameters(model))


def is_active(key: str, chosen: Mapping[str, Value]) -> bool:
    """Whether a parameter is active: a plain one always is, a dotted one only if a plain parameter chooses its option.

    `chosen` are the values of all plain parameters, defaults included; it may have dotted ones as well.
    """
    option, dot, _ = key.partition(".")
    return not dot or any(value == option for name, value in chosen.items() if "." not in name)


def build_params(model: type[ModelT], flat: Mapping[str, Value]) -> ModelT:
    """Builds a codec's `Params` with these values by flat key, and with the defaults of all other parameters.

    Values are not converted: text is not taken for a number, nor a boolean for an integer.

    Raises:
        UserError: A key is unknown, or a value is not allowed; there is one line for each.
    """
    built, wrong = check_params(model, flat)
    if built is None:
        raise UserError("\n".join(f"{key}: {text}" if key else text for key, text in wrong))
    return built


def canonical_params(model: type[BaseModel], given: Mapping[str, Value]) -> dict[str, Value]:
    """Brings a codec's parameters into the one form in which a configuration is recorded, compared and hashed.

    Values are validated, and snapped if the model does so. All defaults are filled in; parameters of options that no
    choice activates, and parameters that are None, are left out. Canonicalising twice changes nothing.

    Raises:
        UserError: For the reasons that `build_params` has.
    """
    flat: dict[str, Value] = {}
    for name, value in _by_key(build_params(model, given)):
        if isinstance(value, BaseModel):
            flat.update({f"{name}.{key}": inner for key, inner in _by_key(value) if inner is not None})
        elif value is not None:
            flat[name] = value
    return {key: value for key, value in flat.items() if is_active(key, flat)}


def config_hash(codec: str, params: Mapping[str, Value], dataset: str, seed: int) -> str:
    """The name of a configuration: 10 hexadecimal digits of the SHA-256 of its canonical JSON.

    The parameters are canonical (`canonical_params`), the dataset is named by its label, and the seed is the fit's.
    """
    return json_hash({"codec": codec, "params": dict(params), "dataset": dataset, "seed": seed})[:10]


def json_hash(value: object) -> str:
    """SHA-256, in hexadecimal digits, of a value's JSON with sorted keys and no spaces."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def unknown_key(model: type[BaseModel], key: str, value: object) -> str:
    """The text of the error for a key that is no parameter of the model, or is none any more."""
    for parameter in _parameters(model):
        if key == parameter.formerly:
            return f"found {shown(value)}; the key is called {parameter.key!r} now: {parameter.conversion}"
    known = [parameter.key for parameter in _parameters(model)]
    inner = [name for name in known if name.startswith(f"{key}.")]
    if inner:
        return f"found {shown(value)} for the option {key!r}; allowed are dotted keys: {', '.join(inner)}"
    return unknown("parameter", key, known)


def check_params(model: type[ModelT], flat: Mapping[str, object]) -> tuple[ModelT | None, list[tuple[str, str]]]:
    """Builds the parameter model with these values, or gives None and the errors as pairs of key and text.

    The key is empty if a validator of the model refuses the values as a whole.
    """
    described = {parameter.key: parameter for parameter in _parameters(model)}
    nested: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for key, value in flat.items():
        option, dot, inner = key.partition(".")
        if key not in described:
            wrong.append((key, unknown_key(model, key, value)))
        elif not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            wrong.append((key, f"found {shown(value)}; allowed {described[key].allowed}"))
        elif dot:
            nested.setdefault(option, {})[inner] = value
        else:
            nested[key] = value
    try:
        built = model.model_validate(nested, strict=True)
    except ValidationError as error:
        return None, wrong + [_explain(details, described) for details in error.errors()]
    return (None if wrong else built), wrong


def _by_key(built: BaseModel) -> Iterator[tuple[str, Any]]:
    """A model's values under the keys that users write."""
    for attribute, field in type(built).model_fields.items():
        yield field.alias or attribute, getattr(built, attribute)


@lru_cache
def _parameters(model: type[BaseModel]) -> tuple[Parameter, ...]:
    described: list[Parameter] = []
    schema = model.model_json_schema()
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        default = field.get_default(call_default_factory=True, validated_data={})
        if default is PydanticUndefined:
            raise TypeError(f"{model.__name__}.{name}: a parameter needs a default")
        if isinstance(default, BaseModel):
            inner = type(default).model_json_schema()["properties"]
            described += [_describe(f"{name}.{key}", inner[key], value) for key, value in _by_key(default)]
        else:
            described.append(_describe(name, schema["properties"][name], default))
    choices = {choice for parameter in described if "." not in parameter.key for choice in parameter.choices}
    for parameter in described:
        option, dot, _ = parameter.key.partition(".")
        if dot and option not in choices:
            raise TypeError(f"{model.__name__}.{option}: no parameter has the choice {option!r}")
    return tuple(described)


def _describe(key: str, schema: Mapping[str, Any], default: Value | None) -> Parameter:
    """Makes a parameter from its JSON schema, in which pydantic has gathered types, bounds and descriptions."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    if len(kinds) != 1 or kinds[0].get("type") not in _TYPES:
        raise TypeError(f"parameter {key}: allowed is text, integer, number, boolean, or one of them or None")
    kind = kinds[0]
    choices = kind.get("enum", [kind["const"]] if "const" in kind else [])
    return Parameter(
        key=key,
        type=kind["type"],
        default=default,
        low=kind.get("minimum", kind.get("exclusiveMinimum")),
        high=kind.get("maximum", kind.get("exclusiveMaximum")),
        open_low="exclusiveMinimum" in kind,
        open_high="exclusiveMaximum" in kind,
        choices=(False, True) if kind["type"] == "boolean" else tuple(choices),
        unit=schema.get("unit", ""),
        meaning=schema.get("description", ""),
        formerly=schema.get("formerly", ""),
        conversion=schema.get("conversion", ""),
    )


def _explain(error: ErrorDetails, described: Mapping[str, Parameter]) -> tuple[str, str]:
    key = ".".join(str(part) for part in error["loc"][:2])
    if error["type"] in ("value_error", "assertion_error"):  # a validator of the model has raised it
        text = str(error["ctx"]["error"])
        return key, f"found {shown(error['input'])}; {text}" if key in described else text
    if key not in described:
        return key, error["msg"]
    found = error["input"]
    close = nearest(found, described[key].choices) if isinstance(found, str) else ""
    return key, f"found {shown(found)}; allowed {described[key].allowed}{close}"
