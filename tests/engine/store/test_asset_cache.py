import json
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pooch
import pytest
import torch

from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.store.asset_cache import VARIABLE, AssetCache, Entry, Origin, cache_folder, entries, prune
from searchinr.engine.store.asset_files import read_asset
from searchinr.errors import UserError
from searchinr.files import write_atomic
from searchinr.search.figures import Cost

SPEC = AssetSpec("network", {"width": 8}, needed_to_decode=True)
ASSET = Asset.of(SPEC, {"a": torch.arange(6.0), "b": torch.zeros(2, 3)})
ORIGIN = Origin(Cost(macs=1e12, train_s=3600.0, device="cpu"), "photos", time=1000.0)
ID = "network-0123456789abcdef"
DAY = 86400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def cache(folder: Path, warnings: list[str]) -> AssetCache:
    return AssetCache(folder, Path("runs/one"), warnings.append)


def only(folder: Path) -> Path:
    """The file of the one asset in a cache."""
    (path,) = folder.glob("*.safetensors")
    return path


def test_what_one_run_has_built_another_one_finds(cache: AssetCache, folder: Path, warnings: list[str]) -> None:
    assert cache.find(ID, SPEC) is None
    assert not folder.exists(), "nothing is made for who only asks"
    cache.keep(ID, "combiner", ASSET, ORIGIN)
    other = AssetCache(folder, Path("runs/two"), warnings.append)
    found = other.find(ID, SPEC)
    assert found is not None
    assert (found.asset.sha256, found.codec, Origin.of(found.about)) == (ASSET.sha256, "combiner", ORIGIN)
    assert found.asset.spec == SPEC
    assert other.find("network-0123456789abcdee", SPEC) is None
    assert other.find(ID, AssetSpec("network", {"width": 8}, needed_to_decode=True, version=2)) is None
    (entry,) = entries(folder)
    assert entry.runs == (str(Path("runs/one").resolve()), str(Path("runs/two").resolve()))
    assert entry.bytes == only(folder).stat().st_size
    assert read_asset(entry.path).asset.sha256 == ASSET.sha256, "it is an asset's file like any other"
    assert warnings == []


@pytest.mark.parametrize("damage", ["torn", "one bit", "empty", "another asset"])
def test_what_is_damaged_is_set_aside_and_built(
    cache: AssetCache, folder: Path, warnings: list[str], damage: str
) -> None:
    cache.keep(ID, "combiner", ASSET, ORIGIN)
    path = only(folder)
    data = bytearray(path.read_bytes())
    middle = data.index(b"3600.0")
    data[middle] ^= 1  # which no checksum of tensors covers
    others = {"torn": bytes(data[:-9]), "one bit": bytes(data), "empty": b"", "another asset": b"x" * len(data)}
    path.write_bytes(others[damage])
    assert cache.find(ID, SPEC) is None
    assert warnings == [f"{path}: not what was written; it is set aside, and the asset is built"]
    assert path.with_suffix(".damaged").read_bytes() == others[damage]
    cache.keep(ID, "combiner", ASSET, ORIGIN)
    assert cache.find(ID, SPEC) is not None


def _keep_many(folder: Path, number: int, begin: Callable[[], int]) -> None:
    begin()
    for each in range(20):
        content = Asset.of(SPEC, {"a": torch.full((40_000,), float(each + 100 * number))})
        AssetCache(folder, Path(f"runs/{number}"), print).keep(f"network-{each:016x}", "combiner", content, ORIGIN)


