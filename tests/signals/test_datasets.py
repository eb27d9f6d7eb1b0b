import functools
import hashlib
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchinr.errors import UserError
from searchinr.signals.dataset_files import download, download_folder, locate, registered_files
from searchinr.signals.dataset_registry import REGISTRY, RegisteredDataset, RemoteFile
from searchinr.signals.datasets import Dataset, get_dataset, list_datasets, load_dataset, load_training, taken_files
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import DatasetEntry

AUDIO, IMAGE = MODALITIES["audio"], MODALITIES["image"]


def write_image(path: Path, grid: tuple[int, int] = (6, 9), value: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    IMAGE.write(Signal("a", np.full((*grid, 3), value, np.uint8), Layout("image", grid, 3, 8)), path)


def write_clip(path: Path, samples: int = 50) -> None:
    AUDIO.write(Signal("a", np.ones((samples, 1), np.int16), Layout("audio", (samples,), 1, 16, (8000,))), path)


def refused(**entry: object) -> str:
    with pytest.raises(UserError) as error:
        load_dataset(DatasetEntry.model_validate(entry))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_photos_need_no_download_and_no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCHINR_DATA", "/nowhere")
    dataset = load_dataset(DatasetEntry(name="photos", downscale=(96, 144), limit=4))
    assert [s.name for s in dataset.signals] == ["astronaut", "chelsea", "coffee", "rocket"]
    assert {s.layout for s in dataset.signals} == {Layout("image", (96, 144), 3, 8)}
    assert dataset.modality == "image"
    assert len(dataset.key) == 64


def test_every_bundled_photo_is_a_colour_photograph_of_its_own_size() -> None:
    signals = load_dataset(DatasetEntry(name="photos")).signals
    assert len(signals) == len(REGISTRY["photos"].sha256) >= 4
    assert {s.layout.channels for s in signals} == {3}
    assert len({s.layout.grid for s in signals}) > 4


def test_folder_takes_files_below_it_in_order_and_leaves_out_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "sub/c.jpg", ".hidden.png", ".cache/d.png"):
        write_image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    dataset = load_dataset(DatasetEntry(path=str(tmp_path)))
    assert [s.name for s in dataset.signals] == ["a", "b", "c"]
    assert dataset.modality == "image"


def test_single_file_and_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "in" / "a.png")
    write_image(tmp_path / "in" / "deep" / "b.png")
    write_clip(tmp_path / "in" / "c.wav")
    monkeypatch.chdir(tmp_path)
    for path, names in {
        "in/a.png": ["a"],
        "in/*.png": ["a"],
        "in/**/*.png": ["a", "b"],
        "in/?.wav": ["c"],
        f"{tmp_path}/in/*.wav": ["c"],
    }.items():
        assert [s.name for s in load_dataset(DatasetEntry(path=path)).signals] == names


def test_a_file_named_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    write_image(tmp_path / "a[1].png")
    write_image(tmp_path / "a1.png")
    assert [s.name for s in load_dataset(DatasetEntry(path=str(tmp_path / "a[1].png"))).signals] == ["a[1]"]


def test_brackets_are_part_of_names(tmp_path: Path) -> None:
    write_image(tmp_path / "shots [ab]" / "mine[1].png")
    write_image(tmp_path / "shots a" / "other1.png")
    for pattern in ("shots [ab]/*.png", "shots [ab]/*[1].png", "shots [ab]/**", "shots [a?]/*"):
        assert [s.name for s in load_dataset(DatasetEntry(path=str(tmp_path / pattern))).signals] == ["mine[1]"]
    assert "no such file or folder" in refused(path=str(tmp_path / "shots a" / "other[1].png"))


def test_links_count_like_what_they_name_and_no_folder_counts_twice(tmp_path: Path) -> None:
    write_image(tmp_path / "pics" / "a.png")
    write_image(tmp_path / "other" / "b.png")
    write_image(tmp_path / "c.png")
    (tmp_path / "pics" / "linked").symlink_to("../other")
    (tmp_path / "pics" / "linked again").symlink_to("../other")
    (tmp_path / "pics" / "circle").symlink_to(".")
    (tmp_path / "pics" / "deep.png").symlink_to("../c.png")
    (tmp_path / "pics" / "notes.txt").write_text("x")
    (tmp_path / "pics" / ".hidden.png").write_text("x")
    for path in ("pics", "pics/**/*.png", "pics/**"):
        taken = taken_files(DatasetEntry(path=str(tmp_path / path)))
        assert list(taken.files) == ["a", "deep", "b"]
        left_out = {file.name: why for why, files in taken.left_out.items() for file in files}
        assert set(left_out) >= {"linked again", "circle", ".hidden.png"}
        assert ("notes.txt" in left_out) == (path != "pics/**/*.png")
    (tmp_path / "pics" / "gone.png").symlink_to("missing.png")
    for path in ("pics", "pics/*.png", "pics/**/*.png"):
        assert "gone.png: a link to missing.png, which is not there" in refused(path=str(tmp_path / path))
    assert load_dataset(DatasetEntry(path=str(tmp_path / "pics" / "a*.png"))).signals


