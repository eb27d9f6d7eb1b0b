"""A run that is kept on S3 (moto on loopback): drivers are killed, and the run folder is lost with its machine."""

import shutil
import sys
from pathlib import Path

import pytest
from processes import searchinr, wait_until

from benchmarks.fault_run import Recorded, RunProcess, lost, repeated
from searchinr.engine.results.opened import open_run
from searchinr.engine.results.verify import verify
from searchinr.engine.store.place import RemotePlace
from searchinr.engine.store.run_folder import SharedFolder, open_delivery
from searchinr.engine.store.stored_run import StoredRun
from searchinr.search.lines import parse_line

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")

SPACE = """\
name: tiny
datasets: [{name: photos, downscale: [16, 24], limit: 2}]
reference_point: {psnr_db: 10, rate: 64}
fidelity: {min_steps: 100, max_steps: 300, reduction: 3}
search: {trials: 6, sampler: random, scheduler: mo-asha, seed: 3}
codecs:
  mlp: {width: {choice: [6, 8, 10, 12]}, depth: 2, weight_bits: {choice: [4, 8]}}
"""


def stored(place: RemotePlace) -> Recorded:
    rows = StoredRun(place).ledger.rows()
    return Recorded(
        [parse_line(row) for row in rows], [open_delivery(path)[0] for path in SharedFolder(place).delivered()]
    )


@pytest.mark.slow
def test_a_killed_driver_whose_run_folder_is_lost(remote: RemotePlace, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SPACE)
    folder, place = tmp_path / "run", remote / "run"
    command = searchinr(
        "run", str(tmp_path / "tiny.yaml"), "--out", str(folder), "--storage", str(remote), "--workers", "1"
    )
    with RunProcess(*command) as run:
        wait_until(lambda: (folder / "ledger.jsonl").exists() and Recorded.of(folder).counts()["point"] >= 3, run)
        run.kill_all()
        run.process.wait()
    here, before = Recorded.of(folder), stored(place)
    assert before.lines[: len(here.lines)] == here.lines
    assert not (folder / "inbox").exists()  # what workers deliver never touches the driver's disk
    shutil.rmtree(folder)
    with RunProcess(*command) as run:
        code, out, err = run.finish()
    assert (code, err) == (0, ""), out
    assert lost(before, folder) == []
    assert repeated(folder) == []
    assert stored(place).lines == Recorded.of(folder).lines
    assert len({line.trial for line in stored(place).lines if line.kind == "point"}) == 6
    kept = {path.name for path in place.files() if "/front/" not in f"/{path}"}  # type: ignore[union-attr]
    assert kept >= {"space.yaml", "ledger.jsonl", "log.txt"} and ".driver" not in kept
    assert not list((place / "trials").files()) and not list((place / "inbox").files())

    fetched = tmp_path / "fetched"
    with RunProcess(*searchinr("fetch", str(place), "-o", str(fetched))) as fetch:
        code, out, err = fetch.finish()
    assert (code, err) == (0, "")
    assert (fetched / "ledger.jsonl").read_bytes() == (folder / "ledger.jsonl").read_bytes()
    verdicts = list(verify(open_run(fetched), None))
    assert verdicts and not any(verdict.problems for verdict in verdicts)
    secret = "testing"  # the key of the tests' own S3
    assert not any(
        secret in path.read_text() for path in folder.rglob("*") if path.suffix in (".txt", ".jsonl", ".yaml")
    )


def test_a_storage_that_cannot_be_written_is_found_before_anything_starts(bucket: RemotePlace, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SPACE)
    storage = str(bucket).replace("//bucket", "//nobody")
    out = str(tmp_path / "run")
    with RunProcess(*searchinr("run", str(tmp_path / "tiny.yaml"), "--out", out, "--storage", storage)) as run:
        code, out, err = run.finish()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and ": cannot write there (" in err and "NO_SUCH_BUCKET" in err
