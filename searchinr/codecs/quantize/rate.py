"""A differentiable estimate of the bits of symbols for training, close to what the coder will need."""

import math

import torch
from torch import Tensor

_LEAST_MEAN = 1e-3  # with a smaller mean every symbol is zero, and the formula loses precision


def laplace_bits(numbers: Tensor) -> Tensor:
    """The ideal code length of integers under the discrete Laplace model that fits them best.

    The model is p(k) = (1 - q) / (1 + q) * q**|k|. If the integers have a mean magnitude of a, the likelihood is
    highest at q = (sqrt(1 + a**2) - 1) / a, and an integer takes -log2((1 - q) / (1 + q)) - a * log2(q) bits on
    average. The derivative by a is -log2(q): training pulls each weight towards zero by what a step costs in bits.

    Args:
        numbers: `(B, n)`: integers, or real numbers on the same scale.

    Returns:
        `(B,)`, bits.
    """
    mean = numbers.abs().mean(-1).clamp_min(_LEAST_MEAN)  # (B,)
    q = (torch.sqrt(1 + mean**2) - 1) / mean
    each = (torch.log1p(q) - torch.log1p(-q) - mean * torch.log(q)) / math.log(2)
    return each * numbers.shape[-1]
