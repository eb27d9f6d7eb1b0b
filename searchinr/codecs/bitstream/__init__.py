"""How symbols become bytes: the `.inr` container, the range coder, and the probability models.

container       magic, version, codec, layout of the signal | body | check sum
sections        the body of a file that can be cut
coded_tensors   the weights of one signal: steps, offsets and code books, and their symbols
range_coder     one stream for many arrays of symbols, each of which goes along a walk
walk            in which order, by which tables, and what these may depend on
models          walks through one array by one distribution, or by counts that learn

tensors -> arrays of symbols (n,) -> walk: blocks of (m,) with tables (K, count) -> range coder -> bytes
"""
