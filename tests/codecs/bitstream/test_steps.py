import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from searchinr.codecs.bitstream.steps import (
    LAST_STEP,
    MAX_BITS,
    MIN_BITS,
    TERNARY,
    code_at_least,
    log_step,
    nearest_code,
    step_sizes,
    symbol_range,
)


def test_symbols_are_two_to_the_bits_with_zero_among_them() -> None:
    assert symbol_range(TERNARY) == (-1, 1)
    assert (symbol_range(2), symbol_range(8)) == ((-2, 1), (-128, 127))
    for bits in range(MIN_BITS, MAX_BITS + 1):
        assert symbol_range(bits).number == (3 if bits == TERNARY else 2**bits)
        assert symbol_range(bits).low < 0 < symbol_range(bits).high


def test_steps_are_six_per_octave() -> None:
    np.testing.assert_allclose(np.diff(np.log2(step_sizes().astype(float))), 1 / 6, atol=1e-6)
    assert step_sizes()[180] == 1


@given(st.floats(-28, 12))
def test_step_asked_for_is_covered_by_the_next_larger_one(exponent: float) -> None:
    wanted = torch.tensor(2.0**exponent, dtype=torch.float64)
    code = int(code_at_least(wanted))
    assert step_sizes()[code] >= 2.0**exponent * (1 - 1e-6)
    assert step_sizes()[code - 1] < 2.0**exponent


@pytest.mark.parametrize(("step", "code"), [(0.0, 0), (1e-12, 0), (1e30, LAST_STEP)])
def test_steps_beyond_the_table_are_its_ends(step: float, code: int) -> None:
    assert int(code_at_least(torch.tensor(step))) == code


def test_logarithms_lead_back_to_their_codes() -> None:
    codes = torch.arange(LAST_STEP + 1)
    torch.testing.assert_close(nearest_code(log_step(codes)), codes)
    torch.testing.assert_close(log_step(codes).exp(), torch.from_numpy(step_sizes()), rtol=1e-5, atol=0)
