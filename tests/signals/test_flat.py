from dataclasses import replace

import numpy as np
import pytest

from searchinr.signals.flat import counted, is_flat
from searchinr.signals.signal import Layout, Samples, Signal

NOISE = np.random.default_rng(0)
N = 70_000  # more than one block


def clip(samples: Samples) -> Signal:
    return Signal("clip", samples.reshape(-1, 1).astype(np.int16), Layout("audio", (samples.size,), 1, 16, (8000,)))


@pytest.mark.parametrize(
    ("samples", "flat"),
    [
        (np.zeros(N), True),
        (np.full(N, -300), True),
        (NOISE.integers(-1, 2, N), True),  # silence with dither
        (np.where(np.arange(N) == 5, 200, 0), True),  # a click of 0.76 as root mean square
        (np.where(np.arange(N) == 5, 300, 0), False),  # and of 1.13
        (np.repeat([-9, 9], N // 2), False),  # each half of it would be flat
        (NOISE.integers(-3, 4, N), False),
    ],
)
def test_flat_is_less_than_one_level_as_root_mean_square(samples: Samples, flat: bool) -> None:
    assert is_flat(clip(samples)) == flat


def test_a_blank_picture_of_any_colour_is_flat() -> None:
    samples = np.broadcast_to(np.array([200, 10, 30], np.uint8), (8, 9, 3)).copy()
    blank = Signal("blank", samples, Layout("image", (8, 9), 3, 8))
    assert is_flat(blank)
    samples[:4, :, 1] += 2
    assert not is_flat(blank)


def test_real_samples_have_levels_of_their_range() -> None:
    layout = Layout("image", (50,), 1, 32, real_range=(0.0, 1.0))
    field = Signal("field", np.linspace(0.5, 0.5001, 50, dtype=np.float32)[:, None], layout)
    assert not is_flat(field)
    assert is_flat(replace(field, samples=np.full((50, 1), 0.3, np.float32)))


def test_flat_signals_count_where_there_are_no_others() -> None:
    silence, sound = clip(np.zeros(9)), clip(np.arange(9))
    assert counted([silence, sound]) == [False, True]
    assert counted([silence, silence]) == [True, True]
