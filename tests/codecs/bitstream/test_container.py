import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchinr.codecs.bitstream import container
from searchinr.codecs.registry import decode
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.signal import Layout

RGB = Layout("image", (512, 768), 3, 8)
SPEECH = Layout("audio", (48_000,), 1, 16, (16_000,))
BODY = b"any body"


def resealed(data: bytes) -> bytes:
    """The file with its check sum repaired."""
    return data[:-2] + (binascii.crc_hqx(data[:-2], 0xFFFF) ^ 0xFFFF).to_bytes(2, "big")


@given(
    layout=st.one_of(
        st.builds(
            Layout,
            st.just("image"),
            st.tuples(st.integers(1, 8000), st.integers(1, 8000)),
            st.integers(1, 4),
            st.just(8),
        ),
        st.builds(Layout, st.just("image"), st.tuples(st.integers(1, 99), st.integers(1, 99)), st.just(1), st.just(16)),
        st.builds(
            Layout,
            st.just("audio"),
            st.tuples(st.integers(1, 2**26)),
            st.integers(1, 4),
            st.sampled_from([8, 16, 24, 32]),
            st.tuples(st.integers(1, 192_000)),
        ),
    ),
    codec_id=st.integers(0, 31),
    body=st.binary(min_size=4, max_size=50),
)
def test_what_is_packed_is_unpacked(layout: Layout, codec_id: int, body: bytes) -> None:
    data = container.pack(codec_id, layout, body)
    file = container.unpack(data)
    head = container.head(codec_id, layout)
    assert file == container.Container(codec_id, layout, head, body) and file.size == len(data)
    head = container.head(codec_id, layout, scalable=True)
    file = container.unpack(head + body)
    assert file == container.Container(codec_id, layout, head, body, scalable=True)
    assert file.size == len(head + body)


@pytest.mark.parametrize(
    ("layout", "expected"), [(RGB, "89494b108004800661bc27"), (SPEECH, "89494b2280f702807d613481")], ids=str
)
def test_bytes_are_those_of_earlier_releases(layout: Layout, expected: str) -> None:
    """If this fails, the version of the format must change."""
    assert container.pack(11, layout, b"a").hex() == expected


def test_scalable_files_differ_in_one_bit_and_have_no_check_sum() -> None:
    assert container.head(11, RGB, scalable=True).hex() == "89494b1180048006"


def test_container_of_an_image_takes_ten_bytes() -> None:
    assert len(container.pack(0, RGB, BODY)) == 10 + len(BODY)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an .inr file"),
        (b"\x89PNG\r\n\x1a\n", "not an .inr file"),
        (b"\x89I\x40", "truncated"),
        (resealed(b"\x89I\x60" + container.pack(0, RGB, BODY)[3:]), "version 3 found.*update searchinr"),
        (resealed(b"\x89I\x20" + container.pack(0, RGB, BODY)[3:]), "version 1 found.*encode the signal again"),
        (container.pack(0, RGB, BODY) + b"\0", "check sum"),
        (container.pack(0, RGB, BODY) + b"\0\0", "check sum"),
        (resealed(b"\x89I\x40\xf0" + container.pack(0, RGB, BODY)[4:]), "modality number 7"),
        (resealed(b"\x89I\x40\x11" + container.pack(0, RGB, BODY)[4:]), "no files that are scalable"),
        (container.pack(1, RGB, BODY), "no files that are other than scalable"),
        (container.pack(0, Layout("image", (0, 5), 3, 8), BODY), "allowed are 1 to"),
        (container.pack(0, Layout("image", (2**14, 2**14), 3, 8), BODY), "allowed are 1 to"),
        (container.pack(0, Layout("audio", (2**40,), 1, 16, (8000,)), BODY), "too large"),
        (container.pack(0, Layout("audio", (100,), 1, 16, (0,)), BODY), "0 samples per second"),
        (resealed(b"\x89I\x40\x10\x80\x80\x80\x00\x00"), "truncated"),
        (container.pack(31, RGB, BODY), "codec number 31"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        decode(data)


def test_layout_at_another_resolution() -> None:
    file = container.unpack(container.pack(0, RGB, BODY))
    assert file.layout_at(1).grid == (512, 768)
    assert file.layout_at(0.25).grid == (128, 192)
    assert file.layout_at(8).grid == (4096, 6144)
    for scale in (50, 1e300, 0, -1, float("nan")):
        with pytest.raises(UserError, match="scale"):
            file.layout_at(scale)
