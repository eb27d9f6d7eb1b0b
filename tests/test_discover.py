import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from searchinr.discover import Kind, Registry, discover, instances
from searchinr.errors import InvalidFileError, UserError
from searchinr.reserved import Reservation

KIND = Kind("thing", "PLUGIN", "searchinr.things_under_test", range(8))


class Base:
    name: str
    id: int


PLUGIN = "from test_discover import Base\nclass Plugin(Base):\n    name, id = {name!r}, {id}\nPLUGIN = Plugin\n"

MakePackage = Callable[..., ModuleType]
Install = Callable[..., None]


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


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package with one plug-in, as pip leaves it: a module, and a `dist-info` folder that names it."""

    def make(package: str, source: str, version: str = "1.0") -> None:
        module = f"{package.replace('-', '_')}_under_test"
        site = tmp_path / "site"
        info = site / f"{package.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{KIND.group}]\nlab = {module}:PLUGIN\n")
        (site / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return make


def found(package: ModuleType) -> Registry[type[Base]]:
    return discover(KIND, package, Base)


def test_finds_plugins_in_the_order_of_their_ids(make_package: MakePackage) -> None:
    package = make_package(
        a=PLUGIN.format(name="last", id=2), b=PLUGIN.format(name="first", id=0), helper="SOMETHING = 1\n"
    )
    assert list(found(package)) == ["first", "a package", "last"]
    assert [cls.id for cls in found(package).values()] == [0, 1, 2]
    assert instances(found(package))["last"].id == 2


@pytest.mark.parametrize(("name", "number", "what"), [("same", 1, "name 'same'"), ("other", 0, "id 0")])
def test_names_and_ids_are_unique(make_package: MakePackage, name: str, number: int, what: str) -> None:
    package = make_package(a=PLUGIN.format(name="same", id=0), b=PLUGIN.format(name=name, id=number))
    with pytest.raises(UserError, match=f"thing {what} belongs to two: same of package searchinr, and {name} of"):
        found(package)


@pytest.mark.parametrize("value", ["int", "7", "lambda: None"])
def test_other_things_under_that_name_are_refused(make_package: MakePackage, value: str) -> None:
    package = make_package(a=f"PLUGIN = {value}\n")
    with pytest.raises(TypeError, match=r"plugins_under_test\.a\.PLUGIN is not a Base"):
        found(package)


def test_plugins_of_other_packages_stand_beside_ours(make_package: MakePackage, install: Install) -> None:
    package = make_package(a=PLUGIN.format(name="ours", id=5))
    install("lab-inr", PLUGIN.format(name="theirs", id=3))
    registry = found(package)
    assert list(registry) == ["a package", "theirs", "ours"]
    assert registry.packages == {"a package": "searchinr", "theirs": "lab-inr 1.0", "ours": "searchinr"}
    assert registry.by_id(3) is registry["theirs"]


@pytest.mark.parametrize(("name", "number", "what"), [("ours", 3, "name 'ours'"), ("theirs", 5, "id 5")])
def test_a_clash_names_both_packages(
    make_package: MakePackage, install: Install, name: str, number: int, what: str
) -> None:
    package = make_package(a=PLUGIN.format(name="ours", id=5))
    install("lab-inr", PLUGIN.format(name=name, id=number))
    with pytest.raises(UserError) as error:
        found(package)
    text = str(error.value)
    assert text.startswith(f"thing {what} belongs to two: ")
    assert "ours of package searchinr" in text and f"{name} of package lab-inr 1.0" in text
    assert text.endswith("uninstall one of them")


def test_two_plugins_clash(make_package: MakePackage, install: Install) -> None:
    package = make_package()
    install("lab-inr", PLUGIN.format(name="one", id=3))
    install("other-inr", PLUGIN.format(name="two", id=3), "2.1")
    with pytest.raises(UserError, match=r"id 3 belongs to two: .*package lab-inr 1\.0.*package other-inr 2\.1"):
        found(package)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise RuntimeError('no\\nsuch\\nlibrary')", "cannot be imported (RuntimeError: no such library)"),
        ("import no_such_module", "cannot be imported (ModuleNotFoundError: No module named 'no_such_module')"),
        ("SOMETHING = 1", "cannot be imported (AttributeError: "),
        ("PLUGIN = int", "is not a Base"),
        (PLUGIN.format(name="far", id=8), "has the id 8; allowed are 0 to 7"),
        (PLUGIN.format(name="far", id="None"), "has the id None; allowed are 0 to 7"),
        (PLUGIN.format(name="", id=3), "has the name ''; allowed is a text"),
        (
            "from abc import ABC, abstractmethod\n" + PLUGIN.replace("(Base)", "(Base, ABC)").format(name="a", id=3)
            + "Plugin.__abstractmethods__ = frozenset({'fit', 'decode'})\n",
            "lacks decode, fit",
        ),
    ],
)  # fmt: skip
def test_a_broken_plugin_is_left_out_with_one_line(
    make_package: MakePackage, install: Install, caplog: pytest.LogCaptureFixture, source: str, why: str
) -> None:
    package = make_package()
    install("lab-inr", source)
    with caplog.at_level(logging.WARNING):
        assert list(found(package)) == ["a package"]
    [message] = caplog.messages
    start = "searchinr: thing lab of package lab-inr 1.0 is left out: lab_inr_under_test:PLUGIN "
    assert message.startswith(start + why) and "\n" not in message


def test_an_id_is_for_whom_it_is_reserved(
    make_package: MakePackage, install: Install, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {2: Reservation("theirs", "lab-inr"), 3: Reservation("others", "other-inr")}
    monkeypatch.setattr("searchinr.discover.reserved", lambda noun: table if noun == "thing" else {})
    package = make_package()
    install("lab-inr", PLUGIN.format(name="theirs", id=2))
    assert list(found(package)) == ["a package", "theirs"]
    install("another", PLUGIN.format(name="mine", id=3))
    with caplog.at_level(logging.WARNING):
        assert list(found(package)) == ["a package", "theirs"]
    assert caplog.messages[0].endswith("has the id 3, which is reserved for others of package other-inr")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (6, "unknown thing number 6: update searchinr, install the package that has it"),
        (7, "unknown thing number 7: the one for experiments: install the package of whoever wrote the file"),
        (2, "unknown thing number 2: soon, which a newer searchinr has: update it"),
        (3, r"unknown thing number 3: far of package far-inr \(https://far\), which is not here: pip install far-inr"),
    ],
)
def test_an_unknown_id_leads_to_its_package(
    make_package: MakePackage, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    table = {2: Reservation("soon", "searchinr"), 3: Reservation("far", "far-inr", "https://far")}
    monkeypatch.setattr("searchinr.discover.reserved", lambda noun: table)
    with pytest.raises(InvalidFileError, match=advice):
        found(make_package()).by_id(number)
