"""What decides whether two assets are the same one, and with which seed an asset is built."""

from searchinr.codecs.contract import AssetSpec
from searchinr.space import json_hash
from searchinr.trial import base_spec


def asset_id(codec: str, spec: AssetSpec, content: str, fit_seed: int) -> str:
    """The name of an asset in run folders and caches: what it is, and a hash of everything that it is built from.

    `content` is the hash of the signals that it is built from (`Dataset.key`). The seed of the fits that need it counts
    only where the asset is one `per_seed`.
    """
    return f"{spec.name}-{_key(codec, spec, content, fit_seed)[:16]}"


def building_seed(asset: str, spec: AssetSpec, fit_seed: int) -> int:
    """The seed with which an asset is built: that of the fits, or, where fits of all seeds share it, one from its hash.

    So a search that is run again builds the same asset, whatever its own seed is. `asset` is its `asset_id`.
    """
    return fit_seed if spec.per_seed else int(asset[-8:], 16) & 0x7FFF_FFFF


def _key(codec: str, spec: AssetSpec, content: str, fit_seed: int) -> str:
    base = base_spec(codec, spec)
    return json_hash(
        [
            codec,
            spec.name,
            spec.version,
            spec.params,
            content,
            fit_seed if spec.per_seed else None,
            None if base is None else _key(codec, base, content, fit_seed),
        ]
    )
