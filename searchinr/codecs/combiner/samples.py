"""The samples of the prior that encoder and decoder share: candidates of every block, the same on every machine.

A sample is a function of (seed, block, candidate, dimension). These four make one integer, SplitMix64 turns it into 16
bits, and a table turns the bits into a quantile of the standard normal distribution, in whole numbers of 1/4096. So
any candidate can be made without the others. No rounding error can change a sample: the floats behind the table are
far enough from a tie between two whole numbers on every machine, and the tests say how far.
"""

from functools import lru_cache
from statistics import NormalDist

import torch
from torch import Tensor

from searchinr.codecs.fields.shared_random import NORMAL_GRID, random_bits

SAMPLES_VERSION = 1
"""Changes whenever any sample does; assets name it."""

INDEX_BITS = 16
CANDIDATES = 2**INDEX_BITS
MAX_DIMENSIONS = 2**6
"""Of a block."""

MAX_BLOCKS = 2**20
MAX_SEED = 2**20

_QUANTILE_BITS = 16
_TILE = 2**16  # numbers made at a time: they stay in a core's cache


def block_samples(seed: int, block: int, dimensions: int, device: torch.device) -> Tensor:
    """All candidates of a block.

    Args:
        seed: 0 to `MAX_SEED` - 1.
        block: Number of the block, from 0.
        dimensions: Weights in it, at most `MAX_DIMENSIONS`.
        device: Where they are needed.

    Returns:
        `(CANDIDATES, dimensions)`, float32: whole numbers of 1/4096.
    """
    table, dimension = _table().to(device), torch.arange(dimensions, device=device)
    samples = torch.empty(CANDIDATES, dimensions, device=device)
    rows = CANDIDATES if device.type == "cuda" else _TILE // dimensions
    for candidate in torch.split(torch.arange(CANDIDATES, device=device).unsqueeze(1), rows):  # (rows, 1)
        words = _words(seed, torch.tensor(block, device=device), candidate, dimension)
        samples[int(candidate[0]) : int(candidate[0]) + len(candidate)] = table[words]
    return samples.mul_(NORMAL_GRID)


def chosen_samples(seed: int, block: Tensor, candidate: Tensor, dimension: Tensor) -> Tensor:
    """Single numbers out of what `block_samples` makes, `(n,)`, float32; the arguments are `(n,)`, int64."""
    multiples = [_quantile(word) for word in _words(seed, block, candidate, dimension).tolist()]
    return torch.tensor(multiples, dtype=torch.float32) * NORMAL_GRID


def shared_order(count: int) -> Tensor:
    """A permutation of `count` things that encoder and decoder share, `(count,)`, int64: position -> thing."""
    beyond = 1 << 62  # counters that no sample has
    return torch.argsort(random_bits(torch.arange(count) + beyond, 63), stable=True)


def _words(seed: int, block: Tensor, candidate: Tensor, dimension: Tensor) -> Tensor:
    """The numbers of the quantiles, for arguments that broadcast."""
    counter = ((seed * MAX_BLOCKS + block) * CANDIDATES + candidate) * MAX_DIMENSIONS + dimension
    return random_bits(counter, _QUANTILE_BITS)


@lru_cache
def _table() -> Tensor:
    """Every quantile, `(2**16,)`, float32."""
    return torch.tensor([_quantile(word) for word in range(2**_QUANTILE_BITS)], dtype=torch.float32)


def _quantile(word: int) -> int:
    """The quantile that a word names, in whole numbers of 1/4096."""
    return round(NormalDist().inv_cdf((word + 0.5) / 2**_QUANTILE_BITS) / NORMAL_GRID)
