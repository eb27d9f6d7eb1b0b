"""What a worker can be asked for beside a fit: the building of an asset."""

from dataclasses import dataclass

from searchinr.codecs.contract import AssetSpec
from searchinr.space import Value


@dataclass(frozen=True)
class AssetJob:
    """The building of an asset.

    Attributes:
        asset: Its name in the run: what it is, and a hash of all that it depends on.
        name: What it is, in a word.
        dataset: Label of the dataset.
        built_from: What the signals are called that it is built from: as the dataset, or `training_name` of others.
        codec: Name of the codec.
        params: The codec's parameters that it depends on, flat.
        needed_to_decode: See `AssetSpec`.
        per_seed: See `AssetSpec`.
        version: See `AssetSpec`.
        seed: Seed of its building, see `asset_keys.building_seed`.
        confirms: Whether those fits confirm points on the front.
    """

    asset: str
    name: str
    dataset: str
    built_from: str
    codec: str
    params: dict[str, Value]
    needed_to_decode: bool
    per_seed: bool
    version: int
    seed: int
    confirms: bool

    @property
    def spec(self) -> AssetSpec:
        """What to build."""
        return AssetSpec(self.name, self.params, self.needed_to_decode, self.per_seed, self.version)
