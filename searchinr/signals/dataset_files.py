"""Where the files of a data set are: beside us, in the data folder, downloaded, or anywhere the user says."""

import hashlib
import os
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from searchinr.errors import UserError
from searchinr.signals.dataset_registry import REGISTRY, RegisteredDataset
from searchinr.signals.files import read_file
from searchinr.signals.user_files import UserFiles, user_files


def registered(name: str) -> RegisteredDataset:
    """The data set of this name.

    Raises:
        UserError: There is none; the message gives the nearest name.
    """
    if name not in REGISTRY:
        near = get_close_matches(name, REGISTRY, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"dataset {name!r}: unknown name; allowed are {', '.join(REGISTRY)}, or give a path{hint}")
    return REGISTRY[name]


def locate(dataset: RegisteredDataset, data_dir: Path | None) -> Path | None:
    """The folder that holds the data set now, or None.

    Looked for inside scikit-image (`photos`), then as `<data folder>/<modality>/<folder>`, then among the downloads.
    Where no data folder is given, it is the one named by the environment variable `SEARCHINR_DATA`, if any.
    """
    if dataset.bundled:
        package = find_spec("skimage")  # found without being imported
        assert package is not None and package.origin is not None, "scikit-image is a dependency"
        return Path(package.origin).parent / "data"
    if data_dir is None and os.environ.get("SEARCHINR_DATA"):
        data_dir = Path(os.environ["SEARCHINR_DATA"])
    if data_dir is not None and (data_dir / dataset.modality / dataset.folder).is_dir():
        return data_dir / dataset.modality / dataset.folder
    downloads = download_folder(dataset)
    complete = dataset.remote and all((downloads / name).is_file() for name in dataset.remote)
    return downloads if complete else None


def download_folder(dataset: RegisteredDataset) -> Path:
    """Where downloads are kept: the user's cache folder (`XDG_CACHE_HOME` on Linux)."""
    import pooch  # imports requests, which takes a while

    return Path(pooch.os_cache("searchinr")) / dataset.modality / dataset.folder


def download(dataset: RegisteredDataset, folder: Path) -> None:
    """Downloads what is missing in `folder` and checks the SHA-256 of every file.

    Raises:
        UserError: It cannot be downloaded, or a file is not the expected one; the message says how else to get it.
    """
    import pooch

    remedy = f"put its files into <data folder>/{dataset.modality}/{dataset.folder} and name that folder by --data"
    if not dataset.remote:
        raise UserError(f"dataset {dataset.name!r}: not found, and it cannot be downloaded; {remedy}")
    pooch.get_logger().setLevel("WARNING")
    for name, remote in dataset.remote.items():
        try:
            pooch.retrieve(remote.url, known_hash=f"sha256:{remote.sha256}", fname=name, path=folder)
        except ValueError:
            raise UserError(
                f"dataset {dataset.name!r}: {remote.url} is not the expected file (its SHA-256 differs); {remedy}"
            ) from None
        except OSError as error:  # also every failure of the network
            raise UserError(
                f"dataset {dataset.name!r}: {remote.url} cannot be downloaded ({type(error).__name__}); {remedy}"
            ) from None


def registered_files(dataset: RegisteredDataset, folder: Path) -> UserFiles:
    """The data set's files in `folder`, in its order, whose check sums are those in the registry if it has any.

    Raises:
        UserError: Some are missing, or are other files of these names; or the folder holds none.
    """
    if not dataset.sha256:
        return user_files(str(folder), dataset.modality)
    paths = [folder / name for name in dataset.sha256]
    remedy = "or give this folder as a path"
    if missing := [path.name for path in paths if not path.is_file()]:
        raise UserError(
            f"{folder}: {len(missing)} of the {len(paths)} files of {dataset.name!r} are missing "
            f"(the first is {missing[0]}); add them, {remedy}"
        )
    if other := [name for name, sha256 in dataset.sha256.items() if _sha256_of(folder / name) != sha256]:
        raise UserError(
            f"{folder}: {len(other)} of the {len(paths)} files are not those of {dataset.name!r} (the SHA-256 of "
            f"{other[0]} is another one); get these, {remedy}: published figures are of other signals"
        )
    return UserFiles(dataset.modality, paths)


def _sha256_of(path: Path) -> str:
    found = path.stat()
    return _sha256(path, found.st_size, found.st_mtime_ns)


@cache
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """The check sum of a file, which is read again only if its size or its time is another one."""
    return hashlib.sha256(read_file(path)).hexdigest()
