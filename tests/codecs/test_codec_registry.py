import pytest

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Codec
from searchinr.codecs.registry import CODECS, codec_of
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Layout

LAYOUT = Layout("image", (4, 6), 3, 8)


@pytest.mark.parametrize("name", CODECS)
def test_files_lead_to_their_codec(name: str) -> None:
    codec = CODECS[name]
    assert isinstance(codec, Codec) and codec.name == name and 0 <= codec.id < 32
    assert codec_of(container.unpack(container.pack(codec.id, LAYOUT, b"body"))) is codec


def test_unknown_codec_is_refused() -> None:
    with pytest.raises(InvalidFileError, match="codec number 30"):
        codec_of(container.unpack(container.pack(30, LAYOUT, b"body")))
