"""Imports run downwards only: from a room to one on a lower floor, and never in a circle between files."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "searchinr"

# From the top floor down; rooms of one floor do not know each other.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("__init__",),  # the public API
    ("api",),
    ("run",),
    ("engine/run",),
    ("engine/tracking", "engine/planning"),
    ("engine/results", "engine/check"),
    ("engine/cluster", "engine/report", "engine/coding"),
    ("engine/workers", "engine/catalog", "engine/ids"),
    ("engine/terminal", "engine/store"),
    ("trial",),
    ("codecs/registry",),
    ("codecs/combiner", "codecs/mlp", "codecs/once_for_all", "codecs/shacira"),
    ("codecs/decoders",),
    ("codecs/fitting", "codecs/render", "codecs/work", "codecs/level_names"),
    ("codecs/contract", "codecs/params"),
    ("codecs/fields", "codecs/quantize"),
    ("codecs/bitstream",),
    ("signals", "search"),
    ("space",),
    ("discover",),
    ("errors", "reserved", "files", "addresses", "allocator", "cores", "version"),
)
FLOOR_OF = {room: -number for number, rooms in enumerate(FLOORS) for room in rooms}

FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imported_by(module: str) -> set[str]:
    """The modules of ours that a module imports, wherever in the file; a package's own face counts as its room."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in FILES}
        elif isinstance(node, ast.ImportFrom) and node.module in FILES:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & FILES.keys() or {node.module}
    return found


IMPORTS = {module: imported_by(module) for module in FILES}


def room(module: str) -> str:
    """The room of a module: a folder, and in the large houses of codecs and engine what lies right in them."""
    parts = FILES[module].relative_to(PACKAGE).with_suffix("").parts
    return "/".join(parts[:2]) if parts[0] in ("codecs", "engine") else parts[0]


def is_face(module: str) -> bool:
    """Whether it only says what a package is."""
    return FILES[module].name == "__init__.py" and room(module).endswith("__init__") and "/" in room(module)


def test_imports_run_downwards() -> None:
    up = {
        f"{module} imports {target}"
        for module, targets in IMPORTS.items()
        for target in targets
        if not is_face(target) and room(target) != room(module) and FLOOR_OF[room(target)] >= FLOOR_OF[room(module)]
    }
    assert not up


def test_no_imports_run_in_a_circle() -> None:
    assert list(TopologicalSorter(IMPORTS).static_order())


def test_nobody_imports_a_private_name() -> None:
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("searchinr"):
                private = [
                    alias.name for alias in node.names if alias.name.startswith("_") and alias.name != "__version__"
                ]
                assert not private, f"{module} imports {private} of {node.module}"
