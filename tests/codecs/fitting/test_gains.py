"""The gain of targets is taken back exactly, whichever way a file does it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from searchinr.codecs.bitstream.steps import LAST_STEP, step_sizes
from searchinr.codecs.fitting.gains import Gains, factor_of_byte

PLACES = st.integers(-120, 6)


@given(st.floats(2.0**-19, 2.0))
def test_the_peak_of_what_is_fitted_is_just_below_one(peak: float) -> None:
    gains = Gains.of_peaks(torch.tensor([peak]))
    fitted = float(gains.divide(torch.full((1, 3, 2), peak)).max())
    assert 2 ** (-1 / 6) * (1 - 1e-5) < fitted <= 1 + 1e-5


def test_silence_has_a_gain_as_well() -> None:
    gains = Gains.of_peaks(torch.zeros(1))
    assert gains.places.tolist() == [-120]
    assert not gains.divide(torch.zeros(1, 4, 1)).any()


@given(PLACES, st.integers(120, 200))
def test_moved_steps_multiplied_weights_and_a_byte_say_the_same(places: int, step: int) -> None:
    gains = Gains(torch.tensor([3, places]))
    gain = 2 ** (places / 6)
    before = np.array([step, step + 1])
    moved = gains.move_steps(1, "out.weight", before)
    assert step_sizes()[moved] == pytest.approx(gain * step_sizes()[before], rel=1e-6)
    weights = gains.multiply_weights(1, {"out.bias": torch.ones(2), "layer0.weight": torch.ones(2)})
    assert weights["out.bias"].tolist() == pytest.approx([gain] * 2, rel=1e-6)
    assert weights["layer0.weight"].tolist() == [1, 1] and gains.move_steps(1, "layer0.bias", before) is before
    assert factor_of_byte(gains.byte(1)) == pytest.approx(gain, rel=1e-12)


def test_steps_end_where_the_grid_does() -> None:
    moved = Gains(torch.tensor([-120])).move_steps(0, "out.bias", np.array([5, 119, 200]))
    assert moved.tolist() == [0, 0, 80]
    assert Gains(torch.tensor([6])).move_steps(0, "out.bias", np.array([LAST_STEP])).tolist() == [LAST_STEP]
