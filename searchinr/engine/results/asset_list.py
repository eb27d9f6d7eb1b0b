"""The assets of a run: which were built, how large they are, and how many points need them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.store.asset_files import ASSET_SUFFIX, asset_name, read_asset
from searchinr.errors import UserError
from searchinr.search.lines import AssetBuilt, Point


def list_assets(run: OpenedRun) -> list[dict[str, Any]]:
    """Makes a row for each asset on record, in the order in which they were built.

    `points` is the number of operating points whose files name the asset. `cached` tells whether the run took the asset
    from the cache instead of building it; its cost is then that of the run that built it.
    """
    needing = [line.decodes_with for line in run.lines if isinstance(line, Point)]
    return [
        {
            **{key: getattr(line, key) for key in ("name", "sha256", "dataset", "seed", "bytes", "label", "cached")},
            "codec": line.config.codec,
            "params": line.config.params,
            "cost": asdict(line.cost),
            "points": needing.count(line.label),
        }
        for line in run.lines
        if isinstance(line, AssetBuilt)
    ]


def find_in(run: OpenedRun, sha256: str) -> Path:
    """Finds the file of an asset that decoding needs, by the beginning of its hash.

    Raises:
        UserError: The run has no such asset, or several of them.
    """
    labels = [row["label"] for row in list_assets(run) if row["sha256"].startswith(sha256.lower())]
    paths = {path for path in (run.folder.kept_assets / asset_name(label) for label in labels) if path.is_file()}
    if len(paths) != 1:
        found = f"{len(paths)} assets have such a hash" if paths else "no asset that decoding needs has such a hash"
        raise UserError(f"{run.folder.path}: {sha256}: {found}; `searchinr asset list {run.folder.path}` lists them")
    return paths.pop()


def show_asset(path: Path) -> dict[str, Any]:
    """Describes an asset's file: `codec`, `name`, `sha256`, `bytes`, `needed_to_decode`, `params`, `tensors`.

    Raises:
        UserError: There is no such file, or it is not an asset.
    """
    if path.suffix != ASSET_SUFFIX:
        raise UserError(f"{path}: suffix {path.suffix!r} found; allowed is {ASSET_SUFFIX}")
    stored = read_asset(path)
    spec = stored.asset.spec
    return {
        "file": str(path),
        "codec": stored.codec,
        "name": spec.name,
        "sha256": stored.asset.sha256,
        "bytes": path.stat().st_size,
        "needed_to_decode": spec.needed_to_decode,
        "params": spec.params,
        "tensors": {
            name: f"{tensor.dtype} {tuple(tensor.shape)}".removeprefix("torch.")
            for name, tensor in stored.asset.tensors.items()
        },
    }
