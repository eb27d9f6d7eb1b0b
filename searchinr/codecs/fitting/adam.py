"""Adam (Kingma and Ba, ICLR 2015) over named weights, with a state that goes into a checkpoint."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

_EPS = 1e-12  # gradients of log MSE are small where the error is large compared with the weights' influence
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Adam:
    """Weights that are being trained.

    Attributes:
        weights: Leaves of the graph, `{name: tensor}`.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], device: torch.device, lr_factors: Mapping[str, float] | None = None
    ) -> None:
        """Copies of these weights, on the device, with nothing learnt yet.

        Args:
            weights: Initial ones.
            device: Where to train.
            lr_factors: By what the learning rate of some of them is multiplied.
        """
        factors = lr_factors or {}
        self._factors = {name: factors.get(name, 1.0) for name in weights}
        self.weights = {
            name: w.detach().to(device).clone().contiguous().requires_grad_() for name, w in weights.items()
        }
        # Not torch.optim.Adam, which imports the whole of torch.compile first: a second in every worker.
        self._moments = {
            "step": {name: torch.zeros((), device=device) for name in self.weights},
            "exp_avg": {name: torch.zeros_like(w, requires_grad=False) for name, w in self.weights.items()},
            "exp_avg_sq": {name: torch.zeros_like(w, requires_grad=False) for name, w in self.weights.items()},
        }

    def forget_gradients(self) -> None:
        """To be called before a step's backward passes."""
        for weight in self.weights.values():
            weight.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """A step of the weights that have a gradient."""
        for factor in dict.fromkeys(self._factors.values()):
            self._step(lr * factor, [name for name, each in self._factors.items() if each == factor])

    def _step(self, lr: float, names: Sequence[str]) -> None:
        weights = {name: self.weights[name] for name in names}
        gradients = {name: w.grad for name, w in weights.items() if w.grad is not None}
        step, exp_avg, exp_avg_sq = ([self._moments[moment][name] for name in gradients] for moment in _MOMENTS)
        adam(
            [self.weights[name] for name in gradients],
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
        """Goes on as `other` would with the weights that both have."""
        for moment, of in self._moments.items():
            for name in of.keys() & other.weights.keys():
                of[name].copy_(other._moments[moment][name])

    def is_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        return all(bool(w.isfinite().all()) for w in self.weights.values())

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, as flat tensors on the CPU."""
        flat = {f"weight.{name}": weight.detach().cpu().clone() for name, weight in self.weights.items()}
        for moment, of in self._moments.items():
            flat.update({f"{moment}.{name}": value.cpu().clone() for name, value in of.items()})
        return flat

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continues from what `state` returned."""
        for name, weight in self.weights.items():
            weight.copy_(state[f"weight.{name}"])
            for moment, of in self._moments.items():
                of[name].copy_(state[f"{moment}.{name}"])