@pytest.mark.slow
def test_runs_that_build_the_same_at_the_same_time_never_read_half_of_it(folder: Path, warnings: list[str]) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    writers = [context.Process(target=_keep_many, args=(folder, number, barrier.wait)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    barrier.wait()
    reader = AssetCache(folder, Path("runs/reader"), warnings.append)
    while any(writer.is_alive() for writer in writers):
        for each in range(20):
            reader.find(f"network-{each:016x}", SPEC)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert warnings == []
    for each in range(20):
        found = reader.find(f"network-{each:016x}", SPEC)
        assert found is not None
        assert float(found.asset.tensors["a"][0]) in (each + 100.0, each + 200.0)
    assert not list(folder.glob(".*")), "nothing half-written is left"


def test_a_cache_that_cannot_be_used_is_told_of_once(tmp_path: Path, warnings: list[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = AssetCache(tmp_path / "file" / "cache", tmp_path, warnings.append)
    assert cache.find(ID, SPEC) is None
    cache.keep(ID, "combiner", ASSET, ORIGIN)
    cache.keep(ID, "combiner", ASSET, ORIGIN)
    (warning,) = warnings
    assert warning.startswith(f"assets are not kept for other runs ({tmp_path / 'file' / 'cache'} cannot be used, ")
    warnings.clear()
    none = AssetCache(None, tmp_path, warnings.append)
    none.keep(ID, "combiner", ASSET, ORIGIN)
    assert none.find(ID, SPEC) is None
    assert warnings == ["assets are not kept for other runs (you have no cache folder); name a folder with --assets"]


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder(tmp_path / "option") == tmp_path / "option"
    assert cache_folder(None) == Path(os.environ[VARIABLE]) != pooch.os_cache("searchinr") / "assets"
    monkeypatch.delenv(VARIABLE)
    assert cache_folder(None) == pooch.os_cache("searchinr") / "assets"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file/cache: assets cannot be kept there .*; name another folder"):
        cache_folder(tmp_path / "file" / "cache")


def filled(folder: Path) -> list[Entry]:
    """A cache of three assets that were used 3, 2 and 1 days before the second day, and files of other people's."""
    for number, used in enumerate((-1.0, 0.0, 1.0)):
        asset = f"network-{number:016x}"
        AssetCache(folder, Path("runs/one"), print).keep(asset, "combiner", ASSET, ORIGIN)
        (uses,) = folder.glob(f"{asset}-*.uses")
        uses.write_text(json.dumps({"run": "runs/one", "time": 10 * DAY + used * DAY}) + '\n{"run": "to')
    return entries(folder)


def test_pruning_by_age_and_by_size_takes_the_least_recently_used(folder: Path) -> None:
    first, second, third = filled(folder)
    assert [entry.used / DAY for entry in (first, second, third)] == [9, 10, 11]
    assert prune(folder, unused_s=10 * DAY, max_bytes=None, now=12 * DAY) == []
    assert prune(folder, unused_s=2.5 * DAY, max_bytes=None, now=12 * DAY) == [first]
    assert prune(folder, unused_s=None, max_bytes=third.bytes + second.bytes, now=12 * DAY) == []
    assert prune(folder, unused_s=None, max_bytes=third.bytes, now=12 * DAY) == [second]
    assert entries(folder) == [third]
    assert prune(folder, unused_s=0.0, max_bytes=None, now=12 * DAY) == [third]
    assert list(folder.iterdir()) == []


def test_pruning_leaves_alone_what_no_run_has_put_there(folder: Path) -> None:
    filled(folder)
    own = {path.name for path in folder.iterdir()}
    first = only_name(own)
    others = ["thesis.safetensors", f"copy of {first}", "notes.txt", f"{first}.bak"]
    for name in others:
        (folder / name).write_bytes(b"precious")
    (folder / "network-0123456789abcdef-0123456789abcdef.safetensors").write_bytes(b"no asset, whatever its name is")
    (folder / "deeper").mkdir()
    (folder / "deeper" / first).write_bytes(b"precious")
    (folder / "network-0123456789abcdef-fedcba9876543210.damaged").write_bytes(b"")
    (folder / "network-0123456789abcdef-fedcba9876543210.uses").write_bytes(b"")
    write_atomic(folder / ".searchinr-young.tmp", b"about to be renamed")
    write_atomic(folder / ".searchinr-old.tmp", b"its writer was killed")
    os.utime(folder / ".searchinr-old.tmp", (0, 0))
    assert len(prune(folder, unused_s=0.0, max_bytes=0, now=time.time())) == 3
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*others, "network-0123456789abcdef-0123456789abcdef.safetensors", "deeper", ".searchinr-young.tmp"]
    )
    assert (folder / "deeper" / first).exists()


def only_name(names: set[str]) -> str:
    """The first of the assets' files among these names."""
    return min(name for name in names if name.endswith(".safetensors"))
