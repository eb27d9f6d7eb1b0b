"""Training signals of a run's datasets, and what they are called beside them."""

from collections.abc import Mapping
from pathlib import Path

from searchinr.signals.datasets import Dataset, load_training
from searchinr.space import Space


def training_name(dataset: str) -> str:
    """The name under which the training signals of a dataset stand beside the datasets. No dataset has such a label."""
    return f"{dataset}:train"


def training_signals(space: Space, datasets: Mapping[str, Dataset], data_dir: Path | None) -> dict[str, Dataset]:
    """The training signals of those datasets that have any, by their `training_name`; see `load_training`."""
    loaded = {
        training_name(entry.label): load_training(entry, datasets[entry.label], data_dir) for entry in space.datasets
    }
    return {name: training for name, training in loaded.items() if training is not None}
