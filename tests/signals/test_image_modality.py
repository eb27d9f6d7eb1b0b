import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from searchinr.errors import UserError
from searchinr.signals.modalities.image import ImageModality
from searchinr.signals.signal import Layout, Signal

IMAGE = ImageModality()
RNG = np.random.default_rng(0)


def signal_of(channels: int, bit_depth: int = 8, grid: tuple[int, int] = (6, 9)) -> Signal:
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    samples = RNG.integers(0, 2**bit_depth, (*grid, channels)).astype(dtype)
    return Signal("noise", samples, Layout("image", grid, channels, bit_depth))


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        IMAGE.read(path)
    message = str(error.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message


def png(colour_type: int, bits: int, rows: list[bytes], width: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", content), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (2, 8), (3, 8), (4, 8), (1, 16)])
def test_lossless_round_trip(tmp_path: Path, suffix: str, channels: int, bits: int) -> None:
    signal = signal_of(channels, bits)
    path = tmp_path / f"picture{suffix}"
    IMAGE.write(signal, path)
    again = IMAGE.read(path)
    assert again.name == "picture"
    assert again.layout == signal.layout
    assert again.samples.dtype == signal.samples.dtype
    assert np.array_equal(again.samples, signal.samples)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_webp_keeps_colours_under_transparency(tmp_path: Path, channels: int) -> None:
    signal = signal_of(channels)
    signal.samples[:3, :, 3:] = 0
    IMAGE.write(signal, tmp_path / "a.webp")
    assert np.array_equal(IMAGE.read(tmp_path / "a.webp").samples, signal.samples)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_written_at_high_quality(tmp_path: Path, channels: int) -> None:
    ramp = np.add.outer(np.arange(32), np.arange(48))[..., None].repeat(channels, axis=-1).astype(np.uint8)
    signal = Signal("ramp", ramp, Layout("image", (32, 48), channels, 8))
    IMAGE.write(signal, tmp_path / "a.JPG")
    again = IMAGE.read(tmp_path / "a.JPG")
    assert again.layout == signal.layout
    assert IMAGE.quality(signal, again.samples)["psnr_db"] > 45


@pytest.mark.parametrize(
    ("name", "channels", "bits"),
    [("a.jpg", 4, 8), ("a.jpg", 2, 8), ("a.jpg", 1, 16), ("a.webp", 1, 8), ("a.webp", 1, 16), ("a.png", 3, 16)],
)
def test_formats_refuse_what_they_cannot_hold(tmp_path: Path, name: str, channels: int, bits: int) -> None:
    with pytest.raises(UserError, match=f"{channels} channels with {bits} bits"):
        IMAGE.write(signal_of(channels, bits), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.bmp", "a", "a.inr"])
def test_unknown_suffix_is_refused_with_the_allowed_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"allowed .*\.png \.jpg"):
        IMAGE.write(signal_of(3), tmp_path / name)


def test_too_large_for_the_format(tmp_path: Path) -> None:
    wide = Signal("wide", np.zeros((1, 70000, 3), np.uint8), Layout("image", (1, 70000), 3, 8))
    for name in ("a.jpg", "a.webp"):
        with pytest.raises(UserError, match=r"write \.png"):
            IMAGE.write(wide, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_palettes_are_expanded(tmp_path: Path) -> None:
    indices = RNG.integers(0, 4, (5, 7)).astype(np.uint8)
    palette = RNG.integers(0, 256, (4, 3)).astype(np.uint8)
    image = Image.new("P", (7, 5))
    image.putdata(indices.ravel().tolist())
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "plain.png")
    assert np.array_equal(IMAGE.read(tmp_path / "plain.png").samples, palette[indices])
    image.save(tmp_path / "clear.png", transparency=2)
    samples = IMAGE.read(tmp_path / "clear.png").samples
    assert np.array_equal(samples[..., :3], palette[indices])
    assert np.array_equal(samples[..., 3], np.where(indices == 2, 0, 255))


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = RNG.integers(0, 2, (5, 11)).astype(bool)
    for name in ("a.png", "a.tif"):
        Image.fromarray(bits).save(tmp_path / name)
        signal = IMAGE.read(tmp_path / name)
        assert signal.layout == Layout("image", (5, 11), 1, 8)
        assert np.array_equal(signal.samples[..., 0], np.where(bits, 255, 0))


def test_transparent_colour_becomes_alpha(tmp_path: Path) -> None:
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    (tmp_path / "a.png").write_bytes(png(2, 8, [rgb.tobytes()], 2, (b"tRNS", b"\0\4\0\5\0\6")))
    assert IMAGE.read(tmp_path / "a.png").samples.tolist() == [[[1, 2, 3, 255], [4, 5, 6, 0]]]
    (tmp_path / "b.png").write_bytes(png(0, 2, [b"\x1b"], 4, (b"tRNS", b"\0\2")))
    assert "transparent level" in refused(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(png(0, 16, [b"\1\2\3\4"], 2, (b"tRNS", b"\1\2")))
    assert "transparent level" in refused(tmp_path / "c.png")


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_png_is_refused_not_reduced(tmp_path: Path, colour_type: int, channels: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(colour_type, 16, [bytes(range(4 * 2 * channels))] * 3, 4))
    assert "16 bits per channel" in refused(path)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_grey_of_either_byte_order(tmp_path: Path, byteorder: str) -> None:
    grey = RNG.integers(0, 65536, (5, 7)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, byteorder=byteorder)
    signal = IMAGE.read(tmp_path / "a.tif")
    assert signal.layout.bit_depth == 16
    assert signal.samples.dtype == np.uint16
    assert np.array_equal(signal.samples[..., 0], grey)


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [
        ((5, 6, 3), np.uint16, {"photometric": "rgb"}),
        ((5, 6, 4), np.uint16, {"photometric": "rgb"}),
        ((5, 6), np.uint16, {"photometric": "miniswhite"}),
        ((5, 6), np.int16, {}),
        ((5, 6), np.int8, {}),
        ((5, 6), np.uint32, {}),
        ((5, 6), np.float32, {}),
        ((5, 6, 2), np.uint8, {"photometric": "minisblack"}),
        ((5, 6, 4), np.uint8, {"photometric": "rgb", "extrasamples": ["unspecified"]}),
        ((5, 6, 4), np.uint8, {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
        ((5, 6, 4), np.uint8, {"photometric": "separated"}),
        ((2, 5, 6), np.uint8, {"photometric": "minisblack"}),
    ],
)
def test_tiff_that_would_be_changed_is_refused(tmp_path: Path, shape: tuple, dtype: type, options: dict) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones(shape, dtype), **options)
    assert "found; allowed are" in refused(path)


def test_cmyk_and_animations_are_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4)).save(tmp_path / "cmyk.jpg")
    assert "CMYK" in refused(tmp_path / "cmyk.jpg")
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for name in ("a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        assert "2 frames" in refused(tmp_path / name)


def test_a_cameras_multi_picture_jpeg_is_its_first_picture(tmp_path: Path) -> None:
    picture, preview = Image.new("RGB", (16, 8), "red"), Image.new("RGB", (4, 2), "blue")
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[preview], quality=95)
    signal = IMAGE.read(tmp_path / "a.jpg")
    assert signal.layout.grid == (8, 16)
    assert signal.samples[0, 0, 0] > 200


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_exif_orientation_is_applied(tmp_path: Path, name: str) -> None:
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:, :16] = 200
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x112] = 6  # to be shown turned by 90 degrees clockwise
    image.save(tmp_path / name, exif=exif, lossless=True)
    samples = IMAGE.read(tmp_path / name).samples
    assert samples.shape == (32, 16, 3)
    assert samples[:15].min() > 180 and samples[17:].max() < 20


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_truncated_at_any_length(tmp_path: Path, name: str) -> None:
    IMAGE.write(signal_of(3, grid=(40, 50)), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for length in (0, 1, 7, 20, 60, len(whole) // 2, len(whole) - 40):
        (tmp_path / name).write_bytes(whole[:length])
        refused(tmp_path / name)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": "4:4:4"}])
def test_a_jpeg_that_was_cut_and_ended_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(signal_of(3, grid=(64, 80)).samples).save(path, **options)
    whole = path.read_bytes()
    IMAGE.read(path)
    for length in (len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length] + b"\xff\xd9")
        assert "damaged image" in refused(path)
    path.write_bytes(whole[:-2] + bytes(5) + b"\xff\xd9" + bytes(50))  # as cameras fill up, with nothing missing
    IMAGE.read(path)


def test_a_png_with_a_wrong_check_sum_or_without_its_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(signal_of(3, grid=(40, 50)).samples).save(path, compress_level=0)
    whole = path.read_bytes()
    for damaged in (whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:], whole[:-12]):
        path.write_bytes(damaged)
        assert "damaged image" in refused(path)


