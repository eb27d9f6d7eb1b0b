"""Where the files of a data set are: beside us, in the data folder, downloaded, or anywhere the user says."""

import glob
import os
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from searchinr.errors import UserError
from searchinr.signals.dataset_registry import REGISTRY, RegisteredDataset
from searchinr.signals.files import user_path
from searchinr.signals.registry import MODALITIES


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


def registered_files(dataset: RegisteredDataset, folder: Path) -> list[Path]:
    """The data set's files in `folder`, in its order.

    Raises:
        UserError: Some are missing, or the folder holds none.
    """
    if not dataset.files:
        return user_files(str(folder), dataset.modality)[1]
    missing = [name for name in dataset.files if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of the {len(dataset.files)} files of {dataset.name!r} are missing "
            f"(the first is {missing[0]}); add them, or give this folder as a path"
        )
    return [folder / name for name in dataset.files]


def user_files(path: str, modality: str | None) -> tuple[str, list[Path]]:
    """The files that a path stands for, and their modality.

    Args:
        path: A file, a folder (all files below it with a suffix of the modality) or a pattern with `*`, `?`, `**`.
        modality: Its name, or None to tell it by the suffixes.

    Returns:
        The modality's name, and the files sorted by path. Hidden files are left out.

    Raises:
        UserError: Nothing found, an unknown modality, or files of several modalities.
    """
    if modality is not None and modality not in MODALITIES:
        raise UserError(f"{path}: modality {modality!r} found; allowed are {', '.join(MODALITIES)}")
    place = user_path(path)
    if place.is_file() and modality is not None:
        return modality, [place]
    if place.is_file():
        candidates = [place]
    elif place.is_dir():
        below = sorted(p for p in place.rglob("*") if p.is_file())
        candidates = [p for p in below if not any(part.startswith(".") for part in p.relative_to(place).parts)]
    elif glob.has_magic(path):
        # Not Path.glob, which sees hidden files and for which a final ** stands for folders only.
        candidates = sorted(Path(p) for p in glob.glob(str(place), recursive=True) if Path(p).is_file())  # noqa: PTH207
    else:
        raise UserError(f"{path}: no such file or folder; check the path")
    modality_of = {suffix: m.name for m in MODALITIES.values() for suffix in m.suffixes if modality in (None, m.name)}
    files = [p for p in candidates if p.suffix.lower() in modality_of]
    if not files:
        allowed = " ".join(modality_of)
        raise UserError(f"{path}: {len(candidates)} files found, none with a known suffix; allowed are {allowed}")
    found = sorted({modality_of[p.suffix.lower()] for p in files})
    if len(found) > 1:
        raise UserError(f"{path}: files of several modalities found ({', '.join(found)}); give `modality`")
    return found[0], files
