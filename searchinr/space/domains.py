"""Domains: the values over which a parameter is searched, and how a space file writes them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from searchinr.space.parameters import Parameter, Value, check_params, parameters, unknown_key
from searchinr.space.problems import Finding, nearest, shown


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        values: The values, at least one; all are different.
    """

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Range:
    """Every value between two bounds.

    Attributes:
        low: Smallest value.
        high: Largest value, above `low`.
        log: Whether values are drawn uniformly in the logarithm; `low` is then above 0.
        integer: Whether the range holds integers only.
    """

    low: float
    high: float
    log: bool
    integer: bool


Domain = Value | Choice | Range
"""The values over which a parameter is searched; a plain value means that the parameter is constant."""

_FORMS = ("choice", "range", "log")
_ALLOWED = "a constant, {choice: [A, B, ...]}, {range: [LOW, HIGH]} or {log: [LOW, HIGH]}"


def parse_domains(model: type[BaseModel], given: Mapping[str, object]) -> tuple[dict[str, Domain], list[Finding]]:
    """Parses the domains of one codec, as the space file writes them by flat key, and checks them against its `Params`.

    Plain parameters come before the parameters of options. If the file leaves out a parameter whose default activates
    some of the file's keys, this default is added as a constant, so that `is_active` needs nothing but the domains.

    Returns:
        The valid domains, and what is wrong with the other ones (paths start at the parameter's key).
    """
    described = {parameter.key: parameter for parameter in parameters(model)}
    findings: list[Finding] = []
    domains: dict[str, Domain] = {}
    for key, value in given.items():
        if key not in described:
            findings.append(((key,), unknown_key(model, key, value)))
            continue
        parser = _Parser(described[key], model, findings)
        domain = parser.domain(value)
        if domain is not None:
            domains[key] = domain
    plain = {key: domain for key, domain in domains.items() if "." not in key}
    defaults: dict[str, Domain] = {}
    for key in domains:
        option, dot, _ = key.partition(".")
        if not dot:
            continue
        choosers = [p for p in described.values() if "." not in p.key and option in p.choices]
        defaults.update({p.key: option for p in choosers if p.key not in given and p.default == option})
        possible = {p.key: _values(plain.get(p.key, p.default)) for p in choosers}
        wrong = any(p.key in given and p.key not in plain for p in choosers)  # they are reported already
        if not wrong and not any(option in values for values in possible.values()):
            where = " or ".join(f"{name!r} can be {option!r}" for name in possible)
            here = ", ".join(str(value) for values in possible.values() for value in values)
            findings.append(
                ((key,), f"found a parameter of the option {option!r}; allowed where {where} (here: {here})")
            )
    return defaults | plain | domains, findings


def as_yaml(domain: Domain) -> Value | dict[str, list[Value]]:
    """The domain in the form in which a space file writes it."""
    if isinstance(domain, Choice):
        return {"choice": list(domain.values)}
    if isinstance(domain, Range):
        number = int if domain.integer else float
        return {"log" if domain.log else "range": [number(domain.low), number(domain.high)]}
    return domain


def _values(domain: Domain | None) -> tuple[Value, ...]:
    """All values of a parameter that has choices, and so never a range."""
    if isinstance(domain, Choice):
        return domain.values
    return () if domain is None or isinstance(domain, Range) else (domain,)


@dataclass(frozen=True)
class _Parser:
    """Reads the domain of one parameter; a method that cannot adds the reason to `findings` and returns None."""

    parameter: Parameter
    model: type[BaseModel]
    findings: list[Finding]

    def domain(self, written: object) -> Domain | None:
        if isinstance(written, str | int | float):
            return self._value(written)
        form, items = "", None
        if isinstance(written, Mapping) and len(written) == 1:
            form, items = next(iter(written.items()))
        if form not in _FORMS:
            self._find(f"found {shown(written)}; allowed {_ALLOWED}{nearest(form, _FORMS)}")
        elif not isinstance(items, tuple):
            self._find(f"found {shown(items)}; allowed a list", form)
        elif form == "choice":
            return self._choice(items)
        else:
            return self._range(items, form)
        return None

    def _choice(self, items: tuple[object, ...]) -> Choice | None:
        if not items:
            self._find(f"found an empty choice; allowed at least one value: {self.parameter.allowed}", "choice")
            return None
        values: list[Value] = []
        for index, item in enumerate(items):
            value = self._value(item, "choice", index)
            if value is not None and value in values:
                self._find(f"found {shown(item)} a second time; allowed once", "choice", index)
            elif value is not None:
                values.append(value)
        return Choice(tuple(values)) if len(values) == len(items) else None

    def _range(self, items: tuple[object, ...], form: str) -> Range | None:
        if self.parameter.choices or self.parameter.type not in ("integer", "number"):
            self._find(f"found a range; allowed a constant or a choice: {self.parameter.allowed}", form)
        elif len(items) != 2:
            self._find(f"found {shown(items)}; allowed two numbers, [LOW, HIGH]", form)
        elif form == "log" and isinstance(items[0], int | float) and items[0] <= 0:
            self._find(f"found {shown(items[0])}; allowed a number above 0, as its logarithm is taken", form, 0)
        else:
            low, high = (self._value(item, form, index) for index, item in enumerate(items))
            if low is not None and high is not None:
                return self._between(float(low), float(high), items, form)
        return None

    def _between(self, low: float, high: float, items: tuple[object, ...], form: str) -> Range | None:
        if low == high:
            constant = f"or the constant {shown(items[0])}"
            self._find(f"found the empty range {shown(items)}; allowed LOW below HIGH, {constant}", form)
        elif low > high:
            close = f"did you mean {shown(items[::-1])}?"
            self._find(f"found the reversed range {shown(items)}; allowed LOW below HIGH; {close}", form)
        else:
            return Range(low, high, form == "log", self.parameter.type == "integer")
        return None

    def _value(self, written: object, *at: str | int) -> Value | None:
        # The value is checked with all other parameters at their defaults, so that only its own faults are found.
        _, wrong = check_params(self.model, {self.parameter.key: written})
        for key, text in wrong:
            if key == self.parameter.key:
                self._find(text, *at)
                return None
        assert isinstance(written, str | int | float)  # the model has accepted it, so it has the parameter's type
        return float(written) if self.parameter.type == "number" else written

    def _find(self, text: str, *at: str | int) -> None:
        self.findings.append(((self.parameter.key, *at), text))
