import json
import math

import numpy as np
import pytest

from searchinr.signals import metrics
from searchinr.signals.metrics import psnr, psnr_of_mean_mse, ssim, to_samples


def test_psnr_of_a_known_error() -> None:
    original = np.zeros((10, 10, 3), np.uint8)
    assert psnr(original, original + np.uint8(5), (0, 255)) == pytest.approx(20 * math.log10(255 / 5))
    one_off = original.copy()
    one_off[3, 4, 1] = 1
    assert psnr(original, one_off, (0, 255)) == pytest.approx(10 * math.log10(255**2 * 300))


def test_psnr_does_not_wrap_around() -> None:
    black, white = np.zeros((4, 4, 1), np.uint8), np.full((4, 4, 1), 255, np.uint8)
    assert psnr(black, white, (0, 255)) == psnr(white, black, (0, 255)) == 0
    low, high = np.full((9, 1), -32768, np.int16), np.full((9, 1), 32767, np.int16)
    assert psnr(low, high, (-32768, 32767)) == 0


def test_psnr_of_audio_is_that_of_audio_scaled_to_one() -> None:
    rng = np.random.default_rng(0)
    original = rng.integers(-3000, 3000, (500, 1)).astype(np.int16)
    decoded = (original + rng.integers(-20, 20, original.shape)).astype(np.int16)
    mse = np.mean(((original + 32768.0) / 65535 - (decoded + 32768.0) / 65535) ** 2)
    assert psnr(original, decoded, (-32768, 32767)) == pytest.approx(-10 * np.log10(mse))


def test_identical_signals_have_the_best_psnr_of_their_size_and_it_fits_json() -> None:
    original = np.full((8, 8, 3), 7, np.uint8)
    nearly = original.copy()
    nearly[0, 0, 0] += 1
    best = psnr(original, original, (0, 255))
    assert best == pytest.approx(psnr(original, nearly, (0, 255)) + 20 * math.log10(2))
    assert json.loads(json.dumps(best, allow_nan=False)) == best


def test_large_signals_are_measured_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    original = np.clip(np.cumsum(rng.normal(0, 12, (60, 31, 3)), axis=1) + 128, 0, 255).astype(np.uint8)
    decoded = np.clip(original + rng.normal(0, 9, original.shape), 0, 255).astype(np.uint8)
    narrow = (original[:, :7], decoded[:, :7], (0, 255))  # no strip has what the filter needs beyond so small a window
    whole = [measure(original, decoded, (0, 255)) for measure in (psnr, ssim)], ssim(*narrow)
    monkeypatch.setattr(metrics, "_BLOCK", 7 * 31 * 3)
    assert psnr(original, decoded, (0, 255)) == whole[0][0]
    assert ssim(original, decoded, (0, 255)) == pytest.approx(whole[0][1], abs=1e-7)
    assert ssim(*narrow) == whole[1]


def test_psnr_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="shape"):
        psnr(np.zeros((2, 3, 1), np.uint8), np.zeros((3, 2, 1), np.uint8), (0, 255))


def test_psnr_of_mean_mse() -> None:
    rng = np.random.default_rng(1)
    original = rng.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    decoded = np.stack([np.clip(o.astype(int) + n, 0, 255) for o, n in zip(original, (1, 4, 9), strict=True)])
    each = [psnr(o, d, (0, 255)) for o, d in zip(original, decoded, strict=True)]
    assert psnr_of_mean_mse(each) == pytest.approx(psnr(original, decoded, (0, 255)))
    assert psnr_of_mean_mse(each) < np.mean(each)


def test_samples_are_rounded_half_to_even_then_clipped() -> None:
    values = np.array([-7.0, 0.5, 1.5, 2.5, 2.51, 254.5, 255.4, 300.0, np.inf, -np.inf])
    samples = to_samples(values, (0, 255))
    assert samples.dtype == np.uint8
    assert samples.tolist() == [0, 0, 2, 2, 3, 254, 255, 255, 255, 0]


@pytest.mark.parametrize(
    ("value_range", "dtype"),
    [
        ((0, 65535), np.uint16),
        ((-128, 127), np.int8),
        ((-32768, 32767), np.int16),
        ((-(2**23), 2**23 - 1), np.int32),
        ((-(2**31), 2**31 - 1), np.int32),
        ((0, 2**32 - 1), np.uint32),
    ],
)
def test_samples_reach_both_ends_of_every_range(value_range: tuple[int, int], dtype: type) -> None:
    samples = to_samples(np.array([-1e12, 1e12], np.float32), value_range)
    assert samples.dtype == dtype
    assert samples.tolist() == list(value_range)


def test_nan_is_no_sample() -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_samples(np.array([1.0, np.nan]), (0, 255))


def _ssim_by_hand(x: np.ndarray, y: np.ndarray, peak: int) -> float:
    """Equation 13 of Wang et al. (2004) at every pixel that the 11 x 11 window fits around."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    values = []
    for i in range(5, x.shape[0] - 5):
        for j in range(5, x.shape[1] - 5):
            a, b = (z[i - 5 : i + 6, j - 5 : j + 6].astype(float) for z in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * a * a).sum() - mean_a**2, (window * b * b).sum() - mean_b**2
            cov = (window * a * b).sum() - mean_a * mean_b
            values.append(
                (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
            )
    return float(np.mean(values))


def test_ssim_is_that_of_its_paper() -> None:
    rng = np.random.default_rng(2)
    x = np.clip(np.cumsum(rng.normal(0, 12, (24, 20)), axis=1) + 128, 0, 255).astype(np.uint8)
    y = np.clip(x + rng.normal(0, 9, x.shape), 0, 255).astype(np.uint8)
    assert ssim(x[..., None], y[..., None], (0, 255)) == pytest.approx(_ssim_by_hand(x, y, 255), abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 1), (2, 3, 4), (6, 6, 3), (10, 200, 1), (12, 11, 2)])
def test_ssim_of_images_smaller_than_its_window(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, shape).astype(np.uint8)
    assert ssim(x, x, (0, 255)) == pytest.approx(1)
    assert -1 <= ssim(x, 255 - x, (0, 255)) < 1
