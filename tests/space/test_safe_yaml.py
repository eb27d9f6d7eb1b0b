"""Files that others read by YAML 1.1 are read as they read them, with the line of every key."""

from pathlib import Path

import pytest
import yaml

from searchinr.space import Document, SpaceError, read_safe_yaml

TEXT = """\
base: &base
  yes: no
  size: 0x10
copy: *base
merged:
  <<: *base
  size: 3
items:
  - 1
  - {deep: on}
"""


def read(folder: Path, text: str) -> Document:
    path = folder / "file.yaml"
    path.write_text(text)
    return read_safe_yaml(path)


def test_values_are_those_of_safe_load(tmp_path: Path) -> None:
    text = TEXT.replace("yes: no", "'yes': no")
    document = read(tmp_path, text)
    assert document.value == yaml.safe_load(text)
    assert document.problems == []


def test_lines_of_keys_items_aliases_and_merged_keys(tmp_path: Path) -> None:
    lines = read(tmp_path, TEXT).lines
    assert lines["base", "size"] == lines["copy", "size"] == 3
    assert lines["merged", "size"] == 7
    assert (lines["items", 1], lines["items", 1, "deep"]) == (10, 10)


def test_keys_that_are_no_text_or_written_twice_are_problems(tmp_path: Path) -> None:
    document = read(tmp_path, "a: {1: x}\nb: 1\nb: 2\nc: {yes: 1}\n")
    assert [(problem.line, problem.key, problem.text) for problem in document.problems] == [
        (1, "a", "found '1' as a key; allowed text"),
        (3, "b", "found a second time, first in line 2; allowed once"),
        (4, "c", "found 'yes' as a key; allowed text"),
    ]


def test_aliases_that_stand_for_gigabytes_are_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(SpaceError, match="aliases"):
        read(tmp_path, "\n".join(levels))


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: !!python/object/apply:os.system [true]"])
def test_what_contains_itself_or_builds_objects_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpaceError):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"a: 1\nx: {'9' * 5000}", ":2:4: not valid YAML: found '9{40}' as int"),
        ("a: 2001-13-01", ":1:4: not valid YAML: found '2001-13-01' as timestamp"),
    ],
)
def test_a_value_that_python_does_not_take_has_a_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SpaceError, match=fault):
        read(tmp_path, text)


def test_merged_keys_that_stand_for_gigabytes_are_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 {x: 1}"]
    levels += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 9)]
    with pytest.raises(SpaceError, match="aliases"):
        read(tmp_path, "\n".join(levels))
