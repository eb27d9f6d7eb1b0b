import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from searchinr.codecs.bitstream import container
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.modalities.audio import AudioModality
from searchinr.signals.signal import Layout, Signal

AUDIO = AudioModality()
RNG = np.random.default_rng(0)
TYPES = {8: np.int8, 16: np.int16, 24: np.int32, 32: np.int32}


def signal_of(bits: int = 16, channels: int = 1, samples: int = 1000, sampling_rate: int = 16000) -> Signal:
    values = RNG.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (samples, channels)).astype(TYPES[bits])
    values[0, 0], values[-1, -1] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return Signal("noise", values, Layout("audio", (samples,), channels, bits, (sampling_rate,)))


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        AUDIO.read(path)
    message = str(error.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize(
    ("suffix", "bits"),
    [(".wav", 8), (".wav", 16), (".wav", 24), (".wav", 32), (".flac", 8), (".flac", 16), (".flac", 24)],
)
def test_lossless_round_trip(tmp_path: Path, suffix: str, bits: int, channels: int) -> None:
    signal = signal_of(bits, channels, sampling_rate=22050)
    path = tmp_path / f"clip{suffix}"
    AUDIO.write(signal, path)
    again = AUDIO.read(path)
    assert again.name == "clip"
    assert again.layout == signal.layout
    assert again.samples.dtype == TYPES[bits]
    assert np.array_equal(again.samples, signal.samples)
    assert list(tmp_path.iterdir()) == [path]


def test_floats_on_the_16_bit_grid_are_16_bit_audio(tmp_path: Path) -> None:
    signal = signal_of()
    for subtype in ("FLOAT", "DOUBLE"):
        soundfile.write(tmp_path / "a.wav", signal.samples / 32768, 16000, subtype=subtype)
        again = AUDIO.read(tmp_path / "a.wav")
        assert again.layout == signal.layout
        assert np.array_equal(again.samples, signal.samples)


@pytest.mark.parametrize(
    ("odd", "fault"),
    [(0.5 / 32768, "between"), (1.0, "beyond"), (np.nan, "no numbers"), (np.inf, "no numbers"), (-1.5, "beyond")],
)
def test_other_floats_are_refused(tmp_path: Path, odd: float, fault: str) -> None:
    values = signal_of().samples / 32768
    values[5] = odd
    soundfile.write(tmp_path / "a.wav", values, 16000, subtype="DOUBLE")
    assert f" 1 of them {fault}" in refused(tmp_path / "a.wav")


def test_what_is_not_exact_or_has_no_place_is_refused(tmp_path: Path) -> None:
    values = signal_of().samples
    for subtype in ("ULAW", "MS_ADPCM"):
        soundfile.write(tmp_path / "a.wav", values, 16000, subtype=subtype)
        assert subtype in refused(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", values.repeat(5, axis=1), 16000)
    assert "5 channels" in refused(tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", values[:0], 16000)
    assert "no samples" in refused(tmp_path / "c.wav")
    soundfile.write(tmp_path / "d.aiff", values, 16000)
    assert "AIFF" in refused(tmp_path / "d.aiff")
    (tmp_path / "e.wav").write_text("not audio")
    assert "not a WAV or FLAC" in refused(tmp_path / "e.wav")
    assert "no such file" in refused(tmp_path / "missing.flac")


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_truncated_at_any_length(tmp_path: Path, name: str) -> None:
    AUDIO.write(signal_of(samples=20000), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for length in (0, 3, 11, 40, 60, len(whole) // 2, len(whole) - 10):
        (tmp_path / name).write_bytes(whole[:length])
        refused(tmp_path / name)


def test_wav_from_a_pipe_says_no_size_and_is_read(tmp_path: Path) -> None:
    signal = signal_of()
    AUDIO.write(signal, tmp_path / "a.wav")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(data)
    assert np.array_equal(AUDIO.read(tmp_path / "a.wav").samples, signal.samples)


def test_a_header_that_claims_too_much_allocates_nothing(tmp_path: Path) -> None:
    AUDIO.write(signal_of(), tmp_path / "a.flac")
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] |= 0x0F  # the upper bits of the 36-bit number of samples in STREAMINFO
    (tmp_path / "a.flac").write_bytes(data)
    assert "its header says" in refused(tmp_path / "a.flac")


def without_length(flac: bytes) -> bytes:
    """A FLAC file as it comes out of a pipe: the 36-bit number of samples in STREAMINFO is 0."""
    return flac[:21] + bytes([flac[21] & 0xF0, 0, 0, 0, 0]) + flac[26:]


def test_flac_from_a_pipe_says_no_length_and_is_read(tmp_path: Path) -> None:
    signal = signal_of(samples=100_000, channels=2)
    AUDIO.write(signal, tmp_path / "a.flac")
    (tmp_path / "a.flac").write_bytes(without_length((tmp_path / "a.flac").read_bytes()))
    again = AUDIO.read(tmp_path / "a.flac")
    assert again.layout == signal.layout
    assert np.array_equal(again.samples, signal.samples)


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_flac_whose_samples_have_another_md5_is_refused(tmp_path: Path, bits: int) -> None:
    AUDIO.write(signal_of(bits), tmp_path / "a.flac")
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[:26] + bytes([whole[26] ^ 1]) + whole[27:])
    assert "MD5" in refused(tmp_path / "a.flac")
    (tmp_path / "a.flac").write_bytes(whole[:26] + bytes(16) + whole[42:])  # of a writer that leaves it out
    assert len(AUDIO.read(tmp_path / "a.flac").samples) == len(signal_of(bits).samples)


@pytest.mark.parametrize(
    ("at", "size", "message"),
    [
        (4, 100_000, "its header says 100008"),
        (4, 500, "a part of 2000 bytes found where its header leaves"),
        (40, 2002, "a part of 2002 bytes"),
        (40, 1999, "1999 bytes of samples"),
        (40, 0, "0 bytes of samples"),
    ],
)
def test_wav_with_a_false_length_is_refused(tmp_path: Path, at: int, size: int, message: str) -> None:
    AUDIO.write(signal_of(samples=1000), tmp_path / "a.wav")
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[:at] + size.to_bytes(4, "little") + whole[at + 4 :])
    assert message in refused(tmp_path / "a.wav")


def test_what_no_file_can_hold_is_known_before_decoding() -> None:
    for rate, bits, suffix, fits in [
        (655_350, 16, ".flac", True),
        (700_000, 16, ".flac", False),
        (16_000, 32, ".flac", False),
        (2**31 - 1, 32, ".wav", True),
        (2**31, 16, ".wav", False),
    ]:
        assert (AUDIO.misfit(Layout("audio", (10,), 1, bits, (rate,)), suffix) is None) == fits


def test_reading_and_writing_take_few_bytes_a_sample(tmp_path: Path) -> None:
    signal = signal_of(samples=4_000_000)
    tracemalloc.start()
    AUDIO.write(signal, tmp_path / "a.wav")
    _, written = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    AUDIO.read(tmp_path / "a.wav")
    _, read = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written < 4 * 4_000_000, "the file in memory, and a block"
    assert read - before < (2 + 8) * 4_000_000, "the samples, and 8 bytes each"


def test_mutated_files_never_escape_as_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name in ("a.wav", "a.flac"):
        AUDIO.write(signal_of(samples=100), tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        for _ in range(100):
            mutated = bytearray(whole)
            for at in rng.integers(0, min(len(mutated), 80), 3):
                mutated[at] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(mutated)
            try:
                AUDIO.read(tmp_path / name)
            except UserError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(("name", "allowed"), [("a.mp3", r"\.wav \.flac"), ("a", r"\.wav \.flac")])
def test_unknown_suffix_is_refused(tmp_path: Path, name: str, allowed: str) -> None:
    with pytest.raises(UserError, match=allowed):
        AUDIO.write(signal_of(), tmp_path / name)


@pytest.mark.parametrize(("bits", "sampling_rate"), [(32, 16000), (16, 700_000), (16, 2**34), (16, 0)])
def test_flac_refuses_what_it_cannot_hold(tmp_path: Path, bits: int, sampling_rate: int) -> None:
    with pytest.raises(UserError):
        AUDIO.write(signal_of(bits, sampling_rate=sampling_rate), tmp_path / "a.flac")
    assert not list(tmp_path.iterdir())


def test_layout_arithmetic() -> None:
    layout = Layout("audio", (48000,), 1, 16, (16000,))
    assert AUDIO.extent(layout) == (1.5,)
    assert AUDIO.rate(layout, 3000) == 8.0
    assert AUDIO.value_range(layout) == (-32768, 32767)
    assert AUDIO.value_range(Layout("audio", (1,), 1, 8, (8000,))) == (-128, 127)
    assert AUDIO.resized(layout, 1) == layout
    assert AUDIO.resized(layout, 2) == Layout("audio", (96000,), 1, 16, (32000,))


def test_another_resolution_lasts_as_long() -> None:
    layout = Layout("audio", (71600,), 1, 16, (16000,))
    for scale in (0.123456, 0.5, 1.7, 3):
        resized = AUDIO.resized(layout, scale)
        half_a_sample = 0.5 / resized.extras[0]
        assert abs(AUDIO.extent(resized)[0] - AUDIO.extent(layout)[0]) <= half_a_sample


def test_coordinates_are_seconds() -> None:
    short, long = Layout("audio", (800,), 1, 16, (8000,)), Layout("audio", (8000,), 1, 16, (8000,))
    for layout in (short, long):
        seconds = AUDIO.coordinates(layout)[:, 0].astype(float)
        assert np.allclose(np.diff(seconds), 1 / 8000, atol=1e-6)
        assert seconds.mean() == pytest.approx(0, abs=1e-6)


def test_quality_is_the_psnr_of_the_full_range() -> None:
    signal = Signal("flat", np.zeros((100, 1), np.int16), Layout("audio", (100,), 1, 16, (8000,)))
    quality = AUDIO.quality(signal, np.full((100, 1), 3, np.int16))
    assert quality == {"psnr_db": pytest.approx(20 * np.log10(65535 / 3))}


def test_crop_takes_the_beginning() -> None:
    signal = signal_of(channels=2)
    cropped = AUDIO.crop(signal, (300,))
    assert cropped.layout == Layout("audio", (300,), 2, 16, (16000,))
    assert np.array_equal(cropped.samples, signal.samples[:300])
    assert AUDIO.crop(signal, (10**9,)).layout == signal.layout
    for size in ((0,), (3, 4), ()):
        with pytest.raises(UserError, match=r"\[samples\]"):
            AUDIO.crop(signal, size)


def test_downscale_is_refused() -> None:
    with pytest.raises(UserError, match="crop"):
        AUDIO.downscale(signal_of(), (500,))


def test_a_file_without_sampling_rate_is_invalid() -> None:
    data = container.pack(0, Layout("audio", (100,), 1, 16, (0,)), b"body")
    with pytest.raises(InvalidFileError, match="0 samples per second"):
        container.unpack(data)


def test_real_speech(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "audio" / "librispeech"
    signal = AUDIO.read(folder / "1688-142285-0004.flac")
    assert signal.layout == Layout("audio", (71600,), 1, 16, (16000,))
    AUDIO.write(signal, tmp_path / "a.wav")
    assert np.array_equal(AUDIO.read(tmp_path / "a.wav").samples, signal.samples)
    floats = AUDIO.read(folder / "recombiner_test-clean_3s.wav")
    assert floats.layout == Layout("audio", (48000,), 1, 16, (16000,))
    reference, _ = soundfile.read(folder / "recombiner_test-clean_3s.wav", dtype="float64")
    assert np.array_equal(floats.samples[:, 0] / 32768, reference)
