from pathlib import Path

import pytest

from searchinr.engine.terminal.log import LEVEL_VARIABLE, LOG, log_to
from searchinr.errors import UserError


def test_the_level_is_one_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEVEL_VARIABLE, "warning")
    with log_to(tmp_path / "log.txt"):
        LOG.info("left out")
        LOG.warning("written")
    assert [line.split()[-1] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["written"]
    monkeypatch.setenv(LEVEL_VARIABLE, "loud")
    with (
        pytest.raises(UserError, match="SEARCHINR_LOG_LEVEL: 'loud' found; allowed debug, info, warning, error"),
        log_to(tmp_path / "log.txt"),
    ):
        pass
