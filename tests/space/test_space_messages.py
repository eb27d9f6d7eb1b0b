"""What a user is told who made a mistake in a space file: whole lines."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from space_case import CATALOG, HEAD, codec_problems, problems

from searchinr.space import SpaceError, load_space

CODECS = "codecs: {mlp: {width: 64}}\n"
PARAMETERS = "backbone, width, bits, shared, lr, note, sine.omega, gabor.filter, gabor.scale"
FORMS = "a constant, {choice: [A, B, ...]}, {range: [LOW, HIGH]} or {log: [LOW, HIGH]}"
SECTIONS = (
    "name, datasets, objectives, reference_point, constraints, fidelity, search, confirm, resources, mlflow, codecs"
)
BOUNDS = "allowed '<= NUMBER' or '>= NUMBER', e.g. '<= 2000'"


def test_the_valid_file_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + CODECS) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("widht: 64", f"widht: unknown parameter; allowed {PARAMETERS}; did you mean 'width'?"),
        ("zzz: 64", f"zzz: unknown parameter; allowed {PARAMETERS}"),
        ("width: wide", "width: found 'wide'; allowed an integer at least 4 and at most 1024"),
        ("width: '64'", "width: found '64'; allowed an integer at least 4 and at most 1024"),
        ("width: 64.0", "width: found 64.0; allowed an integer at least 4 and at most 1024"),
        ("width: 64.5", "width: found 64.5; allowed an integer at least 4 and at most 1024"),
        ("width: true", "width: found true; allowed an integer at least 4 and at most 1024"),
        ("width: 2000", "width: found 2000; allowed an integer at least 4 and at most 1024"),
        ("width:", f"width: found nothing; allowed {FORMS}"),
        ("width: [4, 8]", f"width: found [4, 8]; allowed {FORMS}"),
        ("width: {chioce: [4]}", f"width: found a mapping with 'chioce'; allowed {FORMS}; did you mean 'choice'?"),
        ("width: {choice: [4], log: [4, 8]}", f"width: found a mapping with 'choice', 'log'; allowed {FORMS}"),
        ("width: {choice: 4}", "width.choice: found 4; allowed a list"),
        ("width: {range: [4]}", "width.range: found [4]; allowed two numbers, [LOW, HIGH]"),
        (
            "width: {range: [64, 64]}",
            "width.range: found the empty range [64, 64]; allowed LOW below HIGH, or the constant 64",
        ),
        (
            "width: {range: [64, 32]}",
            "width.range: found the reversed range [64, 32]; allowed LOW below HIGH; did you mean [32, 64]?",
        ),
        ("width: {range: [2, 64]}", "width.range[0]: found 2; allowed an integer at least 4 and at most 1024"),
        ("width: {range: [4, 6.5]}", "width.range[1]: found 6.5; allowed an integer at least 4 and at most 1024"),
        ("lr: {log: [0, 1]}", "lr.log[0]: found 0; allowed a number above 0, as its logarithm is taken"),
        ("lr: .nan", "lr: found nan; allowed a number above 0 and at most 1"),
        (
            "width: {choice: []}",
            "width.choice: found an empty choice; allowed at least one value: an integer at least 4 and at most 1024",
        ),
        (
            "backbone: {choice: [relu, gabro]}",
            "backbone.choice[1]: found 'gabro'; allowed one of sine, relu, gabor; did you mean 'gabor'?",
        ),
        ("backbone: {choice: [relu, relu]}", "backbone.choice[1]: found 'relu' a second time; allowed once"),
        ("backbone: {choice: [relu, ~]}", "backbone.choice[1]: found nothing; allowed one of sine, relu, gabor"),
        (
            "backbone: {range: [relu, sine]}",
            "backbone.range: found a range; allowed a constant or a choice: one of sine, relu, gabor",
        ),
        ("bits: 7", "bits: found 7; allowed one of 6, 8"),
        ("shared: 1", "shared: found 1; allowed true or false"),
        ("note: 3", "note: found 3; allowed text"),
        (
            "gabor.scale: 3",
            "gabor.scale: found a parameter of the option 'gabor'; allowed where 'backbone' can be 'gabor' "
            "(here: sine)",
        ),
        (
            "sine: {omega: 3}",
            "sine: found a mapping with 'omega' for the option 'sine'; allowed are dotted keys: sine.omega",
        ),
    ],
)
def test_parameter(tmp_path: Path, line: str, expected: str) -> None:
    assert codec_problems(tmp_path, "bits: 8" if "bits" not in line else "width: 8", line) == [
        f"F:8: codecs.mlp.{expected}"
    ]


def test_an_option_that_the_choice_leaves_out(tmp_path: Path) -> None:
    lines = codec_problems(tmp_path, "sine.omega: 5", "backbone: {choice: [relu, gabor]}")
    assert lines == [
        "F:7: codecs.mlp.sine.omega: found a parameter of the option 'sine'; allowed where 'backbone' can be 'sine' "
        "(here: relu, gabor)"
    ]


def test_a_wrong_choice_of_backbone_hides_what_would_follow_from_it(tmp_path: Path) -> None:
    lines = codec_problems(tmp_path, "backbone: {choice: [relu, gabro]}", "gabor.scale: 3")
    assert len(lines) == 1
    assert "'gabro'" in lines[0]


def test_items_of_a_long_list_have_their_own_lines(tmp_path: Path) -> None:
    lines = codec_problems(tmp_path, "width:", "  choice:", "    - 8", "    - 2")
    assert lines == ["F:10: codecs.mlp.width.choice[1]: found 2; allowed an integer at least 4 and at most 1024"]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("fidelty: {}", [f"fidelty: unknown key; allowed {SECTIONS}; did you mean 'fidelity'?"]),
        ("fidelity: 3", ["fidelity: found 3; allowed a mapping"]),
        (
            "fidelity: {min_steps: 900, max_steps: 100}",
            ["fidelity.max_steps: found 100; allowed min_steps (900) or more"],
        ),
        ("fidelity: {min_steps: 9000}", ["fidelity.max_steps: found 5000; allowed min_steps (9000) or more"]),
        ("fidelity: {reduction: 1}", ["fidelity.reduction: found 1; allowed a number greater than or equal to 2"]),
        ("resources: {cpu: one}", ["resources.cpu: found 'one'; allowed a number"]),
        ("resources: {cpu: 0}", ["resources.cpu: found 0; allowed a number greater than or equal to 0.01"]),
        (
            "resources: {gpu: 1.5}",
            ["resources.gpu: found 1.5; allowed 0, a part of one GPU of at least 0.01, or whole GPUs"],
        ),
        (
            "resources: {gpu: 1.0e-9}",
            ["resources.gpu: found 1e-09; allowed 0, a part of one GPU of at least 0.01, or whole GPUs"],
        ),
        (
            "fidelity: {max_steps: 100000000000}",
            ["fidelity.max_steps: found 100000000000; allowed a number less than or equal to 10000000"],
        ),
        ("resources: {timeout_s: .inf}", ["resources.timeout_s: found inf; allowed a finite number"]),
        ("resources: {gpus: 1}", ["resources.gpus: unknown key; allowed cpu, gpu, timeout_s; did you mean 'gpu'?"]),
        ("mlflow: {tracking_uri: 5000}", ["mlflow.tracking_uri: found 5000; allowed text"]),
        (
            "mlflow: {tracking_uri: 'http://me:hush@host:5000/x?y=z'}",
            [
                "mlflow.tracking_uri: http://host:5000/x: credentials found in the URL, where logs would show them; "
                "MLFLOW_TRACKING_URI may have them in it"
            ],
        ),
        ("objectives: {psnr_db: max, rate: max}", ["objectives.rate: found 'max'; allowed 'min'"]),
        (
            "objectives: {psnr: max, rate: min, psnr_db: max}",
            [
                "objectives.psnr: unknown objective; allowed psnr_db, ssim, rate, encode_s, decode_s; "
                "did you mean 'psnr_db'?"
            ],
        ),
        (
            "objectives: {psnr_db: max}",
            ["objectives: found 1 of them; allowed two or more of psnr_db, ssim, rate, encode_s, decode_s"],
        ),
        ("constraints: [1]", ["constraints: found [1]; allowed a mapping"]),
        ("constraints: {rate: 4}", [f"constraints.rate: found 4; {BOUNDS}"]),
        ("constraints: {rate: < 4}", [f"constraints.rate: found '< 4'; {BOUNDS}"]),
        ("constraints: {rate: <= 4 bpp}", [f"constraints.rate: found '<= 4 bpp'; {BOUNDS}"]),
        ("constraints: {rate: <= 1e400}", [f"constraints.rate: found '<= 1e400'; {BOUNDS}"]),
        ("constraints: {rate: <= .nan}", [f"constraints.rate: found '<= .nan'; {BOUNDS}"]),
        (
            "constraints: {decode_mac: <= 2000, rate: 4}",
            [
                "constraints.decode_mac: unknown figure; allowed psnr_db, ssim, rate, encode_s, decode_s, "
                "decode_macs_per_sample; did you mean 'decode_s'?"
            ],
        ),
        ("confirm: 3", ["confirm: found 3; allowed a mapping"]),
        ("confirm: {seeds: 0}", ["confirm.seeds: found 0; allowed a number greater than or equal to 1"]),
        ("confirm: {seeds: 2.5}", ["confirm.seeds: found 2.5; allowed an integer"]),
        (
            "confirm: {seed: 3}",
            [
                "confirm.seeds: missing, and it has no default",
                "confirm.seed: unknown key; allowed seeds; did you mean 'seeds'?",
            ],
        ),
        ("name: twice", ["name: found a second time, first in line 1; allowed once"]),
    ],
)
def test_section(tmp_path: Path, section: str, expected: list[str]) -> None:
    assert problems(tmp_path, HEAD + section + "\n" + CODECS) == [f"F:5: {line}" for line in expected]


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("{psnr_db: 20}", "reference_point.rate: missing; allowed the worst value of this objective that counts"),
        ("{psnr_db: 20, rate: 4, ssim: 1}", "reference_point.ssim: unknown objective; allowed psnr_db, rate"),
        ("{psnr_db: 20, rate: 0}", "reference_point.rate: found 0; allowed a number above 0"),
        ("{psnr_db: high, rate: 1}", "reference_point.psnr_db: found 'high'; allowed a number"),
    ],
)
def test_reference_point(tmp_path: Path, point: str, expected: str) -> None:
    text = (HEAD + CODECS).replace("{psnr_db: 20, rate: 4}", point)
    assert problems(tmp_path, text) == [f"F:3: {expected}"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "kodka",
            "[0].name: found 'kodka'; allowed kodak, photos, speech, or files by {path: ...}; did you mean 'kodak'?",
        ),
        ("{limit: 3}", "[0].path: found neither a name nor a path; allowed exactly one of them"),
        (
            "{name: kodak, path: x}",
            "[0].path: found both the name 'kodak' and a path; allowed exactly one of them",
        ),
        ("{path: x, modality: imge}", "[0].modality: found 'imge'; allowed image, audio; did you mean 'image'?"),
        ("{name: kodak, modality: audio}", "[0].modality: found 'audio'; allowed 'image', which 'kodak' is"),
        ("{name: kodak, crop: [0]}", "[0].crop[0]: found 0; allowed a number greater than or equal to 1"),
        ("{name: kodak, crop: []}", "[0].crop: found []; allowed at least one entry"),
        ("{name: kodak, limit: all}", "[0].limit: found 'all'; allowed an integer"),
        ("kodak, kodak", "[1]: found 'kodak', like datasets[0]; allowed once"),
        ("", ": found []; allowed at least one entry"),
    ],
)
def test_dataset(tmp_path: Path, entry: str, expected: str) -> None:
    text = (HEAD + CODECS).replace("[kodak]", f"[{entry}]")
    assert problems(tmp_path, text) == [f"F:2: datasets{expected}"]


def test_codecs(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + "codecs:\n  mpl: {width: 3}\n") == [
        "F:6: codecs.mpl: unknown codec; allowed mlp, grid; did you mean 'mlp'?"
    ]
    assert problems(tmp_path, HEAD + "codecs:\n  mlp: 3\n") == ["F:6: codecs.mlp: found 3; allowed a mapping"]
    assert problems(tmp_path, HEAD + "codecs: {}\n") == [
        "F:5: codecs: found an empty mapping; allowed at least one entry"
    ]


def test_several_problems_come_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = """\
name: a/b
datasets:
  - kodak
  - photo
