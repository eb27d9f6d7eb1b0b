"""Codec `mlp`: each signal becomes a network of its coordinates, whose quantised weights are the file.

The network maps a point x to its value (ANI, Conde et al. 2024, equations 1 and 2; COIN, arXiv 2103.03123):

    phi(x) = W_n (s_(n-1) o ... o s_0)(x) + b_n,    s_i(h) = alpha(W_i h + b_i)

Every signal k is fitted by itself; a batch of B signals only shares the work. What is minimised, over points x of a
signal y with n points, is by default the logarithm of its error, whose gradient is as large for good fits as for bad:

    L_k = log( 1/n sum_x |phi_k(x) - y_k(x)|^2 )    or the mean itself    [+ lambda * bits / n, where steps learn]

Weights become integers on a grid of steps (LSQ, arXiv 1902.08153, equations 1 and 2; ANI, equation 3), either after the
training or, with a quantiser that learns, in its last part, with gradients passed straight through the rounding:

    q = round( clip(w / s, Q_min, Q_max) ),    w' = q s        (with offsets (q + o/16) s, with a code book book[q] s)

    signal (*grid, c) -> points: x (n, d), y (B, n, c) / gain
      fit:    weights {name: (B, *shape)} -> phi: (n, d) -> (B, n, c) -> L (B,)
      encode: weights of one signal -> q (n_w,), steps (groups,) -> a model for each tensor -> range coder -> bytes
      decode: bytes -> q, steps -> weights -> phi at the points of any resolution, a tile at a time -> samples
"""

from searchinr.codecs.mlp.codec import MlpCodec
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.network_params import MAX_DEPTH, MAX_WIDTH

__all__ = ["CODEC", "MAX_DEPTH", "MAX_WIDTH", "MlpCodec", "MlpParams"]

CODEC = MlpCodec
