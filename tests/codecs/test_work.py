"""What a file claims is known before anything of that size is made."""

import pytest

from searchinr.codecs.bitstream import container
from searchinr.codecs.registry import codec_of, decode
from searchinr.codecs.work import Work, refuse_too_much
from searchinr.errors import TooMuchWorkError
from searchinr.signals.signal import Layout

GREY = bytes.fromhex("8949400082b50182b501002003006e6eb478b478b478b47801b548")  # 23170 x 23170
SOUND = bytes.fromhex("894940268080808002c03e002003006e6eb4f0b40eaf78af78905028aa")  # 2**29 samples
SHORTER = bytes.fromhex("8949402680808020c03e002003006e6eb4f0b40eaf78af7890505105")  # 2**26 samples


def work_of(data: bytes) -> Work:
    file = container.unpack(data)
    return Work.of(codec_of(file).decoder(file), file.layout)


def claiming(grid: tuple[int, int]) -> bytes:
    """The network of GREY, in a file that claims another size."""
    return container.pack(0, Layout("image", grid, 1, 8), container.unpack(GREY).body)


def test_work_is_what_the_header_claims() -> None:
    assert work_of(claiming((100, 200))).points == 20_000
    assert work_of(claiming((100, 200))).macs == 20_000 * work_of(claiming((1, 1))).macs
    few, many = work_of(claiming((2**10, 2**10))), work_of(claiming((2**12, 2**12)))
    assert many.seconds == pytest.approx(16 * few.seconds)
    assert many.bytes - few.bytes == 15 * 2**20
    assert work_of(SOUND).bytes >= 4 * 2**29


@pytest.mark.parametrize("data", [GREY, SOUND, claiming((1, 2**29))])
def test_a_few_bytes_that_claim_much_are_refused(data: bytes) -> None:
    with pytest.raises(TooMuchWorkError, match=r"5\d\d,\d{3},\d{3} points .*--no-limit"):
        decode(data, approve=refuse_too_much)


def test_what_people_have_is_not_refused() -> None:
    refuse_too_much(work_of(SHORTER))
    refuse_too_much(work_of(claiming((12_000, 8_400))))


@pytest.mark.parametrize("work", [Work(2**20, 10**14, 2**20), Work(2**20, 10**9, 2**31)])
def test_time_and_memory_are_limited_as_well(work: Work) -> None:
    with pytest.raises(TooMuchWorkError):
        refuse_too_much(work)
