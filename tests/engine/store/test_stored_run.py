"""The run folder and the storage are brought together from any state, and nothing on the storage is ever lost."""

from pathlib import Path

import pytest
from ledger_lines import failed_line, point_line, trial_line

from searchinr.engine.store import stored_run
from searchinr.engine.store.ledger import Ledger, read_ledger
from searchinr.engine.store.place import LocalPlace, Place, RemotePlace
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.stored_run import StoredRun
from searchinr.errors import UserError
from searchinr.search.lines import TrialStarted, dump_line


def line(number: int) -> TrialStarted:
    return trial_line(f"t{number}", number=number)


def rows(*numbers: int) -> bytes:
    return b"".join(dump_line(line(number)) + b"\n" for number in numbers)


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return LocalPlace(tmp_path / "storage")
    found: RemotePlace = request.getfixturevalue("remote")
    return found


@pytest.fixture
def folder(place: Place, tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run", place)
    folder.create()
    return folder


def stored_of(folder: RunFolder) -> StoredRun:
    assert folder.stored is not None
    return folder.stored


def opened(folder: RunFolder) -> Ledger:
    stored = stored_of(folder)
    stored.bring_together(folder.path)
    return Ledger(folder.ledger, lambda number, row: stored.ledger.append(number, row, folder.ledger))


def test_every_line_is_on_the_storage_when_append_returns(
    folder: RunFolder, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_run, "_MIN_SINGLE", 3)
    with opened(folder) as ledger:
        for number in range(9):
            ledger.append(line(number))
            assert b"".join(StoredRun(place).ledger.rows()) == folder.ledger.read_bytes()
            assert len(list((place / "ledger").glob("*"))) <= 4
    with opened(folder) as ledger:
        assert [found.number for found in ledger.lines] == list(range(9))


def test_a_line_that_the_storage_did_not_take_is_not_in_the_ledger(folder: RunFolder) -> None:
    def fail(number: int, row: bytes) -> None:
        raise OSError("no network")

    with Ledger(folder.ledger, fail) as ledger, pytest.raises(OSError, match="no network"):
        ledger.append(line(0))
    assert read_ledger(folder.ledger) == []


def test_the_run_folder_may_be_lost(folder: RunFolder, place: Place, tmp_path: Path) -> None:
    point = point_line("t0", 100, 1.0, 30.0)
    with opened(folder) as ledger:
        ledger.append(line(0))
        folder.keep_files(point, {"a.inr": b"file"})
    (place / "space.yaml").write_whole(b"# the space as run: by it a run knows what is its own\n")
    other = RunFolder(tmp_path / "other", place)
    other.create()
    with opened(other) as ledger:
        assert len(ledger.lines) == 1
    assert (other.point_folder(point) / "a.inr").read_bytes() == b"file"


@pytest.mark.parametrize(
    ("here", "there", "both", "set_aside"),
    [
        ([], [], [], False),
        ([0, 1], [], [0, 1], False),
        ([], [0, 1], [0, 1], False),
        ([0, 1, 2], [0, 1], [0, 1, 2], False),
        ([0, 1], [0, 1, 2], [0, 1, 2], False),
        ([0, 1, 9], [0, 1, 2], [0, 1, 2], True),
    ],
)
def test_the_storage_stands_unless_the_folder_goes_on_from_it(
    folder: RunFolder, place: Place, here: list[int], there: list[int], both: list[int], set_aside: bool
) -> None:
    if here:
        folder.ledger.write_bytes(rows(*here))
    for number in there:
        stored_of(folder).ledger.append(number, rows(number), folder.ledger)
    stored_of(folder).bring_together(folder.path)
    assert folder.ledger.read_bytes() == rows(*both)
    assert b"".join(StoredRun(place).ledger.rows()) == rows(*both)
    assert folder.ledger.with_suffix(".damaged").exists() == set_aside


def test_a_crash_while_lines_are_taken_together_loses_and_repeats_none(folder: RunFolder, place: Place) -> None:
    ledger = stored_of(folder).ledger
    for number in range(3):
        ledger.append(number, rows(number), folder.ledger)
    ledger._whole.parent.make_folder()
    ledger._whole.write_whole(rows(0, 1, 2))  # and the single lines are still there
    ledger.append(3, rows(3), folder.ledger)
    assert b"".join(StoredRun(place).ledger.rows()) == rows(0, 1, 2, 3)


def test_a_missing_line_is_said(folder: RunFolder, place: Place) -> None:
    for number in (0, 2):
        stored_of(folder).ledger.append(number, rows(number), folder.ledger)
    with pytest.raises(UserError, match="line 1 of the ledger, before it, is missing"):
        StoredRun(place).ledger.rows()


def test_a_run_without_storage_brings_what_it_has(folder: RunFolder, place: Place) -> None:
    alone = RunFolder(folder.path)
    alone.create()
    point = point_line("t0", 100, 1.0, 30.0)
    alone.deliver(failed_line("t0"), {})
    alone.keep_files(point, {"a.inr": b"file"})
    (alone.trials / "t0-0.safetensors").write_bytes(b"checkpoint")
    stored_of(folder).bring_together(folder.path)
    assert [path.name for path in folder.delivered()] == ["t0-0.zip"]
    assert folder.checkpoint("t0", 0).read_bytes() == b"checkpoint"
    assert [path.name for path in (place / "front").files()] == ["a.inr"]
    assert alone.delivered() == []


def test_files_of_points_that_are_off_the_front_go_from_both(folder: RunFolder, place: Place) -> None:
    points = [point_line(trial, 100, 1.0, 30.0) for trial in ("t0", "t1")]
    for point in points:
        folder.keep_files(point, {"a.inr": b"file"})
    folder.drop_others(points[1:])
    assert len(list((place / "front").files())) == len(list(folder.front.rglob("*.inr"))) == 1


def test_fetching_brings_what_is_on_record_and_no_more(folder: RunFolder, place: Place, tmp_path: Path) -> None:
    stored = stored_of(folder)
    with pytest.raises(UserError, match="no run is kept there"):
        stored.check()
    stored_run._write(stored.space, b"# one\n# identity: 1\nname: x\n")
    with opened(folder) as ledger:
        ledger.append(line(0))
        folder.keep_files(point_line("t0", 100, 1.0, 30.0), {"a.inr": b"file"})
        folder.report.mkdir()
        (folder.report / "front.tsv").write_text("table")
        stored.push(folder.path)
        stored.check()
        target = tmp_path / "fetched"
        target.mkdir()
        for lines in (1, 2):
            stored.fetch(target)
            assert len(read_ledger(target / "ledger.jsonl")) == lines
            ledger.append(line(lines))
    names = sorted(path.name for path in target.rglob("*") if path.is_file())
    assert names == ["a.inr", "front.tsv", "ledger.jsonl", "space.yaml"]
    (target / "space.yaml").write_text("# one\n# identity: 2\n")
    with pytest.raises(UserError, match="holds another run"):
        stored.fetch(target)


def test_a_worker_asks_a_storage_only_now_and_then_whether_to_stop(
    remote: RemotePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(Path("unused"), remote)
    asked: list[RemotePlace] = []
    exists = RemotePlace.exists
    monkeypatch.setattr(RemotePlace, "exists", lambda self: asked.append(self) or exists(self))
    assert [folder.asked_to_stop() for _ in range(1000)] == [False] * 1000
    assert len(asked) == 1
    folder.ask_to_stop()
    folder._asked = -1e9, False
    assert folder.asked_to_stop()
