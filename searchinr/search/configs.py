"""The configs that a search may try."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, TypeGuard

from pydantic import AllowInfNan, Field

from searchinr.search.figures import Text
from searchinr.space import Choice, Domain, Range, Value, is_active

Canonicalise = Callable[[str, Mapping[str, Value]], dict[str, Value]]
"""`(codec, params) -> params` with defaults filled in and inactive options dropped."""

_CODEC = "codec"

_Value = Text | bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[float, AllowInfNan(False)]
"""A `Value` as a line of a ledger may have it."""


@dataclass(frozen=True)
class Config:
    """One codec with its parameters.

    Attributes:
        codec: Name of the codec.
        params: Canonical parameters in one flat mapping; the key of an option's parameter has a dot in it.
    """

    codec: Text
    params: dict[Text, _Value]


class ConfigSpace:
    """All configs of a search space: codecs, domains of their parameters, and which parameter depends on which.

    Open parameters have names that are unique over codecs: ``"codec"``, ``"mlp.depth"``, ``"mlp.siren.omega"``.

    Attributes:
        codecs: Domain of every parameter that the space file gives, by codec and key.
    """

    def __init__(self, codecs: Mapping[str, Mapping[str, Domain]], canonicalise: Canonicalise) -> None:
        self.codecs = codecs
        self._canonicalise = canonicalise

    def assemble(self, pick: Callable[[str, Choice | Range], Value]) -> Config:
        """Builds a config by picking a value, `(name, domain) -> value`, for every parameter that is open.

        The parameters of an option are asked for only after the parameter that activates it, and only if it is active.
        """
        codec = str(_value(_CODEC, Choice(tuple(self.codecs)), pick))
        plain, options = self._split(codec)
        chosen = {key: _value(f"{codec}.{key}", domain, pick) for key, domain in plain.items()}
        active = _active(options, chosen)
        chosen |= {key: _value(f"{codec}.{key}", domain, pick) for key, domain in active.items()}
        return self.canonical(codec, chosen)

    def canonical(self, codec: str, params: Mapping[str, Value]) -> Config:
        """The config with its parameters in canonical form."""
        return Config(codec, self._canonicalise(codec, params))

    @cached_property
    def open(self) -> dict[str, Choice | Range]:
        """Every open parameter of every codec by name, also those that only some configs have."""
        named: dict[str, Domain] = {_CODEC: Choice(tuple(self.codecs))}
        for codec, domains in self.codecs.items():
            named |= {f"{codec}.{key}": domain for key, domain in domains.items()}
        return {name: domain for name, domain in named.items() if _is_open(domain)}

    def chosen(self, config: Config) -> dict[str, Value]:
        """The open parameters that a config has, by name."""
        values: dict[str, Value] = {_CODEC: config.codec}
        values |= {f"{config.codec}.{key}": value for key, value in config.params.items()}
        return {name: values[name] for name in self.open if name in values}

    @property
    def is_finite(self) -> bool:
        """Whether every parameter is a constant or a choice."""
        return not any(isinstance(domain, Range) for domains in self.codecs.values() for domain in domains.values())

    def enumerate(self) -> Iterator[tuple[str, dict[str, Value]]]:
        """Every codec and its parameters in a finite space, in the space file's order; the last key changes fastest."""
        for codec in self.codecs:
            plain, options = self._split(codec)
            for chosen in _products(plain):
                for further in _products(_active(options, chosen)):
                    yield codec, chosen | further

    def _split(self, codec: str) -> tuple[dict[str, Domain], dict[str, Domain]]:
        """The domains of a codec's plain parameters, and those of its options' parameters."""
        domains = self.codecs[codec]
        plain = {key: domain for key, domain in domains.items() if "." not in key}
        return plain, {key: domain for key, domain in domains.items() if "." in key}


def in_range(value: float, domain: Range) -> Value:
    """`value` as a member of the range: an integer, or a float rounded to four digits, so that people can read it."""
    tidy = round(value) if domain.integer else float(f"{value:.4g}")
    clipped = min(max(tidy, domain.low), domain.high)
    return int(clipped) if domain.integer else float(clipped)


def _active(options: Mapping[str, Domain], chosen: Mapping[str, Value]) -> dict[str, Domain]:
    """The parameters of the options that `chosen` activates."""
    return {key: domain for key, domain in options.items() if is_active(key, chosen)}


def _is_open(domain: Domain) -> TypeGuard[Choice | Range]:
    """Whether a domain leaves a value to be chosen; a constant does not."""
    return isinstance(domain, Range) or (isinstance(domain, Choice) and len(domain.values) > 1)


def _values(domain: Domain) -> tuple[Value, ...]:
    """All values of a finite domain; empty for a range."""
    if isinstance(domain, Choice):
        return domain.values
    return () if isinstance(domain, Range) else (domain,)


def _value(name: str, domain: Domain, pick: Callable[[str, Choice | Range], Value]) -> Value:
    return pick(name, domain) if _is_open(domain) else _values(domain)[0]


def _products(domains: Mapping[str, Domain]) -> Iterator[dict[str, Value]]:
    """Every combination of the values of finite domains."""
    for combination in product(*map(_values, domains.values())):
        yield dict(zip(domains, combination, strict=True))
