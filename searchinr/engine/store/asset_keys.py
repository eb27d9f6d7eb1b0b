"""What decides whether two assets are the same one, and with which seed an asset is built."""

from searchinr.codecs.contract import AssetSpec
from searchinr.space import json_hash
from searchinr.trial import base_spec


def asset_key(codec: str, spec: AssetSpec, content: str, fit_seed: int) -> str:
    """A hash, in hex, of everything that an asset is built from; equal keys stand for the same asset.

    Args:
        codec: Name of the codec.
        spec: What is built.
        content: Hash of the signals that it is built from (`Dataset.key`).
        fit_seed: Seed of the fits that need it. It counts only where the asset is one `per_seed`.
    """
    base = base_spec(codec, spec)
    return json_hash(
        [
            codec,
            spec.name,
            spec.version,
            spec.params,
            content,
            fit_seed if spec.per_seed else None,
            None if base is None else asset_key(codec, base, content, fit_seed),
        ]
    )


def building_seed(key: str, spec: AssetSpec, fit_seed: int) -> int:
    """The seed with which an asset is built: that of the fits, or, where fits of all seeds share it, one from its key.

    So a search that is run again builds the same asset, whatever its own seed is.
    """
    return fit_seed if spec.per_seed else int(key[:8], 16) & 0x7FFF_FFFF
