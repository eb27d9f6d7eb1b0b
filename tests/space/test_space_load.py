"""What a valid space file means."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from space_case import CATALOG, VALID, load, load_with

from searchinr.space import (
    Bound,
    Choice,
    DatasetEntry,
    Fidelity,
    Range,
    Space,
    SpaceError,
    dump_space,
    load_space,
    space_hash,
)

FULL = """\
name: full
datasets:
  - kodak
  - {name: photos, downscale: [96, 144], limit: 4}
  - {path: "my files/*.png", modality: image, crop: [256, 256]}
objectives: {rate: min, ssim: max, decode_s: min}
reference_point: {ssim: 0.5, rate: 4, decode_s: 1e-1}
constraints: {decode_macs_per_sample: <= 2000, ssim: '>= 0.9'}
fidelity: {min_steps: 100, max_steps: 900, reduction: 2}
search: {sampler: random, scheduler: fifo, trials: 7, seed: 3}
confirm: {seeds: 3}
resources: {cpu: 2, gpu: 0.25, timeout_s: 60}
mlflow: {tracking_uri: "http://localhost:5000"}
codecs:
  grid: {}
  mlp:
    sine.omega: {range: [1, 50]}
    backbone: {choice: [sine, gabor]}
    gabor.filter: {choice: [sine, gauss]}
    width: {range: [8, 64]}
    bits: 6
    shared: {choice: [true, false]}
    lr: {log: [1e-4, 1e-1]}
    note: no
