"""All codecs by name (the modules of this package that define `CODEC`, and plug-ins), and decoding by a file's id."""

import searchinr.codecs
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import AnyCodec, Asset, Codec, Level
from searchinr.codecs.render import Watch, render
from searchinr.codecs.work import Approve, Work
from searchinr.discover import CODEC_KIND, Registry, discover, instances
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.signal import Layout, Signal

CODECS: Registry[AnyCodec] = instances(discover(CODEC_KIND, searchinr.codecs, Codec))  # type: ignore[type-abstract]


def codec_of(file: container.Container) -> AnyCodec:
    """The codec that wrote a file; `InvalidFileError` if there is none with its id, or it writes no such files."""
    codec = CODECS.by_id(file.codec_id)
    if codec.scalable == file.scalable:
        return codec
    kind = "scalable" if file.scalable else "other than scalable"
    raise InvalidFileError(f"codec {codec.name} writes no files that are {kind}: the file is corrupt")


def decode(
    data: bytes | container.Container,
    *,
    asset: Asset | None = None,
    scale: float = 1.0,
    level: Level | None = None,
    watch: Watch | None = None,
    layout: Layout | None = None,
    approve: Approve | None = None,
) -> Signal:
    """The signal in an `.inr` file, rendered at `scale` times its resolution, or wherever a layout says.

    Args:
        data: The whole file, parsed or not; of a scalable one also less.
        asset: The asset that the file names, if it names one.
        scale: Multiple of the resolution.
        level: Which of several rates, see `Codec.levels`; None for the largest.
        watch: Is told how far the rendering is.
        layout: Where to render, in place of the file's own layout and of `scale`: another grid, or other poses.
        approve: Is told what it takes before anything is rendered, and may raise; None for files of our own.

    Raises:
        InvalidFileError: Not an `.inr` file, or truncated, or corrupt.
        MissingAssetError: The file needs an asset, and this is not it.
        UserError: The file has no such level, or cannot be rendered at this resolution.
    """
    file = container.unpack(data) if isinstance(data, bytes) else data
    codec = codec_of(file)
    layout = file.layout_at(scale) if layout is None else layout
    if not codec.resizable and layout != file.layout:
        raise UserError(f"scale {scale:g} found; files of codec {codec.name} have one resolution: allowed is 1")
    decoder = codec.decoder(file, asset=asset, level=level)
    if approve is not None:
        approve(Work.of(decoder, layout))
    return render(decoder, layout, watch)
