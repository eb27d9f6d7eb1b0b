"""What a worker can be asked for beside a fit: the building of an asset."""

from dataclasses import dataclass

from searchinr.codecs.contract import AssetSpec
from searchinr.search.lines import AssetWork
from searchinr.search.search import Job


@dataclass(frozen=True, kw_only=True)
class AssetJob(AssetWork):
    """The building of an asset.

    Attributes:
        per_seed: See `AssetSpec`.
        version: See `AssetSpec`.
    """

    per_seed: bool = False
    version: int = 1

    @property
    def spec(self) -> AssetSpec:
        """What to build."""
        return AssetSpec(self.name, self.config.params, self.needed_to_decode, self.per_seed, self.version)


AnyJob = Job | AssetJob
"""What a worker can be asked for."""