"""


def test_every_kind_of_domain(tmp_path: Path) -> None:
    space = load(tmp_path, FULL)
    assert space.codecs == {
        "grid": {},
        "mlp": {
            "backbone": Choice(("sine", "gabor")),
            "width": Range(8, 64, log=False, integer=True),
            "bits": 6,
            "shared": Choice((True, False)),
            "lr": Range(1e-4, 1e-1, log=True, integer=False),
            "note": "no",
            "sine.omega": Range(1, 50, log=False, integer=False),
            "gabor.filter": Choice(("sine", "gauss")),
        },
    }
    keys = list(space.codecs["mlp"])
    assert [key for key in keys if "." not in key] == keys[:6]  # what options depend on comes first


def test_sections_and_defaults(tmp_path: Path) -> None:
    space = load(tmp_path, FULL)
    assert list(space.objectives) == ["rate", "ssim", "decode_s"]
    assert space.reference_point["decode_s"] == 0.1
    assert space.resources.timeout_s == 60
    assert space.constraints == {"decode_macs_per_sample": Bound("<=", 2000.0), "ssim": Bound(">=", 0.9)}
    assert space.confirm is not None
    assert space.confirm.seeds == 3
    small = load_with(tmp_path)
    assert small.objectives == {"psnr_db": "max", "rate": "min"}
    assert (small.search.sampler, small.search.scheduler, small.search.seed) == ("tpe", "mo-asha", 0)
    assert (small.resources.cpu, small.resources.gpu, small.resources.timeout_s) == (1, 0, None)
    assert small.mlflow.tracking_uri is None
    assert small.constraints is small.confirm is None


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    space = load(tmp_path, FULL.replace("lr: {log: [1e-4, 1e-1]}", "lr: {choice: [1e-4, 2E-3, 1, .5, 3.e-2, +1.0e-1]}"))
    assert space.codecs["mlp"]["lr"] == Choice((1e-4, 2e-3, 1.0, 0.5, 3e-2, 0.1))


def test_an_integer_where_a_number_is_meant_is_the_same_space(tmp_path: Path) -> None:
    integer = load(tmp_path, FULL.replace("[1e-4, 1e-1]", "[1e-4, 1]"))
    number = load(tmp_path, FULL.replace("[1e-4, 1e-1]", "[0.0001, 1.0]"))
    assert integer == number
    assert space_hash(integer) == space_hash(number)


def test_the_default_that_activates_a_given_option_is_filled_in(tmp_path: Path) -> None:
    space = load_with(tmp_path, codecs={"mlp": {"sine.omega": 5.0}})
    assert space.codecs["mlp"] == {"backbone": "sine", "sine.omega": 5.0}


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + FULL) == load(tmp_path, FULL)


@pytest.mark.parametrize(
    ("fidelity", "rungs"),
    [
        (Fidelity(), (500, 1500, 4500, 5000)),
        (Fidelity(min_steps=100, max_steps=900), (100, 300, 900)),
        (Fidelity(min_steps=100, max_steps=1000, reduction=2), (100, 200, 400, 800, 1000)),
        (Fidelity(min_steps=7, max_steps=7), (7,)),
    ],
)
def test_rungs(fidelity: Fidelity, rungs: tuple[int, ...]) -> None:
    assert fidelity.rungs == rungs


@pytest.mark.parametrize(
    ("entry", "label"),
    [
        (DatasetEntry(name="kodak"), "kodak"),
        (DatasetEntry(name="photos", downscale=(96, 144), limit=4), "photos-downscale96x144-first4"),
        (DatasetEntry(path="my files/*.png", crop=(256, 256)), "my-files-png-crop256x256"),
        (DatasetEntry(path="."), "files"),
    ],
)
def test_labels_are_folder_names(entry: DatasetEntry, label: str) -> None:
    assert entry.label == label


def test_one_dataset_may_come_in_several_sizes(tmp_path: Path) -> None:
    space = load_with(tmp_path, datasets=["kodak", {"name": "kodak", "crop": [64, 64]}])
    assert len({entry.label for entry in space.datasets}) == 2


def test_dump_loads_back(tmp_path: Path) -> None:
    space = load(tmp_path, FULL)
    again = load(tmp_path, dump_space(space))
    assert again == space
    assert list(again.codecs["mlp"]) == list(space.codecs["mlp"])
    assert list(again.objectives) == list(space.objectives)
    assert space_hash(again) == space_hash(space)


@given(
    name=st.from_regex(r"[\w][\w.-]{0,8}", fullmatch=True),
    note=st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"])),
    lr=st.floats(min_value=1e-12, max_value=1),
    point=st.floats(allow_nan=False, allow_infinity=False),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_number_survive_dumping(tmp_path: Path, name: str, note: str, lr: float, point: float) -> None:
    tree = VALID | {
        "name": name,
        "datasets": (DatasetEntry(name="kodak"),),
        "reference_point": {"psnr_db": point, "rate": 1.0},
        "codecs": {"mlp": {"note": note, "lr": lr}},
    }
    space = Space.model_validate(tree)
    assert load(tmp_path, dump_space(space)) == space


def test_the_hash_is_of_what_results_depend_on(tmp_path: Path) -> None:
    original = space_hash(load(tmp_path, FULL))
    for same in (
        FULL.replace("trials: 7", "trials: 70"),
        FULL.replace("cpu: 2", "cpu: 1"),
        FULL.replace("{seeds: 3}", "{seeds: 1}"),
        FULL.replace("localhost", "elsewhere"),
        "# a comment\n" + FULL,
    ):
        assert same != FULL
        assert space_hash(load(tmp_path, same)) == original
    for other in (
        FULL.replace("seed: 3", "seed: 4"),
        FULL.replace("limit: 4", "limit: 5"),
        FULL.replace("<= 2000", "<= 2001"),
        FULL.replace("[8, 64]", "[8, 65]"),
        FULL.replace("{log: [1e-4, 1e-1]}", "{range: [1e-4, 1e-1]}"),
        FULL.replace("max_steps: 900", "max_steps: 901"),
        FULL.replace("rate: 4", "rate: 5"),
    ):
        assert other != FULL
        assert space_hash(load(tmp_path, other)) != original


def test_importing_the_room_imports_nothing_heavy() -> None:
    code = "import sys, searchinr.space; print(*({'torch', 'ray', 'mlflow', 'optuna', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


SHIPPED = sorted((Path(__file__).parents[2] / "spaces").glob("*.yaml"))


def test_the_shipped_spaces_are_found() -> None:
    assert {"kodak", "librispeech", "quickstart"} <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_space_is_valid_and_begins_with_its_command(path: Path, tmp_path: Path) -> None:
    engine = pytest.importorskip("searchinr.engine.catalog", reason="the engine's catalog cannot be imported")
    catalog = engine.catalog()
    space = load_space(path, catalog)
    assert path.read_text().splitlines()[0] == f"# searchinr run spaces/{path.name}"
    assert space.name == path.stem
    copy = tmp_path / "copy.yaml"
    copy.write_text(dump_space(space))
    assert load_space(copy, catalog) == space


def test_a_space_is_checked_against_the_catalog_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(FULL)
    smaller = type(CATALOG)({"mlp": CATALOG.codecs["mlp"]}, CATALOG.datasets, CATALOG.modalities)
    with pytest.raises(SpaceError, match=r"codecs\.grid: unknown codec; allowed mlp"):
        load_space(path, smaller)