def test_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_image(tmp_path / "a.png")
    assert len(load_dataset(DatasetEntry(path="~/*.png")).signals) == 1


def test_the_home_folder_of_nobody() -> None:
    found = refused(path="~nobody-of-this-name/x/*.png")
    assert found == "~nobody-of-this-name/x/*.png: no home folder is known for the ~ in it; write the path out"


def test_a_name_that_is_not_utf8_becomes_one_that_is(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"caf\xe9.png"))
    (signal,) = load_dataset(DatasetEntry(path=str(tmp_path))).signals
    assert signal.name == "caf\\xe9"


def test_equal_stems_get_names_of_their_own(tmp_path: Path) -> None:
    for name in ("a-2.png", "a.jpg", "a.png", "sub/a.png"):
        write_image(tmp_path / name)
    names = [s.name for s in load_dataset(DatasetEntry(path=str(tmp_path))).signals]
    assert names == ["a-2", "a", "a-3", "a-4"]


def test_modality_by_suffix_or_by_the_user(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write_clip(tmp_path / "b.wav")
    assert "audio, image" in refused(path=str(tmp_path))
    for modality, name in (("image", "a"), ("audio", "b")):
        dataset = load_dataset(DatasetEntry(path=str(tmp_path), modality=modality))
        assert (dataset.modality, [s.name for s in dataset.signals]) == (modality, [name])
    (tmp_path / "a.png").rename(tmp_path / "picture.dat")
    assert "known suffix" in refused(path=str(tmp_path / "picture.dat"))
    assert load_dataset(DatasetEntry(path=str(tmp_path / "picture.dat"), modality="image")).modality == "image"
    assert "'video' found; allowed are image, audio" in refused(path=str(tmp_path), modality="video")


def test_nothing_found(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(path=str(tmp_path / "missing"))
    assert "0 files found" in refused(path=str(tmp_path))
    assert "0 files found" in refused(path=str(tmp_path / "*.png"))
    (tmp_path / "a.txt").write_text("x")
    assert "1 files found, none with a known suffix" in refused(path=str(tmp_path))


def test_a_bad_file_or_size_names_the_culprit(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "small.png", (2, 3))
    assert "small: downscale to 4x6" in refused(path=str(tmp_path), downscale=(4, 6))
    assert "[height, width]" in refused(path=str(tmp_path), crop=(4,))
    (tmp_path / "b.png").write_bytes(b"rubbish")
    assert "b.png" in refused(path=str(tmp_path))


def test_limit_crop_and_downscale(tmp_path: Path) -> None:
    for number, grid in enumerate([(60, 90), (90, 60), (50, 50)]):
        write_image(tmp_path / f"{number}.png", grid)
    entry = DatasetEntry(path=str(tmp_path), crop=(40, 60), downscale=(20, 30), limit=2)
    assert [s.layout.grid for s in load_dataset(entry).signals] == [(20, 30), (30, 20)]


def test_key_follows_the_content(tmp_path: Path) -> None:
    def key(**changes: object) -> str:
        return load_dataset(DatasetEntry.model_validate({"path": str(tmp_path), **changes})).key

    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    first = key()
    assert key() == first
    keys = {first, key(limit=1), key(crop=(3, 3))}
    write_image(tmp_path / "b.png", value=8)
    keys.add(key())
    write_image(tmp_path / "b.png", grid=(9, 6))
    keys.add(key())
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    keys.add(key())
    assert len(keys) == 6


def test_data_folder_by_argument_and_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train/x.png", "test/y.png"):
        write_image(tmp_path / "image" / "cifar10" / name, (32, 32))
    entry = DatasetEntry(name="cifar10")
    assert [s.name for s in load_dataset(entry, tmp_path).signals] == ["y", "x"]
    monkeypatch.setenv("SEARCHINR_DATA", str(tmp_path))
    assert len(load_dataset(entry).signals) == 2
    assert get_dataset("cifar10") == tmp_path / "image" / "cifar10"


def test_parts_of_a_data_set(tmp_path: Path) -> None:
    for name in ("train/x.png", "test/y.png"):
        write_image(tmp_path / "image" / "cifar10" / name, (32, 32))
    for name, signal in (("cifar10-train", "x"), ("cifar10-test", "y")):
        assert [s.name for s in load_dataset(DatasetEntry(name=name), tmp_path).signals] == [signal]
    shutil.rmtree(tmp_path / "image" / "cifar10" / "test")
    with pytest.raises(UserError, match="<data folder>/image/cifar10/test"):
        load_dataset(DatasetEntry(name="cifar10-test"), tmp_path)


def test_skipped_signals(tmp_path: Path) -> None:
    for number in range(5):
        write_image(tmp_path / f"{number}.png", value=number)

    def names(**changes: int) -> list[str]:
        return [s.name for s in load_dataset(DatasetEntry(path=str(tmp_path), **changes)).signals]  # type: ignore[arg-type]

    assert names(skip=3) == ["3", "4"]
    assert names(skip=1, limit=2) == ["1", "2"]
    with pytest.raises(UserError, match="skip: found 5; the signals are 5"):
        names(skip=5)


def test_training_signals_are_none_of_those_measured(tmp_path: Path) -> None:
    for number in range(4):
        write_image(tmp_path / f"{number}.png", value=10 * number)

    def training(train: dict[str, object], **measured: object) -> Dataset | None:
        entry = DatasetEntry.model_validate({"path": str(tmp_path), **measured, "train": train})
        return load_training(entry, load_dataset(entry))

    found = training({"path": str(tmp_path), "skip": 2}, limit=2)
    assert found is not None and [s.name for s in found.signals] == ["2", "3"]
    entry = DatasetEntry(path=str(tmp_path))
    assert load_training(entry, load_dataset(entry)) is None
    with pytest.raises(UserError, match=r"train: '1' is '1' of the measured signals \(and 1 more\)"):
        training({"path": str(tmp_path), "skip": 1}, limit=3)
    (tmp_path / "3.png").unlink()
    (tmp_path / "1.png").rename(tmp_path / "9.png")  # whatever it is called
    shutil.copy(tmp_path / "0.png", tmp_path / "8.png")
    with pytest.raises(UserError, match=r"train: '8' is '0' of the measured"):
        training({"path": str(tmp_path / "8.png")}, limit=1)


def test_an_incomplete_data_folder_is_not_taken_for_the_data_set(tmp_path: Path) -> None:
    write_image(tmp_path / "image" / "kodak" / "kodim01.png")
    with pytest.raises(UserError, match=r"23 of the 24 files .* kodim02\.png"):
        load_dataset(DatasetEntry(name="kodak"), tmp_path)


def test_a_folder_of_the_right_names_and_other_pictures_is_not_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "image" / "mine"
    monkeypatch.setitem(REGISTRY, "mine", remote("http://127.0.0.1:9", folder, ("a.png", "b.png")))
    assert len(load_dataset(DatasetEntry(name="mine"), tmp_path).signals) == 2
    write_image(folder / "b.png", value=8)  # of the same size, so that the time of the file tells
    os.utime(folder / "b.png", ns=(0, 0))
    for read in (
        lambda: load_dataset(DatasetEntry(name="mine", limit=1), tmp_path),
        lambda: get_dataset("mine", tmp_path),
    ):
        with pytest.raises(UserError, match=r"1 of the 2 files are not those of 'mine' \(the SHA-256 of b\.png"):
            read()
    assert len(load_dataset(DatasetEntry(path=str(folder))).signals) == 2


def test_unknown_name_and_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARCHINR_DATA", raising=False)
    assert "did you mean 'kodak'" in refused(name="kodac")
    assert "<data folder>/image/cifar10" in refused(name="cifar10")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine: its address, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


def remote(address: str, folder: Path, names: tuple[str, ...]) -> RegisteredDataset:
    files = {}
    for name in names:
        write_image(folder / name)
        files[name] = RemoteFile(f"{address}/{name}", hashlib.sha256((folder / name).read_bytes()).hexdigest())
    return RegisteredDataset("mine", "image", "for tests", files)


def test_download_is_kept_and_found_again(server: tuple[str, Path]) -> None:
    dataset = remote(*server, ("b.png", "a.png"))
    assert locate(dataset, None) is None
    download(dataset, download_folder(dataset))
    assert locate(dataset, None) == download_folder(dataset)
    assert sorted(p.name for p in download_folder(dataset).iterdir()) == ["a.png", "b.png"]


def test_registered_name_downloads_loads_and_keeps_its_order(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEARCHINR_DATA", raising=False)
    monkeypatch.setitem(REGISTRY, "mine", remote(*server, ("b.png", "a.png")))
    assert [s.name for s in load_dataset(DatasetEntry(name="mine")).signals] == ["b", "a"]


def test_half_a_download_is_completed(server: tuple[str, Path]) -> None:
    dataset = remote(*server, ("a.png", "b.png"))
    download(dataset, download_folder(dataset))
    (download_folder(dataset) / "b.png").unlink()
    assert locate(dataset, None) is None
    (server[1] / "a.png").unlink()  # not asked for again
    download(dataset, download_folder(dataset))
    assert locate(dataset, None) is not None


def test_a_wrong_check_sum_leaves_nothing_behind(server: tuple[str, Path]) -> None:
    dataset = remote(*server, ("a.png",))
    write_image(server[1] / "a.png", value=9)
    with pytest.raises(UserError, match=r"SHA-256 differs.*<data folder>/image/mine"):
        download(dataset, download_folder(dataset))
    assert list(download_folder(dataset).iterdir()) == []


def test_an_address_that_does_not_answer(server: tuple[str, Path]) -> None:
    dataset = remote(*server, ("a.png",))
    (server[1] / "a.png").unlink()
    with pytest.raises(UserError, match=r"cannot be downloaded \(HTTPError\); put its files into"):
        download(dataset, download_folder(dataset))
    closed = RegisteredDataset("mine", "image", "", {"a.png": RemoteFile("http://127.0.0.1:9/a.png", "0" * 64)})
    with pytest.raises(UserError, match="ConnectionError"):
        download(closed, download_folder(closed))


def test_registry_is_consistent() -> None:
    for dataset in REGISTRY.values():
        assert dataset.modality in MODALITIES
        for name, file in dataset.remote.items():
            assert file.url.startswith("https://") and file.url.endswith(f"/{name}")
            assert len(bytes.fromhex(file.sha256)) == 32


def test_list_says_where_each_is(tmp_path: Path) -> None:
    write_image(tmp_path / "image" / "cifar10" / "a.png")
    listed = {row.name: row for row in list_datasets(tmp_path)}
    assert list(listed) == ["photos", "kodak", "cifar10", "cifar10-test", "cifar10-train", "librispeech"]
    assert listed["photos"].folder is not None and listed["photos"].signals == len(REGISTRY["photos"].sha256)
    assert (listed["kodak"].folder, listed["kodak"].signals) == (None, 24)
    assert (listed["cifar10"].folder, listed["cifar10"].signals) == (tmp_path / "image" / "cifar10", 1)
    assert (listed["librispeech"].modality, listed["librispeech"].signals) == ("audio", 10)


def test_other_files_are_not_taken_for_those_of_scikit_image(tmp_path: Path) -> None:
    folder = locate(REGISTRY["photos"], None)
    assert folder is not None
    name = "chelsea.png"
    few = RegisteredDataset("few", "image", "", {}, bundled={name: REGISTRY["photos"].sha256[name]})
    assert registered_files(few, folder).files == [folder / name]
    write_image(tmp_path / name)
    with pytest.raises(UserError, match=r"not those of 'few' \(the SHA-256 of chelsea.png is another one\)"):
        registered_files(few, tmp_path)


def test_real_data_are_the_files_that_would_be_downloaded(data_dir: Path) -> None:
    for name in ("kodak", "librispeech"):
        folder = get_dataset(name, data_dir)
        for file, expected in REGISTRY[name].remote.items():
            assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == expected.sha256


def test_real_data_by_name(data_dir: Path) -> None:
    kodak = load_dataset(DatasetEntry(name="kodak", limit=4), data_dir)
    assert [s.layout.grid for s in kodak.signals] == [(512, 768)] * 3 + [(768, 512)]
    speech = load_dataset(DatasetEntry(name="librispeech", crop=(48000,)), data_dir)
    assert {s.layout for s in speech.signals} == {Layout("audio", (48000,), 1, 16, (16000,))}
    counts = {"cifar10": 100, "cifar10-test": 23, "cifar10-train": 77}
    for name, count in counts.items():
        assert len(load_dataset(DatasetEntry(name=name), data_dir).signals) == count
    picture = np.asarray(Image.open(data_dir / "image" / "kodak" / "kodim01.png"))
    assert np.array_equal(kodak.signals[0].samples, picture)
