import json
import os
from pathlib import Path

import pytest

from searchinr.engine.store.ledger import Ledger, read_ledger
from searchinr.errors import UserError

TRIAL = {"kind": "trial", "trial": "a", "number": 0, "dataset": "x", "codec": "mlp", "params": {}, "seed": 0}
FAILED = {"kind": "failed", "trial": "a", "dataset": "x", "reason": "because"}


def as_line(n: int) -> bytes:
    return json.dumps({**FAILED, "n": n}).encode() + b"\n"


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append({**TRIAL, "n": 1})
        ledger.append({**FAILED, "n": 2})
    with Ledger(path) as ledger:
        ledger.append({**FAILED, "n": 3})
        assert [line["n"] for line in ledger.lines] == [1, 2, 3]
        assert ledger.points() == []
    assert [line["n"] for line in read_ledger(path)] == [1, 2, 3]


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_line_torn_by_a_crash_is_dropped_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    whole, torn = as_line(1), as_line(2)
    path.write_bytes(whole + torn[: len(torn) * cut // 20])
    assert [line["n"] for line in read_ledger(path)] == [1]
    with Ledger(path) as ledger:
        ledger.append({**FAILED, "n": 3})
    assert [line["n"] for line in read_ledger(path)] == [1, 3]


def test_a_line_that_lacks_only_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(as_line(1)[:-1])
    with Ledger(path) as ledger:
        ledger.append({**FAILED, "n": 2})
    assert [line["n"] for line in read_ledger(path)] == [1, 2]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for rubbish in (b"rubbish", b"{}", b"[1]", b'{"kind":"point","trial":"a"}', b'{"kind":"other"}'):
        path.write_bytes(as_line(1) + rubbish + b"\n" + as_line(2))
        with pytest.raises(UserError, match=r"ledger\.jsonl:2: not a line of .+ \(.+\); .+ or remove it"):
            read_ledger(path)


def test_nan_never_enters_the_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger, pytest.raises(ValueError, match="JSON"):
        ledger.append({"kind": "point", "psnr_db": float("nan")})
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
        ledger.append({**FAILED, "n": 2})
    assert path.read_bytes().count(b"\0") == 0
    assert [line["n"] for line in read_ledger(path)] == [1, 2]


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "ledger.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger(path) as ledger:
        ledger.append({**FAILED, "n": 1})
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))  # the next line starts, and is cut
        try:
            with pytest.raises(OSError, match="File too large"):
                ledger.append({**FAILED, "n": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == size
        assert not ledger.has({**FAILED, "n": 2, "rung": 1})
        ledger.append({**FAILED, "n": 3})
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 3]


def test_an_asset_is_on_record_once_for_each_content(tmp_path: Path) -> None:
    about = {"asset": "supernet-0", "name": "supernet", "dataset": "x", "codec": "mlp", "params": {}, "seed": 0}
    built = {"kind": "asset", **about, "sha256": "a", "bytes": 1, "cost": {}}
    failed = {"kind": "asset_failed", **about, "reason": "diverged"}
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        ledger.append(built)
        assert ledger.has(built)
        assert not ledger.has({**built, "sha256": "b"})
        assert not ledger.has(failed)
        ledger.append(failed)
        assert ledger.has({**failed, "reason": "out of memory"})
    assert read_ledger(tmp_path / "ledger.jsonl") == [built, failed]


def test_there_is_one_result_of_a_fit_at_a_rung_be_it_a_failure(tmp_path: Path) -> None:
    at = {"trial": "a", "rung": 1, "seed": 0}
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        ledger.append(TRIAL)
        assert ledger.has({"kind": "trial", "trial": "a"})
        assert not ledger.has({**at, "kind": "point"})
        ledger.append({**FAILED, **at})
        assert ledger.has({**at, "kind": "point"})
        assert not ledger.has({**at, "kind": "point", "rung": 2})
        assert not ledger.has({**at, "kind": "confirmation", "confirms": True})
        ledger.append({**FAILED, **at, "confirms": True, "seed": 7})
        assert ledger.has({**at, "kind": "confirmation", "confirms": True, "seed": 7})
        assert not ledger.has({**at, "kind": "confirmation", "confirms": True, "seed": 8})
