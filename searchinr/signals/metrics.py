"""How good a decoded signal is: the one PSNR of the whole project, and the SSIM of pictures."""

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**22
"""Values that are worked on at a time, so that no whole large signal is copied as floats."""

_SAMPLE_TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)

_SSIM_WINDOW = 11


def sample_type(value_range: tuple[float, float]) -> type[np.integer]:
    """The smallest integer type that holds a range within 32 bits, both ends inclusive."""
    low, high = value_range
    return next(t for t in _SAMPLE_TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)


def to_samples(values: NDArray[np.floating], value_range: tuple[float, float]) -> NDArray[np.integer]:
    """Decoded values of any shape as integer samples: rounded half to even, then clipped to the range.

    They get the smallest integer type that holds the range (within 32 bits, both ends inclusive).

    Raises:
        ValueError: A value is NaN, so that there is no sample to round it to.
    """
    rounded = np.rint(values, dtype=np.float64)  # 32-bit floats cannot hold the ends of a 32-bit range
    if np.isnan(rounded).any():
        raise ValueError("NaN among the decoded values")
    samples: NDArray[np.integer] = np.clip(rounded, *value_range).astype(sample_type(value_range))
    return samples


def to_reals(values: NDArray[np.floating], value_range: tuple[float, float]) -> NDArray[np.float32]:
    """Decoded values of any shape as real samples: float32, clipped to the range and not rounded otherwise.

    Raises:
        ValueError: A value is NaN.
    """
    if np.isnan(values).any():
        raise ValueError("NaN among the decoded values")
    samples: NDArray[np.float32] = np.clip(values, *value_range).astype(np.float32)
    return samples


def psnr(
    original: NDArray[np.number],
    decoded: NDArray[np.number],
    value_range: tuple[float, float],
    weights_at: Callable[[NDArray[np.integer]], NDArray[np.floating] | None] | None = None,
) -> float:
    """Peak signal-to-noise ratio in dB of samples, over all points and channels.

    The peak is the width of the value range: 255 for 8-bit images, 65535 for 16-bit audio (which is audio scaled to
    [0, 1] with a peak of 1, as COIN++ and RECOMBINER report it).

    An identical signal has no finite PSNR, but figures and JSON need one. Its squared error is taken to be that of
    one single sample off by one half, which is finite and 6.02 dB above the best that a non-identical signal of the
    same size can reach. For real samples, one half stands for half of the last place of a float32 at the peak.

    Args:
        original: Samples, `(*grid, channels)`; without weights any shape.
        decoded: Samples of the same shape.
        value_range: Smallest and largest sample, both inclusive.
        weights_at: How much the points with these numbers `(m,)` count, `(m,)`, with a mean of 1 over all points;
            None, or a function that returns None, if all points count the same.

    Raises:
        ValueError: The shapes differ.
    """
    if original.shape != decoded.shape:
        raise ValueError(f"original has shape {original.shape}, decoded {decoded.shape}")
    peak = value_range[1] - value_range[0]
    channels = original.shape[-1] if weights_at else 1
    block = max(1, _BLOCK // channels)  # points
    before, after = original.reshape(-1, channels), decoded.reshape(-1, channels)  # (*grid, c) -> (n, c)
    squared_error = 0.0
    for start in range(0, len(before), block):
        few = slice(start, min(start + block, len(before)))
        difference = np.subtract(before[few], after[few], dtype=np.float64)  # (m, c)
        weights = weights_at(np.arange(few.start, few.stop)) if weights_at else None
        weighted = difference if weights is None else difference * weights[:, np.newaxis]
        squared_error += float(np.vdot(weighted, difference))
    least = 0.25 if np.issubdtype(original.dtype, np.integer) else (peak * 2.0**-25) ** 2
    return 10 * math.log10(peak**2 * original.size / (squared_error or least))


def psnr_of_mean_mse(psnrs_db: Iterable[float]) -> float:
    """PSNR in dB of the mean squared error of several signals, from the PSNR of each.

    The other convention beside the mean of PSNRs, and never above it. The signals must share one value range; each
    counts the same, whatever its size.
    """
    errors = [10 ** (-value / 10) for value in psnrs_db]
    return -10 * math.log10(math.fsum(errors) / len(errors))


def ssim(original: NDArray[np.number], decoded: NDArray[np.number], value_range: tuple[float, float]) -> float:
    """Structural similarity of two images `(height, width, channels)`, mean over pixels and channels.

    Settings of Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004):
    Gaussian window with a deviation of 1.5 pixels, 11 x 11 wide, population covariance. For an image smaller than
    the window, the margin left out of the mean shrinks to what fits.
    """
    rows, columns, channels = original.shape
    shortest = min(rows, columns)
    window = min(_SSIM_WINDOW, shortest - 1 + shortest % 2)
    inner = rows - window + 1  # rows around which the window lies within the image
    strip = max(1, _BLOCK // (columns * channels)) if window == _SSIM_WINDOW else inner
    total = 0.0
    for start in range(0, inner, strip):
        stop = min(start + strip, inner)
        few = slice(start, stop + window - 1)
        total += (stop - start) / inner * _ssim(original[few], decoded[few], window, value_range)
    return total


def _ssim(
    original: NDArray[np.number], decoded: NDArray[np.number], window: int, value_range: tuple[float, float]
) -> float:
    """Of a strip, over the pixels around which the window lies within it."""
    from skimage.metrics import structural_similarity  # takes half a second to import

    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            original.astype(np.float32),  # its own choice, 64 bits, takes 1.6 times as long for the same four decimals
            decoded.astype(np.float32),
            win_size=window,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            data_range=value_range[1] - value_range[0],
        )
    )
