"""Reads and writes YAML as a tree of plain values; a reader also gets the line of every key.

Scalars follow the core schema of YAML 1.2, in which `1e-4` is a number and `no` is text. PyYAML itself follows YAML
1.1, in which it is the other way round; files that other programs read by these rules are read by them here as well.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from searchinr.space.problems import Loc, Problem, SpaceError, dotted

_TAG = "tag:yaml.org,2002:"
_MAX_VALUES = 100_000  # the most values that a file may have when all its aliases are written out

# For each type of scalar: the plain text that stands for it, and the characters with which this text can begin.
_SCALARS = (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", [*"-+."]),
)
_VALUES: dict[str, Callable[[str], str | int | float | None]] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": int,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
}
_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _name, _pattern, _beginnings in _SCALARS:
    for _character in _beginnings:
        _RESOLVERS.setdefault(_character, []).append((_TAG + _name, re.compile(rf"(?:{_pattern})\Z")))


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _RESOLVERS

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # A file of a few lines with nested aliases can stand for gigabytes, or contain itself.
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="found an alias (*), write the value out", problem_mark=mark)
        node = super().compose_node(parent, index)
        is_key = isinstance(parent, yaml.MappingNode) and index is None  # so PyYAML has it, whatever its type says
        if is_key and isinstance(node, yaml.ScalarNode):
            node.tag = f"{_TAG}str"  # a key is text, whatever it looks like
        return node


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str | int | float | None:
    kind, text = node.tag.removeprefix(_TAG), loader.construct_scalar(node)
    try:
        return _VALUES[kind](text)
    except (KeyError, ValueError):  # the tag does not fit, or there are more digits than Python converts
        raise _not_of_its_type(node) from None


def _not_of_its_type(node: yaml.Node) -> yaml.MarkedYAMLError:
    problem = f"found {str(node.value)[:40]!r} as {node.tag.removeprefix(_TAG)}"
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _refuse(loader: yaml.SafeLoader, node: yaml.Node) -> None:
    tag = node.tag.replace(_TAG, "!!")
    raise yaml.MarkedYAMLError(problem=f"found the tag {tag!r}, write a plain value", problem_mark=node.start_mark)


_Loader.yaml_constructors = {
    None: _refuse,
    f"{_TAG}map": lambda loader, node: loader.construct_mapping(node, deep=True),
    f"{_TAG}seq": lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
    **{f"{_TAG}{kind}": _scalar for kind in _VALUES},
}


class _SafeLoader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError):  # a day that no month has, or more digits than Python converts
            raise _not_of_its_type(node) from None


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _RESOLVERS


@dataclass
class Document:
    """A YAML file as read.

    Attributes:
        file: The file as the user named it.
        value: Mappings as dicts with text as keys, lists as tuples, scalars as str, int, float, bool or None.
        lines: Line of every key and list item, from 1.
        problems: Duplicate keys and keys that are not text.
    """

    file: str
    value: object = None
    lines: dict[Loc, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, loc: Loc, text: str) -> Problem:
        """A problem at `loc`; if the file has no such path, it gets the line of the nearest key above it."""
        at = loc
        while at and at not in self.lines:
            at = at[:-1]
        return Problem(self.file, self.lines.get(at), dotted(loc), text)

    def note(self, line: int | None, loc: Loc, text: str) -> None:
        """Adds to the problems one of a key that `lines` does not have."""
        self.problems.append(Problem(self.file, line, dotted(loc), text))


def read_yaml(path: Path) -> Document:
    """Reads a YAML file of one document; only plain values are built, and no other objects.

    Raises:
        SpaceError: The file is missing, unreadable, not UTF-8, or not YAML: one problem, on one line.
    """
    return _read(path, _Loader)


def read_source(source: Path | Mapping[str, object], name: str) -> Document:
    """Reads a YAML file as `read_yaml` does or, in its place, a tree of Python's own lists, mappings and scalars.

    Messages about what is wrong with a tree call it `name`.
    """
    if isinstance(source, Path):
        return read_yaml(source)
    document = Document(name)
    document.value = _plain(source, (), document)
    return document


def _plain(value: object, loc: Loc, document: Document) -> object:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                document.note(None, loc, f"found {key!r} as a key; allowed text")
        return {key: _plain(item, (*loc, key), document) for key, item in value.items() if isinstance(key, str)}
    if isinstance(value, list | tuple):
        return tuple(_plain(item, (*loc, index), document) for index, item in enumerate(value))
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def read_safe_yaml(path: Path) -> Document:
    """Reads a file by the rules of YAML 1.1 and with aliases, as `yaml.safe_load` does; see `read_yaml` for errors."""
    return _read(path, _SafeLoader)


def _read(path: Path, loader_class: type[yaml.SafeLoader]) -> Document:
    document = Document(str(path))
    try:
        text = path.read_bytes().decode("utf-8-sig")
        loader = loader_class(text)
        try:
            root = loader.get_single_node()
            if root is not None:
                _find_lines(root, (), document, itertools.count())
                document.value = loader.construct_document(root)
        finally:
            loader.dispose()
    except FileNotFoundError:
        problem = Problem(document.file, None, "", "no such file")
    except OSError as error:
        problem = Problem(document.file, None, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{error.object[error.start]:02x}; allowed UTF-8 text"
        problem = Problem(document.file, line, "", found)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"found control character 0x{error.character:02x}; allowed text"
        problem = Problem(document.file, line, "", found)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        assert mark is not None  # every error of the scanner, parser, composer and this file has one
        found = ": ".join(part for part in (error.context, error.problem) if part)
        if ">=" in text[max(mark.index - 1, 0) : mark.index + 2]:  # in YAML a plain word must not begin with >
            found += "; write a bound with > in quotes: '>= NUMBER'"
        problem = Problem(document.file, mark.line + 1, "", f"not valid YAML: {found}", mark.column + 1)
    except RecursionError:
        problem = Problem(document.file, None, "", "found mappings or lists nested too deeply")
    else:
        return document
    raise SpaceError([problem])


def dump_yaml(value: object) -> str:
    """Writes plain values as YAML that `read_yaml` reads back to equal values; keys keep their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _find_lines(node: yaml.Node, loc: Loc, document: Document, visits: Iterator[int]) -> None:
    """Notes the line of every key and item. A key that is no text or not unique is left out, and noted as a problem."""
    if next(visits) > _MAX_VALUES:
        problem = f"found more than {_MAX_VALUES} values, as aliases (*) count again each time"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            document.lines[*loc, index] = item.start_mark.line + 1
            _find_lines(item, (*loc, index), document, visits)
    if not isinstance(node, yaml.MappingNode):
        return
    own: dict[str, int] = {}
    for pair in sorted(node.value, key=lambda pair: pair[0].tag != f"{_TAG}merge"):  # merged keys are overridden
        key, value = pair
        line = key.start_mark.line + 1
        if key.tag == f"{_TAG}merge":
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                _find_lines(merged, loc, document, visits)
            continue
        if key.tag != f"{_TAG}str":
            found = f"found {key.value!r}" if isinstance(key, yaml.ScalarNode) else "found a list or a mapping"
            document.note(line, loc, f"{found} as a key; allowed text")
            node.value.remove(pair)
        elif key.value in own:
            first = own[key.value]
            document.note(line, (*loc, key.value), f"found a second time, first in line {first}; allowed once")
            node.value.remove(pair)
        else:
            own[key.value] = document.lines[*loc, key.value] = line
            _find_lines(value, (*loc, key.value), document, visits)
