"""Affine maps batched over signals."""

import torch
from torch import Tensor


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One affine map per signal.

    Args:
        inputs: `(n, d)` shared by all signals (not copied for each), or `(B, n, d)`.
        weight: `(B, d, w)`.
        bias: `(B, w)`.

    Returns:
        `(B, n, w)`.
    """
    inputs = inputs.expand(len(weight), -1, -1)  # (B, n, d)
    if weight.shape[-1] == 1 and len(weight) > 1:
        # MKL multiplies a single matrix by a single vector with another kernel than a batch of them, and the two add
        # up in different orders. Products of matrices round alike in both, but for a few shapes.
        each = zip(*(torch.split(part, 1) for part in (bias.unsqueeze(1), inputs, weight)), strict=True)
        return torch.cat([torch.baddbmm(*parts) for parts in each])
    return torch.baddbmm(bias.unsqueeze(1), inputs, weight)
