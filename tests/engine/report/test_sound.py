import numpy as np
import pytest
from report_signals import tone

from searchinr.engine.report.sound import envelope, spectrogram, waveform
from searchinr.signals.exhibits import Sound
from searchinr.signals.registry import MODALITIES


def sound(frequency: float, **changes: float) -> Sound:
    (shown,) = MODALITIES["audio"].exhibits(tone("a", frequency, **changes))
    assert isinstance(shown, Sound)
    return shown


def test_a_tone_is_where_its_frequency_is() -> None:
    picture = spectrogram(sound(1000, amplitude=0.5))
    assert picture.shape[0] == 257  # 0 to 4000 Hz
    assert (np.argmax(picture, axis=0) == 64).all()
    assert picture.max() == pytest.approx(20 * np.log10(0.5), abs=0.1)


def test_silence_and_clips_shorter_than_a_window_have_one_too() -> None:
    assert spectrogram(sound(100, amplitude=0.0)).max() == -160
    assert spectrogram(sound(100, seconds=0.01)).shape == (257, 1)


def test_the_envelope_holds_every_peak() -> None:
    signal = sound(50, amplitude=0.25)
    bounds = envelope(signal, 40)
    assert bounds.shape == (40, 2)
    assert bounds[:, 0].min() == waveform(signal).min() == pytest.approx(-0.25, abs=1e-4)
    assert bounds[:, 1].max() == waveform(signal).max()
    assert envelope(sound(50, seconds=0.001), 40).shape == (8, 2)
