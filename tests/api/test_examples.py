"""The examples of the documented functions run as they stand there."""

import doctest
from pathlib import Path

import pytest

import searchinr.api
import searchinr.run

EXAMPLES = [
    test for module in (searchinr.api, searchinr.run) for test in doctest.DocTestFinder().find(module) if test.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_the_example_is_true(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: list[str] = []
    results = doctest.DocTestRunner().run(example, out=found.append)
    assert results.failed == 0, "".join(found)


def test_every_function_has_an_example_or_is_shown_in_one() -> None:
    text = "\n".join(step.source for test in EXAMPLES for step in test.examples)
    for name in ("encode(", "decode(", "inspect(", "search(", "front(", "points(", "best("):
        assert name in text
