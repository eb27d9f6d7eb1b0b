import errno
import json
from pathlib import Path
from typing import Any

import pytest

from searchinr.engine.ledger import Ledger, read_ledger
from searchinr.errors import UserError


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append({"kind": "trial", "n": 1})
        ledger.append({"kind": "point", "n": 2})
    with Ledger(path) as ledger:
        ledger.append({"kind": "point", "n": 3})
        assert [line["n"] for line in ledger.lines] == [1, 2, 3]
        assert [line["n"] for line in ledger.points()] == [2, 3]
    assert [line["n"] for line in read_ledger(path)] == [1, 2, 3]


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_line_torn_by_a_crash_is_dropped_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    whole = b'{"kind":"point","n":1}\n'
    path.write_bytes(whole + b'{"kind":"point","n":2}\n'[:cut])
    assert [line["n"] for line in read_ledger(path)] == [1]
    with Ledger(path) as ledger:
        ledger.append({"kind": "point", "n": 3})
    assert [line["n"] for line in read_ledger(path)] == [1, 3]


def test_a_line_that_lacks_only_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"kind":"point","n":1}')
    with Ledger(path) as ledger:
        ledger.append({"kind": "point", "n": 2})
    assert [line["n"] for line in read_ledger(path)] == [1, 2]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"n":1}\nrubbish\n{"n":2}\n')
    with pytest.raises(UserError, match=r"ledger\.jsonl:2: not a line of a ledger"):
        read_ledger(path)


def test_nan_never_enters_the_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger, pytest.raises(ValueError, match="JSON"):
        ledger.append({"kind": "point", "psnr_db": float("nan")})
    assert read_ledger(tmp_path / "ledger.jsonl") == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append({"n": 1})
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
            ledger.append({"n": 2})
        monkeypatch.undo()
        ledger.append({"n": 3})
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 3]
