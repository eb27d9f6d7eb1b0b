import json
import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_lines import asset_line, confirmation_line, failed_line, point_line, trial_line

from searchinr.engine.store.ledger import Ledger, read_ledger, whole_rows
from searchinr.errors import UserError
from searchinr.search.lines import AssetFailed, FitFailed, Line, OutOfMemory, dump_line

TRIAL = trial_line("a")


def failed(n: int, **changes: object) -> FitFailed:
    return failed_line("a", seed=n, **changes)


def as_line(n: int) -> bytes:
    return dump_line(failed(n)) + b"\n"


def numbers(lines: Sequence[Line]) -> list[int]:
    return [line.seed for line in lines]


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append(replace(TRIAL, seed=1))
        ledger.append(failed(2))
    with Ledger(path) as ledger:
        ledger.append(failed(3))
        assert numbers(ledger.lines) == [1, 2, 3]
    assert numbers(read_ledger(path)) == [1, 2, 3]


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_line_torn_by_a_crash_is_dropped_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    whole, torn = as_line(1), as_line(2)
    path.write_bytes(whole + torn[: len(torn) * cut // 20])
    assert numbers(read_ledger(path)) == [1]
    with Ledger(path) as ledger:
        ledger.append(failed(3))
    assert numbers(read_ledger(path)) == [1, 3]


def test_a_line_that_lacks_only_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(as_line(1)[:-1])
    with Ledger(path) as ledger:
        ledger.append(failed(2))
    assert numbers(read_ledger(path)) == [1, 2]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for rubbish in (b"rubbish", b"{}", b"[1]", b'{"kind":"point","trial":"a"}', b'{"kind":"other"}'):
        path.write_bytes(as_line(1) + rubbish + b"\n" + as_line(2))
        with pytest.raises(UserError, match=r"ledger\.jsonl:2: not a line of .+ \(.+\); .+ or remove it"):
            read_ledger(path)


def test_nan_never_enters_the_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger, pytest.raises(ValueError, match="JSON"):
        ledger.append(point_line("a", 100, 1.0, math.nan))
    assert read_ledger(tmp_path / "ledger.jsonl") == []


def test_a_line_of_a_newer_version_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    newer = json.dumps({"kind": "supernet", "trial": "a"}).encode()
    for data in (newer + b"\n" + as_line(1), as_line(1) + newer + b"\n", as_line(1) + newer):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"its kind is 'supernet', none of .+; update searchinr"):
            Ledger(path)
        assert path.read_bytes() == data


def test_zeros_that_a_power_cut_left_at_the_end_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(as_line(1) + bytes(500))
    with Ledger(path) as ledger:
        ledger.append(failed(2))
    assert path.read_bytes().count(b"\0") == 0
    assert numbers(read_ledger(path)) == [1, 2]


@pytest.mark.parametrize("line_break", [b"", b"\n"])
@pytest.mark.parametrize("page", ["first", "last"])
def test_a_last_line_that_lacks_a_page_after_a_power_cut_is_torn(tmp_path: Path, page: str, line_break: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append(failed(1))
        start = path.stat().st_size
        ledger.append(failed(2, reason="loss is NaN " * 500))
    data = bytearray(path.read_bytes().rstrip(b"\n") + line_break)
    if page == "first":
        data[start : start + 100] = bytes(100)
    else:
        data[-101:-1] = bytes(100)
    path.write_bytes(data)
    assert numbers(read_ledger(path)) == [1]
    assert b"".join(whole_rows(bytes(data))) == bytes(data[:start])
    with Ledger(path) as ledger:
        assert numbers(ledger.lines) == [1]
        ledger.append(failed(2))
    assert numbers(read_ledger(path)) == [1, 2]
    assert path.read_bytes().count(b"\0") == 0


def test_a_changed_byte_is_found_though_the_line_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        for number in (1, 2, 3):
            ledger.append(failed(number))
    rows = path.read_bytes().splitlines(keepends=True)
    changed = rows[1].replace(b'"rung":0', b'"rung":1')
    path.write_bytes(rows[0] + changed + rows[2])
    with pytest.raises(UserError, match=r"ledger\.jsonl:2: .*its check sum is wrong.*restore it or remove it"):
        read_ledger(path)
    path.write_bytes(rows[0] + changed)  # the last line is torn, for it may have been under way
    assert numbers(read_ledger(path)) == [1]


def test_a_ledger_without_check_sums_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(as_line(1) + as_line(2))
    with Ledger(path) as ledger:
        ledger.append(failed(3))
    assert numbers(read_ledger(path)) == [1, 2, 3]
    first, _, last = path.read_text().splitlines()
    assert "crc32" not in first
    row = json.loads(last)
    stated = row.pop("crc32")
    assert int(stated, 16) == zlib.crc32(json.dumps(row, separators=(",", ":")).encode())


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "ledger.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger(path) as ledger:
        ledger.append(failed(1))
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))  # the next line starts, and is cut
        try:
            with pytest.raises(OSError, match="File too large"):
                ledger.append(failed(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == size
        assert not ledger.has(failed(2, rung=1))
        ledger.append(failed(3))
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [1, 3]


def test_an_asset_is_on_record_once_for_each_content(tmp_path: Path) -> None:
    built = asset_line()
    failed = AssetFailed(**built.shared(AssetFailed), reason="diverged")
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        ledger.append(built)
        assert ledger.has(built)
        assert not ledger.has(replace(built, sha256="b" * 64))
        assert not ledger.has(failed)
        ledger.append(failed)
        assert ledger.has(replace(failed, reason="out of memory"))
    assert read_ledger(tmp_path / "ledger.jsonl") == [built, failed]


def test_there_is_one_result_of_a_fit_at_a_rung_be_it_a_failure(tmp_path: Path) -> None:
    point = point_line("a", 300, 1.0, 30.0)
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        assert not ledger.has_trial("a")
        ledger.append(TRIAL)
        assert ledger.has_trial("a")
        assert not ledger.has(point)
        ledger.append(failed_line("a", 300))
        assert ledger.has(point) and ledger.has_result(point)
        assert not ledger.has(point_line("a", 900, 1.0, 30.0))
        assert not ledger.has(confirmation_line(point, 0, 30.0, 1.0))
        ledger.append(failed_line("a", 300, confirms=True, seed=7))
        assert ledger.has(confirmation_line(point, 7, 30.0, 1.0))
        assert not ledger.has(confirmation_line(point, 8, 30.0, 1.0))
        assert not ledger.ran_out_of_memory(point)
        ledger.append(OutOfMemory(**point.shared(OutOfMemory), reason="out of memory"))
        assert ledger.ran_out_of_memory(point)
