"""The probability models of integer symbols, and the bytes that name them.

    code 0-119      Laplace, by scale              `shape.py`
    code 120-239    Gaussian, by scale             `shape.py`
    code 240        flat                           `shape.py`
    code 241        a table of counts follows      `histogram.py`
    code 242-246    learnt while decoding          `adaptive.py`
    code 247        two Laplaces, for latents      `mixture.py`

All tables are integers, or ratios of integers to their exact sum, so that another machine decodes the same symbols.
"""
