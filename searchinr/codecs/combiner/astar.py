"""A* coding of a sample from a posterior by the number of a candidate of the prior (COMBINER, appendix A).

Everything is in units of the prior: it is N(0, 1) in each of the D dimensions of a block.

Notation used for tensor shapes: B signals, N candidates, D dimensions.
"""

import numpy as np
import torch
from torch import Tensor


def log_weights(samples: Tensor, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """Logarithms of q(sample) / p(sample), up to a constant for each signal, `(N, B)`.

    Args:
        samples: Candidates, `(N, D)`.
        mean: The means of the posteriors q, `(B, D)`.
        log_deviation: The logarithms of their standard deviations, `(B, D)`.
    """
    precision = torch.exp(-2 * log_deviation)
    return samples.square() @ (0.5 - 0.5 * precision).T + samples @ (mean * precision).T


def arrivals(count: int, rng: np.random.Generator) -> Tensor:
    """Gumbel variables, each truncated at the one before, `(count,)`, by which A* coding perturbs log weights.

    The negated logarithms of the arrival times of a Poisson process have this distribution.
    """
    return torch.from_numpy(-np.log(np.cumsum(rng.standard_exponential(count)))).float()


def astar_index(samples: Tensor, mean: Tensor, log_deviation: Tensor, rng: np.random.Generator) -> Tensor:
    """The candidate that A* coding chooses for each signal, `(B,)`, int64; see `log_weights`.

    It is approximately a sample of q. The approximation is the better, the more bits an index has beyond the KL
    divergence of q from p.
    """
    perturbed = log_weights(samples, mean, log_deviation) + arrivals(len(samples), rng).to(samples).unsqueeze(1)
    return perturbed.argmax(0)


def likely_indices(samples: Tensor, mean: Tensor, log_deviation: Tensor, count: int) -> Tensor:
    """The candidates of the largest weights, `(B, count)`, int64; see `log_weights`."""
    return log_weights(samples, mean, log_deviation).topk(count, dim=0).indices.T
