import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_lines import point_line, signal_figures, trial_line

from searchinr.engine.store.run_folder import RunFolder, open_delivery, safe_name
from searchinr.errors import InvalidFileError, UserError
from searchinr.search.figures import SignalTable
from searchinr.search.lines import dump_line

FILES = {"astronaut": b"one", "a b": b"two"}
ROWS = [signal_figures(name, 0, 1.0, 30.0, sha256=hashlib.sha256(data).hexdigest()) for name, data in FILES.items()]
POINT = point_line("abc", 300, 1.0, 30.0, signals=SignalTable.of(ROWS))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def test_a_folder_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its name is not UTF-8; name another folder"):
        RunFolder(tmp_path / os.fsdecode(b"caf\xe9")).create()


def test_a_delivery_comes_back_whole(folder: RunFolder) -> None:
    folder.deliver(POINT, FILES)
    (path,) = folder.delivered()
    line, files = open_delivery(path)
    assert line == POINT
    assert files == {"astronaut.inr": b"one", f"{safe_name('a b')}.inr": b"two"}
    assert list(folder.inbox.iterdir()) == [path]  # no temporary file


def test_delivering_again_replaces_the_first(folder: RunFolder) -> None:
    folder.deliver(POINT, {"a": b"1"})
    folder.deliver(POINT, {"a": b"1"})
    assert len(folder.delivered()) == 1


def test_a_damaged_delivery_is_one_clear_line_or_was_not_hit_where_it_matters(folder: RunFolder) -> None:
    folder.deliver(POINT, FILES)
    (path,) = folder.delivered()
    whole, good = open_delivery(path), path.read_bytes()
    refused = 0
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x55]) + good[position + 1 :])
        try:
            assert open_delivery(path) == whole
        except InvalidFileError as error:
            assert str(error).startswith(f"{path}: a damaged result (")
            refused += 1
    assert refused > len(good) / 2


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"kind":"from the future"}',
        b'{"kind":["point"]}',
        b'{"kind":"point","trial":1}',
        dump_line(trial_line("abc")),  # which no worker delivers
    ],
)
def test_a_delivery_that_is_no_result_is_refused_and_set_aside(folder: RunFolder, line: bytes) -> None:
    path = folder.inbox / "abc-0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("line.json", line)
    with pytest.raises(InvalidFileError, match="a damaged result"):
        open_delivery(path)
    path.set_aside()
    assert folder.delivered() == []


def test_deliveries_come_in_an_order_that_no_clock_has_a_part_in(folder: RunFolder) -> None:
    for rung, age in ((1, 0), (0, 1_000_000), (2, -1_000_000)):
        folder.deliver(replace(POINT, rung=rung), {})
        os.utime(folder.inbox / f"abc-{rung}.zip", (2e9 - age, 2e9 - age))
    assert [path.name for path in folder.delivered()] == ["abc-0.zip", "abc-1.zip", "abc-2.zip"]


def test_a_result_on_record_leaves_the_checkpoint_that_the_next_rung_goes_on_from(folder: RunFolder) -> None:
    kept = folder.checkpoint("abc", 1)
    gone = [folder.checkpoint("abc", 0), folder.checkpoint_under_way("abc", 1)]
    others = [folder.checkpoint("abc-1-seed5", 1), folder.checkpoint("abcd", 1), folder.checkpoint_under_way("abc", 2)]
    for path in (kept, *gone, *others):
        path.touch()
    folder.drop_checkpoints(POINT, over=False)
    assert sorted(folder.trials.iterdir()) == sorted([kept, *others])
    folder.drop_checkpoints(POINT, over=True)
    assert sorted(folder.trials.iterdir()) == sorted(others)


def test_tidying_removes_what_a_killed_run_left_and_nothing_else(folder: RunFolder) -> None:
    folder.deliver(POINT, {})
    folder.keep_files(POINT, {"a.inr": b"1"})
    before = sorted(folder.path.rglob("*"))
    half = folder.point_folder(POINT).with_name(".abc-900.tmp")
    half.mkdir()
    for path in (folder.path, folder.inbox, folder.trials, half):
        (path / ".searchinr-0123.tmp").touch()
    folder.stop.touch()
    folder.tidy()
    assert sorted(folder.path.rglob("*")) == before


def test_the_front_keeps_files_of_its_points_only(folder: RunFolder) -> None:
    other = replace(POINT, trial="def")
    for point in (POINT, other):
        folder.keep_files(point, {"a.inr": b"1"})
    folder.drop_others([other])
    assert not folder.point_folder(POINT).exists()
    assert (folder.point_folder(other) / "a.inr").read_bytes() == b"1"


def test_one_driver_at_a_time(folder: RunFolder) -> None:
    with folder.locked(), pytest.raises(UserError, match="another searchinr is running"), folder.locked():
        pass
    with folder.locked():
        pass


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write there \(.+\); name another folder with --out"):
        RunFolder(tmp_path / "file" / "run").create()


def test_what_is_no_run_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run folder"):
        RunFolder.existing(tmp_path)


def test_safe_names_never_meet() -> None:
    names = ["plain-1.0", "a b", "a-b", "a/b", "..", ".", "", "ä", "x" * 300, "x" * 301, "-"]
    safe = [safe_name(name) for name in names]
    assert safe[0] == "plain-1.0"
    assert len(set(safe)) == len(names)
    for name in safe:
        assert "/" not in name and name not in ("", ".", "..") and len(name) < 120
