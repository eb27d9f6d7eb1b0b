"""status, front, verify, report and export of a real run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from cli_files import write_image
from PIL import Image

from searchinr.codecs import work
from searchinr.engine.store.ledger import read_ledger
from searchinr.search.figures import SignalTable
from searchinr.search.lines import Point, dump_line
from searchinr.signals.datasets import load_dataset
from searchinr.signals.registry import MODALITIES
from searchinr.space import DatasetEntry

LABEL = "photos-downscale16x24-first2"


def front_of(searchinr: Callable, run: Path) -> dict[str, Any]:
    datasets = json.loads(searchinr("front", run, "--json").out)["datasets"]
    assert [dataset["dataset"] for dataset in datasets] == [LABEL]
    return datasets[0]


def front_files(run: Path) -> list[Path]:
    return sorted((run / "front").rglob("*.inr"))


def test_status_of_a_finished_run(searchinr: Callable, finished_run: Path) -> None:
    state = json.loads(searchinr("status", finished_run, "--json").out)
    (row,) = state["datasets"]
    assert state["state"] == "finished"
    assert (row["dataset"], row["total"], row["done"], row["paused"], row["failed"]) == (LABEL, 4, 4, 0, 0)
    assert f"{LABEL}: 4 of 4 trials done" in searchinr("status", finished_run).out


def test_status_of_an_interrupted_run(searchinr: Callable, run_copy: Path) -> None:
    ledger = run_copy / "ledger.jsonl"
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[:2]))
    assert "interrupted" in searchinr("status", run_copy).out


def test_status_of_a_run_under_way(searchinr: Callable, run_copy: Path) -> None:
    from searchinr.engine.store.run_folder import RunFolder

    with RunFolder(run_copy).locked():
        assert json.loads(searchinr("status", run_copy, "--json").out)["state"] == "running"


def test_front_as_json(searchinr: Callable, finished_run: Path) -> None:
    front = front_of(searchinr, finished_run)
    lines = [json.loads(line) for line in (finished_run / "ledger.jsonl").read_text().splitlines()]
    points = {(line["trial"], line["steps"]): line for line in lines if line["kind"] == "point"}
    assert front["reference_point"] == {"psnr_db": 8, "rate": 64}
    assert front["hypervolume"] > 0
    assert front["points"]
    for point in front["points"]:
        line = points[point["trial"], point["steps"]]
        assert all(point[key] == line[key] for key in ("rate", "psnr_db", "params", "seed"))
        assert point["ssim"] == line["metrics"]["ssim"]
        dominating = [
            other
            for other in points.values()
            if other["rate"] <= point["rate"]
            and other["psnr_db"] >= point["psnr_db"]
            and (other["rate"], other["psnr_db"]) != (point["rate"], point["psnr_db"])
        ]
        assert not dominating
    assert [point["rate"] for point in front["points"]] == sorted(point["rate"] for point in front["points"])


def test_front_as_a_table(searchinr: Callable, finished_run: Path) -> None:
    out = searchinr("front", finished_run).out
    for point in front_of(searchinr, finished_run)["points"]:
        (row,) = (line for line in out.splitlines() if point["trial"] in line and f" {point['steps']} " in line)
        assert f"{point['rate']:.3f}" in row
        assert f"{point['psnr_db']:.2f}" in row


def test_verify_confirms_what_the_run_wrote(searchinr: Callable, finished_run: Path) -> None:
    result = searchinr("verify", finished_run)
    assert result.code == 0
    assert "all as the ledger says" in result.out
    assert result.err == ""


@pytest.mark.parametrize("position", [0, 3, 10, -1])
def test_verify_finds_a_single_changed_byte(searchinr: Callable, run_copy: Path, position: int) -> None:
    path = front_files(run_copy)[0]
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    result = searchinr("verify", run_copy)
    assert result.code == 1
    assert str(path) in result.err
    assert "Traceback" not in result.err


def test_verify_finds_missing_and_exchanged_files(
    searchinr: Callable, run_copy: Path, photo: Path, config: Path
) -> None:
    first, second, *_ = front_files(run_copy)
    first.unlink()
    searchinr("encode", photo, "--config", config)
    second.write_bytes(photo.with_suffix(".inr").read_bytes())  # whole, but of another image
    result = searchinr("verify", run_copy, "--json")
    problems = json.loads(result.out)["problems"]
    assert result.code == 1
    assert [problem.split(": ")[0] for problem in problems] == [str(first), str(second)]


def test_verify_and_report_decode_nothing_that_is_not_on_record(
    searchinr: Callable, run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in front_files(run_copy):
        path.write_bytes(path.read_bytes() + b"more")
    monkeypatch.setattr("searchinr.engine.store.asset_files.decode", pytest.fail)
    assert "it is not decoded" in searchinr("verify", run_copy).err
    assert searchinr("report", run_copy).code == 0


@pytest.mark.parametrize("command", ["verify", "report"])
def test_what_claims_too_much_is_decoded_if_one_says_so(
    searchinr: Callable, refused: Callable, run_copy: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(work, "MAX_POINTS", 1)
    assert "--no-limit" in refused(command, run_copy)
    assert searchinr(command, run_copy, "--no-limit").code == 0


def test_verify_finds_a_changed_ledger(searchinr: Callable, run_copy: Path) -> None:
    path = run_copy / "ledger.jsonl"
    lines = read_ledger(path)
    for place, line in enumerate(lines):
        if isinstance(line, Point):
            rows = [replace(row, psnr_db=row.psnr_db + 0.02) for row in line.signals]
            lines[place] = replace(line, signals=SignalTable.of(rows))
    path.write_bytes(b"".join(dump_line(line) + b"\n" for line in lines))
    result = searchinr("verify", run_copy)
    assert result.code == 1
    assert "dB, the ledger says" in result.err


def test_report_draws_where_it_is_told(searchinr: Callable, finished_run: Path, tmp_path: Path) -> None:
    result = searchinr("report", finished_run, "-o", tmp_path / "new" / "figures")
    assert result.code == 0
    written = [Path(line) for line in result.out.splitlines() if line.startswith(str(tmp_path))]
    assert {path.suffix for path in written} == {".png", ".html", ".json", ".tsv"}
    assert all(path.stat().st_size > 100 for path in written)


def test_the_report_is_one_page_beside_figures_and_tables(
    searchinr: Callable, finished_run: Path, tmp_path: Path
) -> None:
    out = searchinr("report", finished_run, "-o", tmp_path).out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert str(tmp_path / "report.html") in out
    assert page.count('alt="astronaut') >= 2  # the original and what was decoded, inside the page
    assert "BD-rate" in page
    for point in front_of(searchinr, finished_run)["points"]:
        command = f"searchinr export {finished_run} --trial {point['trial']} --steps {point['steps']} -o best.yaml"
        assert page.count(command) == 2  # to read and to copy
        exported = searchinr(*command.split()[1:-2]).out
        assert f"psnr_db: {point['psnr_db']}" in exported
    names = {path.name.replace(f"-{LABEL}", "") for path in tmp_path.iterdir()}
    pictures = {"front.png", "hypervolume.png", "signals.png", "decoded.png"}
    assert pictures | {"front.tsv", "hypervolume.tsv", "signals.tsv", "bd-rate.tsv", "front.json"} < names


def test_a_run_against_itself(searchinr: Callable, finished_run: Path, run_copy: Path, tmp_path: Path) -> None:
    (found,) = json.loads(searchinr("compare", finished_run, run_copy, "--json").out)
    first, second = found["runs"]
    assert first["hypervolume"] == second["hypervolume"] == front_of(searchinr, finished_run)["hypervolume"]
    assert found["bd_rate"] is None or found["bd_rate"]["percent"] == pytest.approx(0, abs=1e-9)
    result = searchinr("compare", finished_run, run_copy, "-o", tmp_path / "both.html")
    assert result.code == 0
    assert f"{first['hypervolume']:.4g}" in result.out
    assert str(run_copy) in (tmp_path / "both.html").read_text(encoding="utf-8")
    assert searchinr("compare", finished_run, run_copy, "-o", tmp_path / "both.png").code == 0
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_compared(refused: Callable, finished_run: Path, run_copy: Path, tmp_path: Path) -> None:
    assert ".html .png" in refused("compare", finished_run, run_copy, "-o", tmp_path / "both.pdf")
    space = run_copy / "space.yaml"
    head, identity, rest = space.read_text().split("\n", 2)
    space.write_text("\n".join([head, identity[:-1] + ("0" if identity[-1] != "0" else "1"), rest]))
    assert f"content of {LABEL} " in refused("compare", finished_run, run_copy)  # the files had other samples then
    assert list(tmp_path.glob("both*")) == []


def test_a_config_for_each_signal_and_the_commands_that_use_them(
    searchinr: Callable, finished_run: Path, tmp_path: Path
) -> None:
    out = searchinr("export", finished_run, "--max-rate", 64, "--per-signal", "-o", tmp_path / "best").out
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["astronaut.yaml", "chelsea.yaml"]
    commands = [line.split() for line in out.splitlines() if line.startswith("searchinr encode ")]
    assert [Path(command[2]).name for command in commands] == ["astronaut.png", "chelsea.png"]
    assert all(Path(command[2]).is_file() and Path(command[4]).is_file() for command in commands)
    assert commands[0][-1] == str(tmp_path / "best" / "astronaut.inr")


def test_every_reader_refuses_data_that_have_changed(
    searchinr: Callable, refused: Callable, new_run_folder: Callable[[Path], Path], tmp_path: Path
) -> None:
    (tmp_path / "pics").mkdir()
    a, b = (write_image(tmp_path / "pics" / name, channels=3) for name in ("a.png", "b.png"))
    space, run = tmp_path / "own.yaml", new_run_folder(tmp_path / "run")
    space.write_text(
        f"name: own\ndatasets: [{{path: {tmp_path / 'pics'}, label: own}}]\nsearch: {{sampler: random, trials: 2}}\n"
        "reference_point: {psnr_db: 8, rate: 64}\nfidelity: {min_steps: 20, max_steps: 40}\n"
        "codecs: {mlp: {depth: 2, width: {choice: [6, 8]}}}\n"
    )
    assert searchinr("run", space, "--out", run, "--debug").code == 0
    identity = json.loads((run / "run.json").read_text())
    assert list(identity["signals"]["own"]) == ["a", "b"]
    assert searchinr("verify", run).code == 0

    Image.open(a).transpose(Image.Transpose.ROTATE_180).save(a)
    out = tmp_path / "out"
    readers = (["verify"], ["report", "-o", out], ["export", "--max-rate", 64, "--per-signal", "-o", out / "configs"])
    for command, *more in readers:
        assert f"dataset own: not what {run} has measured: {a} has changed; restore" in refused(command, run, *more)
    assert "on changed data (a of own has changed); choose" in refused("run", space, "--out", run, "--debug")
    b.rename(b.with_name("c.png"))
    assert f"{a} has changed, b is missing, {b.with_name('c.png')} is new; restore" in refused("verify", run)
    (run / "run.json").unlink()  # as of a run from before there were any
    assert "its content has changed; restore" in refused("verify", run)
    (run / "run.json").write_text("{}")
    assert "run.json: not the identity of a run" in refused("verify", run)
    assert not (out / "configs").exists()


def test_several_configs_need_a_folder(refused: Callable, finished_run: Path) -> None:
    assert "name a folder" in refused("export", finished_run, "--max-rate", 64, "--per-signal")


def test_report_into_a_file(refused: Callable, finished_run: Path) -> None:
    assert "folder is expected" in refused("report", finished_run, "-o", finished_run / "ledger.jsonl")


@pytest.mark.parametrize("command", ["status", "front", "verify", "report", "ui", "export", "compare"])
def test_what_is_no_run_folder(refused: Callable, tmp_path: Path, command: str) -> None:
    more = {"export": ["--trial", "a"], "compare": [tmp_path]}.get(command, [])
    assert "not a run folder" in refused(command, tmp_path, *more)
    assert "not a run folder" in refused(command, tmp_path / "none", *more)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["front", "verify", "report", "export"])
def test_a_run_without_points(refused: Callable, run_copy: Path, command: str) -> None:
    (run_copy / "ledger.jsonl").write_bytes(b"")
    more = ["--trial", "a"] if command == "export" else []
    assert "no operating point yet" in refused(command, run_copy, *more)


@pytest.mark.parametrize("command", ["status", "front", "verify", "report"])
def test_a_damaged_ledger(refused: Callable, run_copy: Path, command: str) -> None:
    path = run_copy / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\xff{garbage\n", *lines[2:]]))
    assert refused(command, run_copy).startswith(f"{path}:2: ")


def test_unknown_dataset(refused: Callable, finished_run: Path) -> None:
    for command in (["front"], ["export", "--trial", "a"]):
        assert LABEL in refused(*command, finished_run, "--dataset", "kodak")


def test_the_data_folder_must_be_there(refused: Callable, finished_run: Path, tmp_path: Path) -> None:
    assert "--data" in refused("verify", finished_run, "--data", tmp_path / "none")


def test_export_then_encode_gives_the_bytes_of_the_search(
    searchinr: Callable, finished_run: Path, tmp_path: Path
) -> None:
    signals = load_dataset(DatasetEntry(name="photos", downscale=(16, 24), limit=2)).signals
    # a trial is exported at its longest training
    points = [point for point in front_of(searchinr, finished_run)["points"] if point["steps"] == 60]
    assert points
    for point in points:
        assert searchinr("export", finished_run, "--trial", point["trial"], "-o", tmp_path / "best.yaml").code == 0
        for signal in signals:
            image, out = tmp_path / f"{signal.name}.png", tmp_path / f"{signal.name}.inr"
            MODALITIES["image"].write(signal, image)
            assert searchinr("encode", image, "--config", tmp_path / "best.yaml", "-o", out).code == 0
            stored = finished_run / "front" / LABEL / f"{point['trial']}-60" / out.name
            assert out.read_bytes() == stored.read_bytes()


def test_export_prints_or_writes_the_same(searchinr: Callable, finished_run: Path, tmp_path: Path) -> None:
    printed = searchinr("export", finished_run, "--max-rate", 64)
    written = searchinr("export", finished_run, "--max-rate", 64, "-o", tmp_path / "best.yaml")
    assert (printed.code, written.code) == (0, 0)
    assert (tmp_path / "best.yaml").read_text() == printed.out
    assert printed.out.startswith("# searchinr encode ")
    assert " bpp, " in written.out
    assert f"searchinr encode SIGNAL --config {tmp_path / 'best.yaml'}" in written.out


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ([], "exactly one of --max-rate, --quality, --min-psnr and --trial"),
        (["--max-rate", "9", "--min-psnr", "9"], "exactly one of"),
        (["--max-rate", "0.01"], "the lowest rate found is"),
        (["--max-rate", "nan"], "the lowest rate found is"),
        (["--min-psnr", "90"], "the highest PSNR found is"),
        (["--trial", "zzz"], "no trial"),
        (["--trial", ""], "4 trials begin with it"),
    ],
)
def test_impossible_criteria(refused: Callable, finished_run: Path, criteria: list[str], said: str) -> None:
    assert said in refused("export", finished_run, *criteria)


def test_export_into_a_missing_folder(refused: Callable, finished_run: Path, tmp_path: Path) -> None:
    assert "there is no folder" in refused("export", finished_run, "--max-rate", 64, "-o", tmp_path / "no" / "a.yaml")
    assert list(tmp_path.iterdir()) == []


def constrain(run: Path, bound: str) -> None:
    """As if the run had been made with `constraints:`."""
    with (run / "space.yaml").open("a") as file:
        file.write(f"constraints: {{decode_macs_per_sample: '{bound}'}}\n")


def test_the_front_is_confirmed_by_further_seeds(searchinr: Callable, finished_run: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (finished_run / "ledger.jsonl").read_text().splitlines()]
    front = front_of(searchinr, finished_run)["points"]
    table = searchinr("front", finished_run).out
    for point in front:
        fits = [
            line
            for line in lines
            if line["kind"] == "confirmation" and (line["trial"], line["rung"]) == (point["trial"], point["rung"])
        ]
        assert [line["seed"] for line in fits] == [1, 2]
        assert len({line["psnr_db"] for line in fits} | {point["psnr_db"]}) == 3
        spread = {"mean": fmean(line["psnr_db"] for line in fits), "std": stdev(line["psnr_db"] for line in fits)}
        assert point["confirmed"]["seeds"] == 2
        assert point["confirmed"]["failed"] == 0
        assert point["confirmed"]["psnr_db"] == pytest.approx(spread)
        assert f"{spread['mean']:.2f} ± {spread['std']:.2f} dB at" in table
    assert len([line for line in lines if line["kind"] == "confirmation"]) == 2 * len(front)
    (row,) = json.loads(searchinr("status", finished_run, "--json").out)["datasets"]
    assert row["confirmed"] == row["to_confirm"] == 2 * len(front)
    assert f"{2 * len(front)} of {2 * len(front)} fits confirm it" in searchinr("status", finished_run).out
    folders = {path.parent.name for path in front_files(finished_run)}
    assert folders == {f"{point['trial']}-{point['steps']}" for point in front}  # of the selected fits alone


def test_a_point_that_breaks_a_constraint_is_on_no_front(searchinr: Callable, run_copy: Path) -> None:
    every = front_of(searchinr, run_copy)["points"]
    macs = sorted({point["decode_macs_per_sample"] for point in every})
    constrain(run_copy, f"<= {macs[0]}")
    front = front_of(searchinr, run_copy)
    assert front["constraints"] == {"decode_macs_per_sample": f"<= {macs[0]:.10g}"}
    assert front["points"]
    assert {point["decode_macs_per_sample"] for point in front["points"]} == {macs[0]}
    assert len(macs) > 1
    assert searchinr("verify", run_copy).code == 0
    exported = searchinr("export", run_copy, "--max-rate", 64).out
    assert any(f"trial: {point['trial']}" in exported for point in front["points"])


@pytest.mark.parametrize("command", ["front", "verify", "report", "export"])
def test_a_run_without_any_feasible_point(refused: Callable, searchinr: Callable, run_copy: Path, command: str) -> None:
    constrain(run_copy, "<= 1")
    more = ["--trial", "a"] if command == "export" else []
    said = refused(command, run_copy, *more)
    assert "meets the constraints, so there is no front; nearest is trial " in said
    assert "decode_macs_per_sample is" in said
    assert "none within the constraints" in searchinr("status", run_copy).out


def test_the_hypervolume_by_work_is_drawn_beside_the_front(
    searchinr: Callable, finished_run: Path, tmp_path: Path
) -> None:
    out = searchinr("report", finished_run, "-o", tmp_path / "figures").out
    assert f"hypervolume-{LABEL}.png" in out
    *_, last = (tmp_path / "figures" / f"hypervolume-{LABEL}.tsv").read_text().splitlines()
    assert float(last.split("\t")[2]) == pytest.approx(front_of(searchinr, finished_run)["hypervolume"])
