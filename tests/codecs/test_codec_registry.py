import datetime
import re

import pytest

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Codec
from searchinr.codecs.registry import CODECS, codec_of
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.signal import Layout
from searchinr.space import build_params, parameters

LAYOUT = Layout("image", (4, 6), 3, 8)


@pytest.mark.parametrize("name", CODECS)
def test_files_lead_to_their_codec(name: str) -> None:
    codec = CODECS[name]
    assert isinstance(codec, Codec) and codec.name == name and 0 <= codec.id < 32
    scalable, whole = (
        container.head(codec.id, LAYOUT, scalable=True) + b"body",
        container.pack(codec.id, LAYOUT, b"body"),
    )
    assert codec_of(container.unpack(scalable if codec.scalable else whole)) is codec
    with pytest.raises(InvalidFileError, match=f"codec {name} writes no files that are"):
        codec_of(container.unpack(whole if codec.scalable else scalable))


@pytest.mark.parametrize("value", [{"a": 1}, [1], {1}, None, datetime.date(2026, 1, 1), b"x"], ids=repr)
@pytest.mark.parametrize("name", CODECS)
def test_what_no_parameter_can_be_is_refused_for_each_of_them(name: str, value: object) -> None:
    model = CODECS[name].Params
    for parameter in parameters(model):
        with pytest.raises(UserError, match=rf"\A{re.escape(parameter.key)}: found .+; allowed .+\Z"):
            build_params(model, {parameter.key: value})  # type: ignore[dict-item]


def test_unknown_codec_is_refused() -> None:
    with pytest.raises(InvalidFileError, match="codec number 30"):
        codec_of(container.unpack(container.pack(30, LAYOUT, b"body")))
