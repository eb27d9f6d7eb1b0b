"""Every reader refuses what it cannot read, or reads it; `benchmarks.mutations` tries a million."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import mutations
from benchmarks.mutations import Kind, feed, kinds
from searchinr.errors import UserError

SHORT = {"inr": 400, "asset": 200, "image": 200, "audio": 100, "space": 20, "cluster": 20}
NAMES = ("inr", "asset", "checkpoint", "inbox", "image", "audio", "ledger", "config", "space", "cluster")


@pytest.mark.parametrize("name", NAMES)
def test_mutants_are_read_or_refused(name: str) -> None:
    kind, count = kinds()[name], SHORT.get(name, 60)
    originals = len(kind.originals)
    counts, failures = feed(kind, seed=0, numbers=range(originals + count))
    assert not failures, failures[0]["what"]
    assert counts["read"] + counts["refused"] == originals + count
    assert counts["refused"] >= count // 10


@pytest.mark.parametrize("name", NAMES)
def test_whole_files_are_read(name: str) -> None:
    counts, failures = feed(kinds()[name], seed=0, numbers=range(len(kinds()[name].originals)))
    assert (set(counts), failures) == ({"read"}, [])


def _read(path: Path, _: np.random.Generator) -> None:
    match path.read_bytes():
        case b"refuses":
            raise UserError("no")
        case b"crashes":
            raise KeyError("no")
        case b"dies":
            os._exit(7)
        case b"allocates":
            torch.zeros(2**30)
        case b"waits":
            time.sleep(60)


def test_what_may_not_be_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "DEADLINE_S", 1)
    originals = [b"reads", b"refuses", b"crashes", b"dies", b"allocates", b"waits", b"reads"]
    counts, failures = feed(Kind(originals, lambda data, *_: data, _read, ""), seed=0, numbers=range(7))
    assert counts == {"read": 2, "refused": 1, "crashed": 2, "large": 1, "hung": 1}
    assert [(each["number"], each["word"]) for each in failures] == [
        (2, "crashed"),
        (3, "crashed"),
        (4, "large"),
        (5, "hung"),
    ]


def test_an_input_follows_from_its_seed_and_number() -> None:
    kind = kinds()["inr"]
    one, again, other = (kind.input(np.random.default_rng([0, number]), number) for number in (50, 50, 51))
    assert one == again != other
