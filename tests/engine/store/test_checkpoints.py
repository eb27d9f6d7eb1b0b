from pathlib import Path

import pytest
import torch

from searchinr.engine.store.place import LocalPlace
from searchinr.engine.store.tensors import checksum, read_tensors, write_tensors
from searchinr.errors import InvalidFileError

TENSORS = {"steps": torch.tensor(7), "weight": torch.arange(6.0).reshape(2, 3).t(), "on": torch.tensor([True, False])}


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    write_tensors(LocalPlace(tmp_path / "x"), TENSORS)
    back = read_tensors(LocalPlace(tmp_path / "x"))
    assert back is not None
    assert back.keys() == TENSORS.keys()
    assert all(torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype for name, tensor in TENSORS.items())


def test_where_there_is_no_file_there_are_no_tensors(tmp_path: Path) -> None:
    assert read_tensors(LocalPlace(tmp_path / "x")) is None


def test_no_byte_can_be_wrong_unnoticed(tmp_path: Path) -> None:
    path = LocalPlace(tmp_path / "x")
    write_tensors(path, TENSORS)
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x11]) + good[position + 1 :])
        try:
            back = read_tensors(path)
        except InvalidFileError as error:
            assert str(error).startswith(f"{path}: ")
        else:  # e.g. a blank of the header's padding
            assert back is not None
            assert checksum(back) == checksum(TENSORS)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_torn_file_is_refused(tmp_path: Path, part: float) -> None:
    path = LocalPlace(tmp_path / "x")
    write_tensors(path, TENSORS)
    good = path.read_bytes()
    path.write_bytes(good[: int(part * len(good))])
    with pytest.raises(InvalidFileError, match="not a whole file of tensors"):
        read_tensors(path)


def test_the_checksum_tells_tensors_apart() -> None:
    others = [
        {**TENSORS, "steps": torch.tensor(8)},
        {name.upper(): tensor for name, tensor in TENSORS.items()},
        {name: tensor for name, tensor in TENSORS.items() if name != "on"},
    ]
    assert checksum(dict(reversed(TENSORS.items()))) == checksum(TENSORS)
    assert len({checksum(tensors) for tensors in (TENSORS, *others)}) == 4
