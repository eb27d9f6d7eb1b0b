"""Affine maps batched over signals."""

import torch
from torch import Tensor


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Applies an affine map of its own to each signal.

    Args:
        inputs: `(n, d)`, shared by all signals and not copied for each of them, or `(B, n, d)`.
        weight: `(B, d, w)`.
        bias: `(B, w)`.

    Returns:
        `(B, n, w)`.
    """
    inputs = inputs.expand(len(weight), -1, -1)  # (B, n, d)
    if weight.shape[-1] == 1 and len(weight) > 1:
        # MKL uses one kernel for a single product of matrix and vector and another for a batch of them, and the two add
        # up in different orders. Products of two matrices round alike in both cases, except for a few shapes.
        each = zip(*(torch.split(part, 1) for part in (bias.unsqueeze(1), inputs, weight)), strict=True)
        return torch.cat([torch.baddbmm(*parts) for parts in each])
    return torch.baddbmm(bias.unsqueeze(1), inputs, weight)
