"""The samples that encoder and decoder share: every machine must make these very numbers."""

import hashlib
from statistics import NormalDist

import numpy as np
import pytest
import torch

from searchinr.codecs.combiner.samples import (
    CANDIDATES,
    MAX_BLOCKS,
    MAX_DIMENSIONS,
    MAX_SEED,
    SAMPLES_VERSION,
    block_samples,
    chosen_samples,
    shared_order,
)

CPU = torch.device("cpu")
MASK = 2**64 - 1

VECTORS = (
    ((0, 0, 0, 0), 4881),
    ((0, 0, 0, 1), -707),
    ((0, 0, 1, 0), -3974),
    ((0, 1, 0, 0), -5240),
    ((1, 0, 0, 0), -116),
    ((3, 17, 65535, 4), 4972),
    ((1048575, 1048575, 65535, 63), -5933),
    ((12345, 678, 9012, 34), -3170),
)
"""(seed, block, candidate, dimension) -> number of 1/4096."""
BLOCK_SHA256 = "8ec3487806cd7ccc837ea142d6e7717fb7bad36bb2251efda2fc5625c249431b"
ORDER = [0, 6, 7, 4, 10, 11, 8, 3, 9, 1, 5, 2]


def by_definition(seed: int, block: int, candidate: int, dimension: int) -> int:
    """One sample in whole numbers of Python, from the published SplitMix64."""
    counter = ((seed * MAX_BLOCKS + block) * CANDIDATES + candidate) * MAX_DIMENSIONS + dimension
    z = (counter + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    word = (z ^ z >> 31) >> 48
    return round(NormalDist().inv_cdf((word + 0.5) / 65536) * 4096)


def test_version_1_makes_these_numbers() -> None:
    assert SAMPLES_VERSION == 1
    for place, expected in VECTORS:
        assert by_definition(*place) == expected
        seed, *rest = place
        assert float(chosen_samples(seed, *(torch.tensor([number]) for number in rest))) * 4096 == expected
    samples = block_samples(3, 17, 5, CPU)
    integers = (samples.numpy() * 4096).astype("<i4")
    assert (integers == samples.numpy() * 4096).all(), "they are whole"
    assert hashlib.sha256(integers.tobytes()).hexdigest() == BLOCK_SHA256
    assert shared_order(12).tolist() == ORDER


def test_a_row_alone_is_the_row_among_all() -> None:
    rng = np.random.default_rng(0)
    for seed, block, dimensions in ((0, 0, 1), (MAX_SEED - 1, MAX_BLOCKS - 1, MAX_DIMENSIONS), (5, 400, 7)):
        samples = block_samples(seed, block, dimensions, CPU)
        assert samples.shape == (CANDIDATES, dimensions)
        for candidate in (0, CANDIDATES - 1, *rng.integers(CANDIDATES, size=5).tolist()):
            dimension = torch.arange(dimensions)
            every = (torch.full_like(dimension, block), torch.full_like(dimension, candidate), dimension)
            assert torch.equal(chosen_samples(seed, *every), samples[candidate])
            assert int(samples[candidate, 0] * 4096) == by_definition(seed, block, candidate, 0)


def test_no_rounding_error_can_change_a_quantile() -> None:
    scaled = [NormalDist().inv_cdf((word + 0.5) / 65536) * 4096 for word in range(65536)]
    from_a_tie = min(abs(value - np.floor(value) - 0.5) for value in scaled)
    assert from_a_tie > 1e-7, "some ten thousand times the rounding errors of any library's quantile function"


def test_samples_are_normal_and_do_not_know_one_another() -> None:
    samples = block_samples(0, 0, 8, CPU).double()
    assert samples.mean(0).abs().max() < 0.02
    assert (samples.std(0) - 1).abs().max() < 0.02
    assert (torch.corrcoef(samples.T) - torch.eye(8)).abs().max() < 0.02
    others = torch.stack(
        [block_samples(seed, block, 1, CPU)[:, 0].double() for seed, block in ((0, 1), (1, 0), (0, 0))]
    )
    assert (torch.corrcoef(others) - torch.eye(3)).abs().max() < 0.02


def test_the_shared_order_is_a_permutation() -> None:
    assert sorted(shared_order(5000).tolist()) == list(range(5000))
    assert shared_order(1).tolist() == [0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same() -> None:
    gpu = torch.device("cuda")
    assert torch.equal(block_samples(3, 17, 5, gpu).cpu(), block_samples(3, 17, 5, CPU))
