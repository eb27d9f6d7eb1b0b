"""Products of matrices as if every signal of a batch were alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_PRODUCTS = {torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__}


class SignalBySignal(TorchFunctionMode):
    """Takes batches of matrix products apart, forward and backward, while it is entered.

    Whether a library for linear algebra rounds a product in a batch as it rounds it alone is up to the library and to
    the processor. Under this mode it cannot make a difference, so whatever differs is ours.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        factors = args[1:3] if func is torch.baddbmm else args
        in_batch = (func is torch.baddbmm or func in _PRODUCTS) and all(factor.dim() == 3 for factor in factors)
        if not in_batch or len(factors[0]) == 1:
            return func(*args, **(kwargs or {}))
        signals = len(factors[0])
        each = zip(*(part.expand(signals, *part.shape[1:]).split(1) for part in args), strict=True)
        return torch.cat([func(*parts) for parts in each])
