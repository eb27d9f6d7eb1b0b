"""Codec `once_for_all`: one network per signal that holds smaller ones, in one file that can be cut.

A subnet of depth d and width w takes the first d layers and the first w channels of one supernet theta (Cai et al.
2020, arXiv 1908.09791, equation 1; for neural images ANI, section 4). All of them are trained at once:

    min over theta of the sum over (d, w) of L( subnet(theta, d, w) )

where L is the loss of codec `mlp`. A step takes the widest width, the narrowest and one that is drawn, each at all
depths (the sandwich rule, Yu and Huang 2019, arXiv 1903.05134, section 3); see `fitting.supernet`.

What a size adds to the smaller ones is its shell. Each shell is quantised by itself and is a section of the file, so
that a file ends wherever the reader stops: what is left is the largest subnet all of whose shells are there.

    signal (*grid, c) -> points: x (n, d), y (B, n, c) / gain
      fit:    shells {name: (B, m)} -> tensors of the supernet -> all depths of three widths: (n, d) -> (B, n, c) each
      encode: shells of one signal -> symbols, steps -> header | section of (d_1, w_1) | section of (d_1, w_2) | ...
      decode: the first sections -> shells -> the largest subnet, or the one asked for -> values at any resolution
"""

from searchinr.codecs.once_for_all.codec import OnceForAllCodec
from searchinr.codecs.once_for_all.params import OnceForAllParams

__all__ = ["CODEC", "OnceForAllCodec", "OnceForAllParams"]

CODEC = OnceForAllCodec
