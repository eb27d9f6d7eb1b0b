"""Which weights make a block: chosen greedily by the bits that each is expected to cost (COMBINER, section 3.3).

Weights are taken in an order that encoder and decoder share (`samples.shared_order`). So the lengths of the blocks say
all about a partition.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from searchinr.codecs.combiner.samples import INDEX_BITS, MAX_DIMENSIONS


def partition(expected_bits: Iterable[float]) -> list[int]:
    """Lengths of the blocks, by next-fit: a block is full when the next weight would take it beyond an index's bits.

    Args:
        expected_bits: KL divergence of each weight's posterior from the prior, mean over training signals, in order.
    """
    lengths, bits = [0], 0.0
    for cost in expected_bits:
        if lengths[-1] and (bits + cost > INDEX_BITS or lengths[-1] == MAX_DIMENSIONS):
            lengths.append(0)
            bits = 0.0
        lengths[-1] += 1
        bits += cost
    return lengths


def places(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The block of each weight and its dimension there, two tensors `(n,)`, from blocks' lengths `(K,)`, int64."""
    block = torch.repeat_interleave(torch.arange(len(lengths)), lengths)  # (n,)
    starts = lengths.cumsum(0) - lengths  # (K,)
    return block, torch.arange(len(block)) - starts[block]