objectives: {psnr_db: min, rate: min}
reference_point: {psnr_db: 20, rate: -1}
search: {sampler: tp, trials: 0}
codecs:
  grid: {levels: 99}
  mlp:
    width: {range: [1, 2000]}
    wdith: 3
fidelity: {min_steps: 2, max_steps: 1, reduction: 0}
search: {}
"""
    assert problems(tmp_path, text) == [
        "F:1: name: found 'a/b'; allowed letters, digits, '_', '-' and '.', beginning with a letter or digit",
        "F:4: datasets[1].name: found 'photo'; allowed kodak, photos, speech, or files by {path: ...}; "
        "did you mean 'photos'?",
        "F:5: objectives.psnr_db: found 'min'; allowed 'max'",
        "F:6: reference_point.rate: found -1; allowed a number above 0",
        "F:7: search.sampler: found 'tp'; allowed 'tpe', 'gp', 'nsga2', 'random' or 'grid'; did you mean 'tpe'?",
        "F:7: search.trials: found 0; allowed a number greater than or equal to 1",
        "F:9: codecs.grid.levels: found 99; allowed an integer at least 1 and at most 16",
        "F:11: codecs.mlp.width.range[0]: found 1; allowed an integer at least 4 and at most 1024",
        "F:11: codecs.mlp.width.range[1]: found 2000; allowed an integer at least 4 and at most 1024",
        f"F:12: codecs.mlp.wdith: unknown parameter; allowed {PARAMETERS}; did you mean 'width'?",
        "F:13: fidelity.max_steps: found 1; allowed min_steps (2) or more",
        "F:13: fidelity.reduction: found 0; allowed a number greater than or equal to 2",
        "F:14: search: found a second time, first in line 7; allowed once",
    ]


def test_missing_sections(tmp_path: Path) -> None:
    assert problems(tmp_path, "name: small\nsearch: {}\n") == [
        "F: datasets: missing, and it has no default",
        "F: reference_point: missing, and it has no default",
        "F: codecs: missing, and it has no default",
        "F:2: search.trials: missing, and it has no default",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "F: found nothing; allowed a mapping"),
        ("# only a comment\n", "F: found nothing; allowed a mapping"),
        ("- kodak\n", "F: found ['kodak']; allowed a mapping"),
        (
            HEAD + "constraints: {ssim: >= 0.9}\n",
            "F:5:21: not valid YAML: while scanning for the next token: found character '>' that cannot start any token"
            "; write a bound with > in quotes: '>= NUMBER'",
        ),
        (
            HEAD + "constraints:\n  ssim: >= 0.9\n",
            "F:6:10: not valid YAML: while scanning a block scalar: expected chomping or indentation indicators, but "
            "found '='; write a bound with > in quotes: '>= NUMBER'",
        ),
        ("a: [1, 2\nb: 3\n", "F:2:2: not valid YAML: while parsing a flow sequence: expected ',' or ']', but got ':'"),
        ("a: b: c\n", "F:1:5: not valid YAML: mapping values are not allowed here"),
        ("a: &x 1\nb: *x\n", "F:2:4: not valid YAML: found an alias (*), write the value out"),
        ("&x [*x]\n", "F:1:5: not valid YAML: found an alias (*), write the value out"),
        (
            "a: !!python/name:os.system x\n",
            "F:1:4: not valid YAML: found the tag '!!python/name:os.system', write a plain value",
        ),
        ("a: !!int x\n", "F:1:4: not valid YAML: found 'x' as int"),
        (
            "a: 1\n---\nb: 2\n",
            "F:2:1: not valid YAML: expected a single document in the stream: but found another document",
        ),
        ("a: 1\nb: \x07\n", "F:2: found control character 0x07; allowed text"),
        ("[" * 10000, "F: found mappings or lists nested too deeply"),
    ],
)
def test_what_is_no_space_file_at_all(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [expected]


def test_a_key_that_is_no_text(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + CODECS + "? [a]\n: 3\n") == [
        "F:6: found a list or a mapping as a key; allowed text"
    ]


def test_a_key_of_two_lines_is_shown_on_one(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + CODECS + '"zzz\\nyyy": 3\n') == [
        f"F:6: 'zzz\\nyyy': unknown key; allowed {SECTIONS}"
    ]


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(b"name: x\ndatasets: [caf\xe9]\n")
    with pytest.raises(SpaceError) as caught:
        load_space(path, CATALOG)
    assert str(caught.value) == f"{path}:2: found byte 0xe9; allowed UTF-8 text"


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SpaceError) as caught:
        load_space(tmp_path / "none.yaml", CATALOG)
    assert str(caught.value) == f"{tmp_path / 'none.yaml'}: no such file"
    with pytest.raises(SpaceError) as caught:
        load_space(tmp_path, CATALOG)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.touch(mode=0)
    with pytest.raises(SpaceError, match="cannot be read: Permission denied"):
        load_space(path, CATALOG)


def test_problems_can_be_used_without_their_text(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(HEAD + "codecs:\n  mlp: {widht: 3, bits: 7}\n")
    with pytest.raises(SpaceError) as caught:
        load_space(path, CATALOG)
    assert [(p.file, p.line, p.key) for p in caught.value.problems] == [
        (str(path), 6, "codecs.mlp.widht"),
        (str(path), 6, "codecs.mlp.bits"),
    ]


SYNTAX = ["[", "]", "{", "}", ": ", ", ", "\n", "\n  ", "- ", "? ", "|", "#", "'", '"', "~", "&a ", "*a", "!!int "]
WORDS = ["mlp", "choice", "range", "log", "kodak", "true", "sine", "-1", ".nan", "1e400", "9" * 5000]
PIECES = st.sampled_from(SYNTAX + WORDS)


@given(st.integers(0, len(HEAD) + 40), st.integers(0, 12), st.lists(PIECES | st.text(max_size=3), max_size=5))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_gives_problems_of_one_line_each(tmp_path: Path, at: int, cut: int, pieces: list[str]) -> None:
    text = HEAD + "codecs: {mlp: {width: {choice: [8, 64]}, sine.omega: {log: [1, 9]}}}\n"
    damaged = (text[:at] + "".join(pieces) + text[at + cut :]).encode("utf-8", "ignore").decode()
    assert all(line.startswith("F:") for line in problems(tmp_path, damaged))
