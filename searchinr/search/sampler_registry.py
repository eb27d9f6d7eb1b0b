"""The samplers by the name that a space file gives them."""

from searchinr.search.gp import Gp
from searchinr.search.grid_sampler import Grid
from searchinr.search.nsga2 import Nsga2
from searchinr.search.random_sampler import Random
from searchinr.search.samplers import Sampler
from searchinr.search.tpe import Tpe

SAMPLERS: dict[str, type[Sampler]] = {"tpe": Tpe, "gp": Gp, "nsga2": Nsga2, "random": Random, "grid": Grid}
"""Sampler classes by name."""
