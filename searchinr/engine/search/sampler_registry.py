"""The samplers by the name that a space file gives them."""

from searchinr.engine.search.gp import Gp
from searchinr.engine.search.grid_sampler import Grid
from searchinr.engine.search.nsga2 import Nsga2
from searchinr.engine.search.random_sampler import Random
from searchinr.engine.search.samplers import Sampler
from searchinr.engine.search.tpe import Tpe

SAMPLERS: dict[str, type[Sampler]] = {"tpe": Tpe, "gp": Gp, "nsga2": Nsga2, "random": Random, "grid": Grid}
"""Sampler classes by name."""
