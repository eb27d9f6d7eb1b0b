"""Finds the modalities, backbones and codecs: a new one is a new file, listed nowhere else."""

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def discover(package: ModuleType, attribute: str, base: type[T]) -> dict[str, type[T]]:
    """Imports every module of `package` and collects its class named by `attribute`, by the class's `name`.

    Args:
        package: The package whose modules and subpackages are searched (not what lies inside subpackages).
        attribute: Module-level name that marks a plug-in, e.g. ``"CODEC"``. Modules without it are helpers.
        base: The contract that each class must implement.

    Returns:
        Classes by their `name`, in the order of their numeric `id` (which files carry, so it must be unique).

    Raises:
        TypeError: A module's class does not implement `base`, or two share a name or an id.
    """
    found: list[type[T]] = []
    for info in pkgutil.iter_modules(package.__path__):
        candidate = getattr(importlib.import_module(f"{package.__name__}.{info.name}"), attribute, None)
        if candidate is None:
            continue
        if not (isinstance(candidate, type) and issubclass(candidate, base)):
            raise TypeError(f"{package.__name__}.{info.name}.{attribute} is not a {base.__name__}")
        found.append(candidate)
    found.sort(key=lambda cls: cls.id)  # type: ignore[attr-defined]
    for key in ("name", "id"):
        values = [getattr(cls, key) for cls in found]
        if len(set(values)) != len(values):
            raise TypeError(f"two {base.__name__} in {package.__name__} share the same {key}: {values}")
    return {cls.name: cls for cls in found}  # type: ignore[attr-defined]
