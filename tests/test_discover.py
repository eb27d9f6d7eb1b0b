import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from searchinr.discover import discover


class Base:
    name: str
    id: int


PLUGIN = "from test_discover import Base\nclass Plugin(Base):\n    name, id = {name!r}, {id}\nPLUGIN = Plugin\n"

MakePackage = Callable[..., ModuleType]


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePackage:
    def make(**modules: str) -> ModuleType:
        folder = tmp_path / "plugins_under_test"
        (folder / "inner").mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "inner" / "__init__.py").write_text(PLUGIN.format(name="a package", id=1))
        (folder / "inner" / "deeper.py").write_text("raise RuntimeError('what is inside a package is its own')")
        for name, source in modules.items():
            (folder / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        for name in [name for name in sys.modules if name.startswith("plugins_under_test")]:
            monkeypatch.delitem(sys.modules, name)
        return __import__("plugins_under_test")

    return make


def test_finds_plugins_in_the_order_of_their_ids(make_package: MakePackage) -> None:
    package = make_package(
        a=PLUGIN.format(name="last", id=2), b=PLUGIN.format(name="first", id=0), helper="SOMETHING = 1\n"
    )
    found = discover(package, "PLUGIN", Base)
    assert list(found) == ["first", "a package", "last"]
    assert [cls.id for cls in found.values()] == [0, 1, 2]


@pytest.mark.parametrize(("name", "number", "what"), [("same", 1, "name"), ("other", 0, "id")])
def test_names_and_ids_are_unique(make_package: MakePackage, name: str, number: int, what: str) -> None:
    package = make_package(a=PLUGIN.format(name="same", id=0), b=PLUGIN.format(name=name, id=number))
    with pytest.raises(TypeError, match=f"share the same {what}"):
        discover(package, "PLUGIN", Base)


@pytest.mark.parametrize("value", ["int", "7", "lambda: None"])
def test_other_things_under_that_name_are_refused(make_package: MakePackage, value: str) -> None:
    package = make_package(a=f"PLUGIN = {value}\n")
    with pytest.raises(TypeError, match=r"plugins_under_test\.a\.PLUGIN is not a Base"):
        discover(package, "PLUGIN", Base)
