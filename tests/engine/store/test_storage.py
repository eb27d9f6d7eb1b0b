"""One suite over a folder, S3 (moto on loopback) and a file system of fsspec's."""

import pickle
from itertools import count
from pathlib import Path

import pytest

from searchinr.engine.store import place as storage
from searchinr.engine.store.place import LocalPlace, Place, RemotePlace, check_writable, parse_place
from searchinr.errors import UserError

_numbers = count()


@pytest.fixture(params=["folder", "s3", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        (tmp_path / "in").mkdir()
        return LocalPlace(tmp_path)
    if request.param == "s3":
        found: RemotePlace = request.getfixturevalue("remote")
        return found
    return parse_place(f"memory://bucket/{next(_numbers)}")


def test_what_was_written_is_read_replaced_and_removed(place: Place) -> None:
    path = place / "in" / "a.zip"
    assert not path.exists()
    for data in (b"", b"one", bytes(range(256)) * 1000):
        path.write_whole(data)
        assert path.read_bytes() == data
        assert path.exists()
    path.unlink()
    assert not path.exists()
    path.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        path.unlink()
    with pytest.raises(FileNotFoundError):
        path.read_bytes()


def test_listings_hold_whole_files_of_one_folder(place: Place) -> None:
    assert list((place / "none").glob("*")) == []
    assert list((place / "none").files()) == []
    names = ["a.zip", "b.zip", "c.damaged"]
    for name in names:
        (place / "in" / name).write_whole(b"1")
    assert sorted(path.name for path in (place / "in").glob("*.zip")) == ["a.zip", "b.zip"]
    assert sorted(path.name for path in place.files()) == names
    assert list(place.glob("*.zip")) == []


def test_a_file_is_set_aside_by_its_suffix(place: Place) -> None:
    path = place / "in" / "abc-1.partial.safetensors"
    path.write_whole(b"1")
    path.set_aside()
    assert [found.name for found in (place / "in").glob("*")] == ["abc-1.partial.damaged"]


def test_a_tree_is_removed_with_everything_in_it(place: Place) -> None:
    (place / "in" / "a").write_whole(b"1")
    (place / "in").remove_tree()
    (place / "in").remove_tree()
    assert list(place.files()) == []


def test_a_place_travels_to_another_process(place: Place) -> None:
    assert pickle.loads(pickle.dumps(place)) == place
    assert parse_place(str(place)) == place


def test_a_probe_leaves_nothing_behind(place: Place) -> None:
    check_writable(place / "in")
    assert list(place.files()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket", "s3://bucket/"),
        ("s3://bucket/a?region=x&scheme=http", "s3://bucket/a?region=x&scheme=http"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("file:///tmp/with%20space", "/tmp/with space"),
        ("file:///tmp/what%3F%231", "/tmp/what?#1"),
        ("/tmp/x", "/tmp/x"),
        ("/tmp/what?#1 %41", "/tmp/what?#1 %41"),
        ("s3://bucket/what%3F#1?region=x", "s3://bucket/what%3F%231?region=x"),
    ],
)
def test_places_by_name(text: str, expected: str) -> None:
    assert str(parse_place(text)) == expected
    assert str(parse_place(text) / "c") == str(parse_place(expected) / "c")


@pytest.mark.parametrize("name", ["what?#1", "50%25", "a b&c=d;e", "ü"])
def test_a_name_stays_in_its_place_on_the_way_through_a_url(place: Place, name: str) -> None:
    if isinstance(place, RemotePlace) and place.root.startswith("memory:") and "?" in name:
        with pytest.raises(UserError, match="patterns"):
            place / "in" / name
        return
    (place / "in" / name).write_whole(b"1")
    assert parse_place(str(place / "in" / name)) == place / "in" / name
    assert [found.name for found in (place / "in").files()] == [name]


def test_a_relative_folder_is_that_of_the_moment() -> None:
    assert parse_place("runs") == Path.cwd() / "runs"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://key:secret@bucket/a", "s3://bucket/a: credentials found in the URL"),
        ("s3://bucket/a?access_key=abc&secret_key=hush", "s3://bucket/a: credentials found in the URL"),
        ("s3://bucket/a?session_token=hush", "s3://bucket/a: credentials found in the URL"),
        ("s3://bucket/a?session=hush", "s3://bucket/a: credentials found in the URL"),
        ("s3://bucket/a?endpoint_override=http://user:hush@host:9000", "s3://bucket/a: credentials found in the URL"),
        ("s3://bucket/a?endpoint_override=user%3Ahush%40host", "s3://bucket/a: credentials found in the URL"),
        ("abfs://c@a.dfs.core.windows.net/a?sig=hush", "abfs://a.dfs.core.windows.net/a: credentials found in the URL"),
        ("s3://bucket:port/a", "s3://bucket:port/a: no address found (Port could not be cast"),
        ("file://tmp/a", "file://tmp/a: allowed is file:///PATH"),
        ("file:///tmp/what?", "file:///tmp/what?: allowed is file:///PATH, with %3F"),
        ("s5://bucket/a", "s5://bucket/a: scheme 's5' found; allowed are a folder, s3, gs"),
        ("s3:///a", "s3:///a: no bucket found; allowed is s3://BUCKET/PATH"),
    ],
)
def test_what_names_no_place_is_one_clear_line_without_secrets(text: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        parse_place(text)
    assert str(error.value).startswith(expected)
    assert "hush" not in str(error.value) and "secret@" not in str(error.value)


def test_a_place_that_cannot_be_written_is_one_clear_line(bucket: RemotePlace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    missing = RemotePlace(bucket.root.replace("//bucket", "//nobody"), "a")
    for place in (missing, LocalPlace(tmp_path / "file" / "below")):
        with pytest.raises(UserError) as error:
            check_writable(place)
        assert str(error.value).startswith(f"{place}: cannot write there (")
        assert "\n" not in str(error.value)


def test_a_failure_of_a_moment_is_tried_again_with_new_credentials(
    remote: RemotePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, failures = storage._put, [OSError("ExpiredToken"), OSError("SlowDown")]

    def fails(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        put(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(storage, "_put", fails)
    monkeypatch.setattr(storage, "_PAUSES_S", (0.0, 0.0, 0.0))
    (remote / "a").write_whole(b"1")
    assert (remote / "a").read_bytes() == b"1"
    failures += [OSError(f"down {i}") for i in range(5)]
    with pytest.raises(OSError, match="down 1"):
        (remote / "a").write_whole(b"2")
