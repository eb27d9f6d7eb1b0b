"""What the README promises, on real photographs and real speech."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from searchinr.engine.store.ledger import read_ledger

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def searchinr(*arguments: object) -> str:
    command = [sys.executable, "-m", "searchinr", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def front(run: Path) -> dict[str, Any]:
    (dataset,) = json.loads(searchinr("front", run, "--json"))["datasets"]
    return dict(dataset)


def kill_halfway(run: Path) -> list[str]:
    """Starts the quickstart and kills all of it when half of its trials have a result; the ledger's lines then."""
    ledger = run / "ledger.jsonl"
    command = [sys.executable, "-m", "searchinr", "run", "spaces/quickstart.yaml", "--out", str(run)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    while sum('"kind":"point"' in line for line in read_whole_lines(ledger)) < 24:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return read_whole_lines(ledger)


def read_whole_lines(ledger: Path) -> list[str]:
    text = ledger.read_text() if ledger.is_file() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def test_the_quickstart_killed_halfway_finds_a_front_of_real_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = kill_halfway(run)
    searchinr("run", "spaces/quickstart.yaml", "--out", run)
    after = read_whole_lines(run / "ledger.jsonl")
    assert after[: len(before)] == before
    lines = [json.loads(line) for line in after]
    results = [(line["trial"], line["rung"]) for line in lines if line["kind"] == "point"]
    assert len(results) == len(set(results))
    trials = [line for line in lines if line["kind"] == "trial"]
    assert len(trials) == 48
    assert len({line["params"]["backbone"] for line in trials}) >= 3
    first = next(line for line in read_ledger(run / "ledger.jsonl") if line.kind == "point")
    assert first.signals.names == ("astronaut", "chelsea", "coffee", "rocket")
    found = front(run)
    assert len(found["points"]) >= 6
    # Which trials are resumed depends on the order in which results come in: 26.0 to 27.7 dB were seen. A fit, a
    # quantizer or a coder that went wrong costs several dB.
    assert max(point["psnr_db"] for point in found["points"] if point["rate"] < 1.0) >= 25.0
    searchinr("verify", run)

    # The best config is a codec for a picture that nobody searched on.
    config, coded, picture = tmp_path / "best.yaml", tmp_path / "camera.inr", tmp_path / "camera.png"
    searchinr("export", run, "--max-rate", 1.0, "-o", config)
    import skimage
    from PIL import Image

    Image.open(Path(skimage.__file__).parent / "data" / "motorcycle_left.png").resize((160, 120)).save(picture)
    result = json.loads(searchinr("encode", picture, "--config", config, "-o", coded, "--json"))
    assert result["bytes"] == coded.stat().st_size
    assert result["rate"] == pytest.approx(8 * coded.stat().st_size / (160 * 120))
    searchinr("decode", coded, "-o", tmp_path / "decoded.png")
    assert Image.open(tmp_path / "decoded.png").size == (160, 120)


@pytest.mark.skipif("SEARCHINR_DATA" not in os.environ, reason="needs LibriSpeech clips in SEARCHINR_DATA")
def test_real_speech_gives_a_front_in_kbit_per_second(tmp_path: Path) -> None:
    run = tmp_path / "run"
    searchinr("run", "spaces/librispeech.yaml", "--out", run, "--trials", 5)
    found = front(run)
    assert found["rate_unit"] == "kbit/s"
    assert found["signals"] == 10
    assert len(found["points"]) >= 2
    searchinr("verify", run)
