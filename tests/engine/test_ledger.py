import errno
import json
from pathlib import Path
from typing import Any

import pytest

from searchinr.engine.ledger import Ledger, read_ledger
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
        with pytest.raises(UserError, match=r"ledger\.jsonl:2: not a line of a ledger \(.+\); restore it or remove it"):
            read_ledger(path)


def test_nan_never_enters_the_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger, pytest.raises(ValueError, match="JSON"):
        ledger.append({"kind": "point", "psnr_db": float("nan")})
    assert read_ledger(tmp_path / "ledger.jsonl") == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append({**FAILED, "n": 1})
        file: Any = ledger._file
        real = file.write

        class Full:
            def __getattr__(self, name: str) -> Any:  # noqa: ANN401
                return getattr(file, name)

            def write(self, data: bytes) -> int:
                real(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(ledger, "_file", Full())
        with pytest.raises(OSError, match="No space"):
            ledger.append({**FAILED, "n": 2})
        monkeypatch.undo()
        ledger.append({**FAILED, "n": 3})
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 3]