def test_a_progressive_jpeg_without_its_last_scans_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(signal_of(3, grid=(64, 80)).samples).save(path, progressive=True)
    whole = path.read_bytes()
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 5
    IMAGE.read(path)
    for cut in scans[1:]:
        tables = whole.rfind(b"\xff\xc4", 0, cut)  # those of the scan that is cut away may stand before it
        path.write_bytes(whole[: tables if tables > whole.rfind(b"\xff\xda", 0, cut) else cut] + b"\xff\xd9")
        assert "damaged image (its last scans are missing)" in refused(path)


def test_a_jpeg_in_which_a_decoder_loses_its_way_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(signal_of(3, grid=(64, 80)).samples).save(path)
    whole = path.read_bytes()
    scan = whole.index(b"\xff\xda") + 14
    path.write_bytes(whole[:scan] + whole[scan + 1500 :])  # it finds its way again, and is at the end too early
    assert "damaged image" in refused(path)
    path.write_bytes(whole[:-2] + bytes(range(1, 40)) + b"\xff\xd9")  # data that no block has
    assert "extraneous bytes" in refused(path)


@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_png_with_too_few_rows_is_refused(tmp_path: Path, interlaced: int) -> None:
    # rows of 5 x 8 pixels, in Adam7's seven passes
    lengths = [1, 1, 2, *2 * [1], *2 * [3], *4 * [2], *4 * [5]] if interlaced else 8 * [5]
    content = b"".join(bytes(1 + length) for length in lengths)

    def file(content: bytes) -> bytes:
        data = png(0, 8, [bytes(5)] * 8, 5)
        old = zlib.compress(bytes(6 * 8))
        header = struct.pack(">IIBBBBB", 5, 8, 8, 0, 0, 0, interlaced)
        new = zlib.compress(content)
        for kind, before, after in ((b"IHDR", data[16:29], header), (b"IDAT", old, new)):
            whole = struct.pack(">I", len(before)) + kind + before + struct.pack(">I", zlib.crc32(kind + before))
            data = data.replace(
                whole, struct.pack(">I", len(after)) + kind + after + struct.pack(">I", zlib.crc32(kind + after))
            )
        return data

    path = tmp_path / "a.png"
    path.write_bytes(file(content))
    IMAGE.read(path)
    path.write_bytes(file(content[:-6]))
    assert "bytes of rows found where its header says" in refused(path)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_tiff_whose_parts_are_missing_or_cut_is_refused(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(signal_of(3, grid=(40, 50)).samples).save(path, compression=compression)
    whole = path.read_bytes()
    with Image.open(path) as image:
        (start, *_), (size, *_) = image.tag_v2[273], image.tag_v2[279]
    IMAGE.read(path)
    for fewer in (size - 900, size + 10**6):  # a length that says less, or more than the file has
        tag = struct.pack("<HHI", 279, 4, 1) + struct.pack("<I", size)
        assert whole.count(tag) == 1
        path.write_bytes(whole.replace(tag, tag[:-4] + struct.pack("<I", fewer)))
        assert "damaged image" in refused(path)
    if compression == "jpeg":
        path.write_bytes(whole[: start + size // 2] + bytes(300) + whole[start + size // 2 + 300 :])
        assert "damaged image" in refused(path)


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_that_was_cut_with_lengths_to_match_is_refused(tmp_path: Path, lossless: bool) -> None:
    path = tmp_path / "a.webp"
    Image.fromarray(signal_of(3, grid=(40, 50)).samples).save(path, lossless=lossless)
    whole = path.read_bytes()
    for size in (len(whole) - 20 - 200, len(whole) - 20 - 1000):
        size -= size % 2
        path.write_bytes(
            b"RIFF" + struct.pack("<I", size + 12) + whole[8:16] + struct.pack("<I", size) + whole[20 : 20 + size]
        )
        assert "damaged image" in refused(path)


@pytest.mark.parametrize(
    ("grid", "channels", "suffix", "message"),
    [
        ((3, 65_501), 3, ".jpg", "65500; write .png"),
        ((16_384, 2), 3, ".webp", "16383; write .png"),
        ((16_384, 2), 3, ".png", None),
        ((2, 2), 1, ".webp", "WEBP cannot hold"),
        ((2, 2), 4, ".jpeg", "JPEG cannot hold"),
    ],
)
def test_what_no_file_can_hold_is_known_before_decoding(
    grid: tuple[int, int], channels: int, suffix: str, message: str | None
) -> None:
    found = IMAGE.misfit(Layout("image", grid, channels, 8), suffix)
    assert found is None if message is None else message in (found or "")


def test_unreadable_files(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.png")
    assert "folder" in refused(tmp_path)
    (tmp_path / "text.png").write_text("not an image")
    assert "not a PNG" in refused(tmp_path / "text.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", "GIF")
    assert "not a PNG" in refused(tmp_path / "a.png")


def test_decompression_bomb(tmp_path: Path) -> None:
    for side in (13_400, 40_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
        data += struct.pack(">I", zlib.crc32(b"IHDR" + header)) + struct.pack(">I", 0) + b"IDAT" + b"\0\0\0\0"
        (tmp_path / "a.png").write_bytes(data)
        assert "pixels" in refused(tmp_path / "a.png")


def test_mutated_files_never_escape_as_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        IMAGE.write(signal_of(3, grid=(12, 10)), tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        for _ in range(60):
            mutated = bytearray(whole)
            for at in rng.integers(0, len(mutated), 4):
                mutated[at] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(mutated)
            try:
                IMAGE.read(tmp_path / name)
            except UserError as error:
                assert "\n" not in str(error)


def test_layout_arithmetic() -> None:
    landscape, portrait = Layout("image", (512, 768), 3, 8), Layout("image", (768, 512), 3, 8)
    assert IMAGE.extent(landscape) == pytest.approx((2 / 3, 1))
    assert IMAGE.extent(portrait) == pytest.approx((1, 2 / 3))
    assert IMAGE.rate(landscape, 49152) == 1.0
    assert IMAGE.value_range(landscape) == (0, 255)
    assert IMAGE.value_range(Layout("image", (1, 1), 1, 16)) == (0, 65535)
    assert IMAGE.resized(portrait, 0.5).grid == (384, 256)
    assert IMAGE.resized(portrait, 1e-9).grid == (1, 1)


def test_pixels_are_square_and_resolutions_cover_the_same_area() -> None:
    layout = Layout("image", (4, 6), 3, 8)
    grid = IMAGE.coordinates(layout).reshape(4, 6, 2)
    assert np.allclose(np.diff(grid[:, 0, 0]), 1 / 3)
    assert np.allclose(np.diff(grid[0, :, 1]), 1 / 3)
    assert grid[0, 0] == pytest.approx([-2 / 3 + 1 / 6, -1 + 1 / 6])
    fine = IMAGE.coordinates(IMAGE.resized(layout, 2)).reshape(4, 2, 6, 2, 2)
    assert np.allclose(fine.mean(axis=(1, 3)), grid, atol=1e-6)


def test_quality_has_psnr_and_ssim() -> None:
    signal = signal_of(3, grid=(20, 20))
    quality = IMAGE.quality(signal, signal.samples // 2)
    assert set(quality) == {"psnr_db", "ssim"}
    assert quality["psnr_db"] < 15 and quality["ssim"] < 0.9


def test_crop_is_central_and_turns_with_the_image() -> None:
    signal = signal_of(1, grid=(5, 9))
    assert np.array_equal(IMAGE.crop(signal, (3, 3)).samples, signal.samples[1:4, 3:6])
    assert np.array_equal(IMAGE.crop(signal, (7, 3)).samples, signal.samples[1:4, 1:8])
    assert IMAGE.crop(signal, (100, 100)).layout == signal.layout


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (3, 8), (4, 8), (1, 16)])
@pytest.mark.parametrize("grid", [(60, 90), (90, 60), (61, 77), (64, 64)])
def test_downscale_has_exactly_the_size(channels: int, bits: int, grid: tuple[int, int]) -> None:
    small = IMAGE.downscale(signal_of(channels, bits, grid), (20, 30))
    expected = (30, 20) if grid == (90, 60) else (20, 30)
    assert small.layout == Layout("image", expected, channels, bits)


def test_downscale_neither_aliases_nor_shifts() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 48))[..., None]  # (64, 96, 1), the finest there are
    small = IMAGE.downscale(Signal("stripes", stripes, Layout("image", (64, 96), 1, 8)), (16, 24))
    assert np.abs(small.samples[:, 2:-2].astype(int) - 127.5).max() < 4
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint16)[None, :, None] * 600, (64, 96, 1))
    small = IMAGE.downscale(Signal("ramp", ramp, Layout("image", (64, 96), 1, 16)), (32, 48))
    centres = (np.arange(48) * 2 + 0.5) * 600
    assert np.abs(small.samples[0, 4:-4, 0] - centres[4:-4]).max() <= 1


def test_downscale_to_its_own_size_changes_nothing() -> None:
    signal = signal_of(3, grid=(33, 50))
    assert np.array_equal(IMAGE.downscale(signal, (33, 50)).samples, signal.samples)
    assert np.array_equal(IMAGE.downscale(signal, (33, 33)).samples, signal.samples[:, 8:41])


@pytest.mark.parametrize("size", [(40, 30), (7, 9)])
def test_upscaling_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="6x9 pixels"):
        IMAGE.downscale(signal_of(3, grid=(6, 9)), size)


@pytest.mark.parametrize("size", [(4,), (4, 4, 4), (0, 4), (4, -1)])
def test_wrong_sizes_are_refused(size: tuple[int, ...]) -> None:
    for change in (IMAGE.crop, IMAGE.downscale):
        with pytest.raises(UserError, match=r"\[height, width\]"):
            change(signal_of(3), size)


def test_real_kodak_both_ways_up(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "image" / "kodak"
    for name, grid in (("kodim04", (768, 512)), ("kodim23", (512, 768))):
        signal = IMAGE.read(folder / f"{name}.png")
        assert signal.layout == Layout("image", grid, 3, 8)
        reference = np.asarray(Image.open(folder / f"{name}.png"))
        assert np.array_equal(signal.samples, reference)
        IMAGE.write(signal, tmp_path / f"{name}.webp")
        assert np.array_equal(IMAGE.read(tmp_path / f"{name}.webp").samples, reference)
        assert sorted(IMAGE.downscale(signal, (96, 144)).layout.grid) == [96, 144]
