"""Grid search."""

from collections.abc import Iterator
from itertools import islice

from searchinr.errors import UserError
from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.samplers import History, Sampler
from searchinr.space import Range


class Grid(Sampler):
    """Tries every combination of the choices in the order of the space file; the last key changes fastest."""

    def __init__(self, configs: ConfigSpace, seed: int) -> None:
        """A grid over a finite space.

        Raises:
            UserError: A parameter has a range.
        """
        super().__init__(configs, seed)
        for codec, domains in configs.codecs.items():
            for key, domain in domains.items():
                if isinstance(domain, Range):
                    raise UserError(
                        f"codecs.{codec}.{key}: a grid cannot search the range {domain.low:g} to {domain.high:g}; "
                        "give a choice of values, or another search.sampler (tpe, gp, nsga2 or random)"
                    )

    def proposals(self, history: History) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        # Earlier trials were taken in this same order, so the first `history.number` combinations have been tried.
        for codec, params in islice(self._configs.enumerate(), history.number, None):
            yield self._configs.canonical(codec, params)
