"""Shared random numbers: published vectors, and the same floats on every machine."""

import math
from statistics import NormalDist

import pytest
import torch
from field_cases import make_shape

from searchinr.codecs.fields.fourier import Fourier, FourierParams
from searchinr.codecs.fields.shared_random import NORMAL_GRID, random_bits, standard_normals


def splitmix64(n: int) -> int:
    """Output number `n` of SplitMix64 seeded with 0, in Python's own integers."""
    mask = 2**64 - 1
    z = (n + 1) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return z ^ z >> 31


def test_splitmix64_published_outputs() -> None:
    assert [splitmix64(n) for n in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize("n_bits", [1, 10, 16, 40, 63])
def test_random_bits_are_the_upper_bits_of_splitmix64(n_bits: int) -> None:
    counters = [*range(200), 2**31, 2**40 + 3]
    words = random_bits(torch.tensor(counters), n_bits).tolist()
    assert words == [splitmix64(n) >> (64 - n_bits) for n in counters]


def test_normals_are_normal_and_prefixes_agree() -> None:
    normals = standard_normals(20_000)
    assert abs(float(normals.mean())) < 5 / math.sqrt(20_000)
    assert float(normals.std()) == pytest.approx(1, abs=0.03)
    assert float((normals.abs() < 1).float().mean()) == pytest.approx(0.6827, abs=0.02)
    assert torch.equal(standard_normals(77), normals[:77])


def test_rounding_errors_of_the_quantile_function_cannot_show() -> None:
    inverse = NormalDist().inv_cdf
    for word in range(2**15, 2**16):
        multiple = inverse((word + 0.5) / 2**16) / NORMAL_GRID
        assert abs(multiple % 1 - 0.5) > 1e-6  # double precision errs by about 1e-11 here


def test_fourier_matrix_test_vector() -> None:
    """Files depend on these values: they may never change."""
    frequencies = Fourier(make_shape(d_in=2), FourierParams(features=256, sigma=10)).frequencies
    assert frequencies.shape == (2, 256) and frequencies.dtype == torch.float32
    multiples = frequencies * 4096 / 10
    assert torch.equal(multiples, multiples.round())
    assert multiples[:, :4].T.int().tolist() == [[4881, -707], [-7930, 7757], [-5104, -1832], [-3846, 3047]]
    assert abs(float(frequencies.mean())) < 5 * 10 / math.sqrt(512)
    assert float(frequencies.std()) == pytest.approx(10, rel=0.1)
    fewer = Fourier(make_shape(d_in=2), FourierParams(features=7, sigma=10)).frequencies
    assert torch.equal(fewer, frequencies[:, :7])
