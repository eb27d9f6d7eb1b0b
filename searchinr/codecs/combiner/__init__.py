"""Codec `combiner`: Bayesian networks, coded by relative entropy (COMBINER, Guo et al. 2023, arXiv 2305.19185).

A signal is fitted by a distribution q over the weights of a network f, a Gaussian for each weight. It is to explain the
signal and to stay near a prior p that all signals share (equation 2):

    L = E_(w ~ q) [ 1/n sum_x |f(x | w) - y(x)|^2 ] + beta / n * KL(q | p) in bits

The prior is learned from other signals, by turns with their distributions (algorithm 1): it is the one that suits them
best (equation 5). Which of the weights go together in one of K blocks follows from it (section 3.3).

Nothing is quantised. Of each block one sample of q is coded by the number of a candidate that encoder and decoder draw
alike from p; its bits are the KL divergence (A* coding, appendix A). After each block the others are fitted anew around
what was drawn (equations 7 and 8):

    candidates w_1 ... w_65536 ~ p,    number = argmax_i of log q(w_i) / p(w_i) + G_i,    G_i truncated Gumbel variables

    training signals -> prior: mean (n_w,), deviation (n_w,), lengths of blocks (K,): the asset that files name
    signal (*grid, c) -> points: x (n, d), y (B, n, c) / gain
      fit:    mean, deviation (B, n_w) -> a sample -> f: (n, d) -> (B, n, c) -> L (B,)
      encode: block by block a number (B, K) -> hash of the prior | gain | K numbers of 2 bytes
      decode: numbers (K,) -> samples of the prior -> weights (n_w,) -> f at the points of any resolution
"""

from searchinr.codecs.combiner.codec import CombinerCodec
from searchinr.codecs.combiner.params import CombinerParams

__all__ = ["CODEC", "CombinerCodec", "CombinerParams"]

CODEC = CombinerCodec
