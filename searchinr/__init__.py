"""searchinr: distributed search for neural compression.

A codec of coordinate networks, and a search for the one that suits your signals best:

    import searchinr

    data = searchinr.encode("photo.png")               # the bytes of an .inr file; also of an array
    pixels = searchinr.decode(data)                    # an array again
    searchinr.inspect(data)["rate"]                    # bits per pixel, of the complete file

    run = searchinr.search("spaces/quickstart.yaml")   # the same as `searchinr run spaces/quickstart.yaml`
    run.front()                                        # a pandas frame: the best rates and PSNRs that were found
    data = searchinr.encode("photo.png", run.best(max_rate=1.0))

Nothing heavy is imported before it is used. Whatever is wrong with what a function was given is a `UserError`, whose
message says where, what was found, what is allowed and what to do.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from searchinr.errors import InvalidFileError, MissingAssetError, SearchInterrupted, TrialError, UserError
from searchinr.version import __version__

if TYPE_CHECKING:
    from searchinr.api import decode, encode, inspect, open_run, search
    from searchinr.run import Run

__all__ = [
    "InvalidFileError",
    "MissingAssetError",
    "Run",
    "SearchInterrupted",
    "TrialError",
    "UserError",
    "__version__",
    "decode",
    "encode",
    "inspect",
    "open_run",
    "search",
]

_MODULES = {"Run": "searchinr.run"} | dict.fromkeys(
    ("decode", "encode", "inspect", "open_run", "search"), "searchinr.api"
)


try:
    Path.home()
except RuntimeError:  # in a container, for a user whom it does not know: MLflow and Ray Tune cannot be used without one
    os.environ["HOME"] = "/"


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


class _CallablePackage(ModuleType):
    """The package `searchinr.search`, which is called as the function `search` is."""

    def __call__(self, *args: Any, **kwargs: Any) -> "Run":  # noqa: ANN401
        """See `searchinr.api.search`."""
        return import_module("searchinr.api").search(*args, **kwargs)  # type: ignore[no-any-return]


class _Face(ModuleType):
    """This module. Whoever imports the package `searchinr.search` puts it here in the place of the function."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "search" and isinstance(value, ModuleType):
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __dir__() -> list[str]:
    return sorted(__all__)
