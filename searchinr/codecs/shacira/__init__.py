"""Codec `shacira`: hash grids of integers, in one file by level (SHACIRA, Girish et al. 2023, arXiv 2309.15848).

Integers Q, rounded from trained numbers (equations 4 and 6), become the features of L grids by a linear decoder d that
all grids share; a small network g makes values of the features at a point, interpolated in every grid (equations 1 to
3, 7 and 8):

    Q = round(Q'),    Z_l = d(Q_l) in R^(T_l x F),    y'(x) = g( concat_l interp(Z_l, x) ),    T_l = min(cells_l, T)

A fit minimises error and rate together (equation 9). The rate is the self-information of the integers (equation 5)
under distributions P that are trained beside them; `rate` says which take the place of the paper's:

    L = MSE(y', y) + lambda * bits / n,    bits = - sum_i log2 P(Q_i)

    signal (*grid, c) -> points: x (n, d), y (B, n, c) / gain
      fit:    latents (B, E, D) -> rounded -> @ decoder (B, D, F) -> table (B, E, F) -> at x (B, L F, n) -> (B, c, n)
      encode: network: symbols and steps | level 1: integers (E_1, D) with a model for each dimension | level 2: ...
      decode: network, the levels up to the one asked for (finer ones count as zeros) -> table -> values at x

E entries are those of all levels, E_l of one; D latent dimensions, F features. Every level is a section of the file.
"""

from searchinr.codecs.shacira.codec import ShaciraCodec
from searchinr.codecs.shacira.params import ShaciraParams

__all__ = ["CODEC", "ShaciraCodec", "ShaciraParams"]

CODEC = ShaciraCodec
