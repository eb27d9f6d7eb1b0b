"""Mean-field Gaussian posteriors of B vectors of n numbers, trained together by drawing one sample in each step.

One sample of the weights is cheaper than local reparametrisation, which needs a second product in every layer.
"""

import math

from torch import Tensor

from searchinr.codecs.fitting.adam import Adam

NATS_PER_BIT = math.log(2)

_MEAN, _LOG_DEVIATION = "mean", "log_deviation"


class Gaussians:
    """The posteriors.

    Attributes:
        adam: The optimiser, which trains `mean` and `log_deviation`.
    """

    def __init__(self, mean: Tensor, log_deviation: Tensor) -> None:
        """Posteriors at their start, `(B, n)` each, on the device where they are trained."""
        self.adam = Adam({_MEAN: mean, _LOG_DEVIATION: log_deviation}, mean.device)

    @property
    def mean(self) -> Tensor:
        """Means, `(B, n)`."""
        return self.adam.weights[_MEAN].detach()

    @property
    def log_deviation(self) -> Tensor:
        """Logarithms of the standard deviations, `(B, n)`."""
        return self.adam.weights[_LOG_DEVIATION].detach()

    def sample(self, noise: Tensor) -> Tensor:
        """Mean + deviation * noise, `(B, n)`, for noise that broadcasts."""
        return self.mean + self.log_deviation.exp() * noise

    def bits(self, prior_mean: Tensor | float = 0.0, prior_deviation: Tensor | float = 1.0) -> Tensor:
        """KL divergence from N(prior_mean, prior_deviation**2), in bits, `(B, n)`."""
        ratio = self.log_deviation.exp() / prior_deviation
        distance = (self.mean - prior_mean) / prior_deviation
        return (0.5 * (ratio.square() + distance.square() - 1) - ratio.log()) / NATS_PER_BIT

    def step(
        self,
        lr: float,
        gradient: Tensor,
        noise: Tensor,
        bit_weight: Tensor | float,
        prior_mean: Tensor | float = 0.0,
        prior_deviation: Tensor | float = 1.0,
        free: Tensor | float = 1.0,
    ) -> None:
        """One step of Adam on the sum of the signals' losses: distortion + bit_weight * bits.

        Args:
            lr: Learning rate.
            gradient: The gradient of the distortions with respect to what `sample` returned, `(B, n)`.
            noise: What was given to `sample`.
            bit_weight: What a bit of each number adds to the loss; broadcasts to `(B, n)`.
            prior_mean: See `bits`.
            prior_deviation: See `bits`.
            free: 1 where numbers are trained, 0 where they are settled.
        """
        deviation = self.log_deviation.exp()
        nat_weight = bit_weight / NATS_PER_BIT
        to_mean = (self.mean - prior_mean) / prior_deviation**2
        to_deviation = (deviation / prior_deviation) ** 2 - 1
        self.adam.forget_gradients()
        self.adam.weights[_MEAN].grad = free * (gradient + nat_weight * to_mean)
        self.adam.weights[_LOG_DEVIATION].grad = free * (gradient * deviation * noise + nat_weight * to_deviation)
        self.adam.step(lr)
