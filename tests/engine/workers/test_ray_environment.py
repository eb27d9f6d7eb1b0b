"""Where Ray's token comes from, on machines of any kind."""

from pathlib import Path

import pytest

from searchinr.engine.workers.ray_environment import has_token
from searchinr.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_token_in_the_home_folder(home: Path) -> None:
    assert not has_token()
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("x")
    assert has_token()


def test_a_file_that_is_not_there_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "token"))
    with pytest.raises(UserError, match=r"RAY_AUTH_TOKEN_PATH: .+token: no such file"):
        has_token()
    (home / "token").write_text("x")
    assert has_token()
