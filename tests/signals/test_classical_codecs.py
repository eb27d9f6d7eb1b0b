from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from searchinr.errors import UserError
from searchinr.signals.peers import Peer
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

IMAGE_CODECS = {codec.name.split(" (")[0]: codec for codec in MODALITIES["image"].peers}
AUDIO_CODECS = {codec.name.split(" (")[0]: codec for codec in MODALITIES["audio"].peers}


def picture(channels: int, bits: int = 8, grid: tuple[int, int] = (96, 144)) -> Signal:
    """Something with smooth parts, edges and a little noise."""
    y, x = np.mgrid[: grid[0], : grid[1]]
    planes = [
        0.5 + 0.25 * np.sin(x / (5 + c)) * np.cos(y / (7 + c)) + 0.2 * ((x // 20 + y // 30 + c) % 2)
        for c in range(channels)
    ]
    noisy = np.stack(planes, axis=-1) + np.random.default_rng(0).normal(0, 0.01, (*grid, channels))
    samples = np.clip(noisy * (2**bits - 1), 0, 2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)
    return Signal("picture", samples, Layout("image", grid, channels, bits))


def tone(channels: int = 1, bits: int = 16, sampling_rate: int = 16000, samples: int = 24000) -> Signal:
    """A sweep with an envelope, so that a shift in time shows."""
    t = np.arange(samples) / sampling_rate
    wave = 0.3 * np.sin(2 * np.pi * (150 + 300 * t) * t) * (1 + np.sin(7 * t)) / 2
    values = np.rint(np.stack([wave] * channels, axis=-1) * 2 ** (bits - 1))
    dtype = np.int8 if bits == 8 else np.int16 if bits == 16 else np.int32
    return Signal("tone", values.astype(dtype), Layout("audio", (samples,), channels, bits, (sampling_rate,)))


def curve(codec: Peer, signal: Signal, qualities: Sequence[float]) -> tuple[list[float], list[float]]:
    modality = MODALITIES[signal.layout.modality]
    rates, psnrs = [], []
    for quality in qualities:
        file = codec.encode(signal, quality)
        decoded = codec.decode(file, signal.layout)
        assert decoded.shape == signal.samples.shape
        assert decoded.dtype == signal.samples.dtype
        rates.append(modality.rate(signal.layout, len(file)))
        psnrs.append(modality.quality(signal, decoded)["psnr_db"])
    return rates, psnrs


def test_all_codecs_of_this_platform_are_there() -> None:
    assert list(IMAGE_CODECS) == ["JPEG", "JPEG 2000", "WebP", "AVIF"]
    assert list(AUDIO_CODECS) == ["MP3", "Opus", "Vorbis"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", IMAGE_CODECS)
def test_image_codecs_trade_rate_for_quality(name: str, channels: int) -> None:
    codec = IMAGE_CODECS[name]
    rates, psnrs = curve(codec, picture(channels), codec.qualities)
    assert rates == sorted(rates) and rates[0] < 0.5 * rates[-1]
    assert psnrs == sorted(psnrs) and psnrs[0] > 10
    assert psnrs[-1] > 31  # edges in colour alone are the limit of those that halve its resolution


@pytest.mark.parametrize(
    ("name", "channels", "bits"),
    [("JPEG 2000", 2, 8), ("JPEG 2000", 1, 16), ("WebP", 4, 8), ("AVIF", 4, 8)],
)
def test_alpha_and_16_bits_where_the_format_has_them(name: str, channels: int, bits: int) -> None:
    _, psnrs = curve(IMAGE_CODECS[name], picture(channels, bits), IMAGE_CODECS[name].qualities[-1:])
    assert psnrs[0] > 30


def test_opaque_alpha_survives_a_format_that_drops_it() -> None:
    signal = picture(4)
    signal.samples[..., 3] = 255
    decoded = IMAGE_CODECS["WebP"].decode(IMAGE_CODECS["WebP"].encode(signal, 90), signal.layout)
    assert (decoded[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("name", "channels", "bits"),
    [
        ("JPEG", 2, 8),
        ("JPEG", 4, 8),
        ("JPEG", 1, 16),
        ("JPEG 2000", 4, 8),
        ("WebP", 2, 8),
        ("WebP", 1, 16),
        ("AVIF", 1, 16),
        ("AVIF", 3, 16),
    ],
)
def test_formats_refuse_layouts_that_they_cannot_hold(name: str, channels: int, bits: int) -> None:
    with pytest.raises(UserError, match="cannot hold"):
        IMAGE_CODECS[name].encode(picture(channels, bits), IMAGE_CODECS[name].qualities[0])


@pytest.mark.parametrize("grid", [(1, 1), (2, 40), (5, 7), (33, 17)])
@pytest.mark.parametrize("name", IMAGE_CODECS)
def test_small_and_odd_images(name: str, grid: tuple[int, int]) -> None:
    curve(IMAGE_CODECS[name], picture(3, grid=grid), IMAGE_CODECS[name].qualities[::4])


def test_jpeg_2000_reaches_the_rate_it_is_asked_for() -> None:
    rates, _ = curve(IMAGE_CODECS["JPEG 2000"], picture(3), (0.25, 0.5, 1))
    assert rates == pytest.approx([0.25, 0.5, 1], rel=0.1)


@pytest.mark.parametrize("name", AUDIO_CODECS)
def test_audio_codecs_trade_rate_for_quality(name: str) -> None:
    codec = AUDIO_CODECS[name]
    rates, psnrs = curve(codec, tone(), codec.qualities)
    assert rates == sorted(rates) and rates[0] < 0.8 * rates[-1]
    assert psnrs[0] > 32 and psnrs[-1] > 50


@pytest.mark.parametrize(("channels", "bits", "sampling_rate"), [(2, 16, 16000), (1, 24, 48000), (1, 16, 8000)])
@pytest.mark.parametrize("name", AUDIO_CODECS)
def test_audio_codecs_do_not_shift_the_signal(name: str, channels: int, bits: int, sampling_rate: int) -> None:
    signal = tone(channels, bits, sampling_rate)
    decoded = AUDIO_CODECS[name].decode(AUDIO_CODECS[name].encode(signal, 0.2), signal.layout)[:, 0].astype(float)
    original = signal.samples[:, 0].astype(float)
    errors = {lag: np.mean((original[500:-500] - np.roll(decoded, lag)[500:-500]) ** 2) for lag in range(-200, 201)}
    assert min(errors, key=errors.__getitem__) == 0


@pytest.mark.parametrize("samples", [1, 100, 1500])
@pytest.mark.parametrize("name", AUDIO_CODECS)
def test_short_clips(name: str, samples: int) -> None:
    curve(AUDIO_CODECS[name], tone(samples=samples), AUDIO_CODECS[name].qualities[::4])


def test_audio_codecs_refuse_rates_and_channels_that_they_do_not_have() -> None:
    with pytest.raises(UserError, match="44100 samples per second"):
        AUDIO_CODECS["Opus"].encode(tone(sampling_rate=44100), 0.1)
    with pytest.raises(UserError, match="3 channels"):
        AUDIO_CODECS["MP3"].encode(tone(channels=3), 0.5)


def test_a_delay_of_unknown_length_is_not_compared() -> None:
    signal = tone()
    file = AUDIO_CODECS["Vorbis"].encode(signal, 0.5)
    with pytest.raises(UserError, match="delay"):
        AUDIO_CODECS["Vorbis"].decode(file, Layout("audio", (23000,), 1, 16, (16000,)))


def test_real_photograph_spans_the_rates_of_interest(data_dir: Path) -> None:
    image = MODALITIES["image"]
    signal = image.downscale(image.read(data_dir / "image" / "kodak" / "kodim23.png"), (256, 384))
    for codec in image.peers:
        rates, psnrs = curve(codec, signal, (codec.qualities[0], codec.qualities[-1]))
        assert rates[0] < 0.25 and 1 < rates[1] < 4.5
        assert psnrs[0] > 22 and psnrs[1] > 37


def test_jpeg_2000_beats_jpeg_on_a_real_photograph(data_dir: Path) -> None:
    """As it does in every published comparison at such rates; it did not while its colour transform was off."""
    signal = MODALITIES["image"].read(data_dir / "image" / "kodak" / "kodim23.png")
    (rate,), (jpeg,) = curve(IMAGE_CODECS["JPEG"], signal, (20,))
    (_,), (jpeg_2000,) = curve(IMAGE_CODECS["JPEG 2000"], signal, (rate,))
    assert jpeg_2000 > jpeg + 1


def test_real_speech_spans_the_rates_of_interest(data_dir: Path) -> None:
    audio = MODALITIES["audio"]
    signal = audio.crop(audio.read(data_dir / "audio" / "librispeech" / "1688-142285-0004.flac"), (48000,))
    for codec in audio.peers:
        rates, psnrs = curve(codec, signal, codec.qualities)
        assert rates[-1] < 100 and psnrs[-1] > 45 and psnrs[0] > 33
