"""Adam (Kingma and Ba, ICLR 2015) for named weights, with a state that can be put into a checkpoint."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.optim.adam import adam

from searchinr.codecs.fitting.nesting import nested, part_of

_EPS = 1e-12  # so small because gradients of log MSE are small if the error is large beside the weights' influence
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_LANES = 16
"""Number of floats in the widest vector registers."""


def _padded(tensor: Tensor) -> Tensor:
    """A tensor as a row, `(P,)`, that is padded with zeros to a whole number of vector registers.

    PyTorch's Adam computes numbers that do not fill a register at the end of a row in double precision, and all others
    in single precision. Without padding, it would depend on the number of signals which weights these are.
    """
    return pad(tensor.flatten(), (0, -tensor.numel() % _LANES))


class Adam:
    """The optimiser and the weights that it trains.

    Attributes:
        weights: The weights, which are leaves of the autograd graph, `{name: tensor}`.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], device: torch.device, lr_factors: Mapping[str, float] | None = None
    ) -> None:
        """Copies the weights to the device on which they are trained; the moments start at zero.

        `lr_factors` names the weights whose learning rate is multiplied by a factor other than 1.
        """
        factors = lr_factors or {}
        self._factors = {name: factors.get(name, 1.0) for name in weights}
        self._flat = {name: _padded(w.detach().to(device)) for name, w in weights.items()}
        self._shapes = {name: w.shape for name, w in weights.items()}
        self.weights = {name: self._whole(name, flat).requires_grad_() for name, flat in self._flat.items()}
        # torch.optim.Adam is not used, since it imports all of torch.compile, which takes a second in every worker.
        self._moments = {
            "step": {name: torch.zeros((), device=device) for name in self._flat},
            "exp_avg": {name: torch.zeros_like(flat) for name, flat in self._flat.items()},
            "exp_avg_sq": {name: torch.zeros_like(flat) for name, flat in self._flat.items()},
        }

    def _whole(self, name: str, flat: Tensor) -> Tensor:
        """Undoes the padding of a tensor and gives it the shape of its weight; a step number is left as it is."""
        return flat[: self._shapes[name].numel()].view(self._shapes[name]) if flat.dim() else flat

    def forget_gradients(self) -> None:
        """Removes all gradients; to be called before the backward passes of a step."""
        for weight in self.weights.values():
            weight.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Takes a step with the weights that have a gradient."""
        for factor in dict.fromkeys(self._factors.values()):
            self._step(lr * factor, [name for name, each in self._factors.items() if each == factor])

    def _step(self, lr: float, names: Sequence[str]) -> None:
        weights = {name: self.weights[name] for name in names}
        gradients = {name: _padded(w.grad) for name, w in weights.items() if w.grad is not None}
        step, exp_avg, exp_avg_sq = ([self._moments[moment][name] for name in gradients] for moment in _MOMENTS)
        adam(
            [self._flat[name] for name in gradients],
            list(gradients.values()),
            exp_avg,
            exp_avg_sq,
            max_exp_avg_sqs=[],
            state_steps=step,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=lr,
            weight_decay=0.0,
            eps=_EPS,
            maximize=False,
        )

    def take_moments(self, other: "Adam") -> None:
        """Takes over the moments of `other` for the weights that both have."""
        for moment, of in self._moments.items():
            for name in of.keys() & other.weights.keys():
                of[name].copy_(other._moments[moment][name])

    def is_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        return all(bool(w.isfinite().all()) for w in self.weights.values())

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, as flat tensors on the CPU."""
        flat: dict[str, Tensor] = {}
        for part, tensors in self._parts.items():
            flat |= nested(part, {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()})
        return flat

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continues from what `state` returned."""
        for part, tensors in self._parts.items():
            found = part_of(state, part)
            for name, tensor in tensors.items():
                tensor.copy_(found[name])

    @property
    def _parts(self) -> dict[str, Mapping[str, Tensor]]:
        """The weights and each kind of moments, by the name of their part in a checkpoint."""
        moments = {
            moment: {name: self._whole(name, value) for name, value in of.items()}
            for moment, of in self._moments.items()
        }
        return {"weight": self.weights, **moments}
