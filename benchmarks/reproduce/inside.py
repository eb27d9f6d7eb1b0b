"""What no ledger holds: figures from inside of fits and files, for the few cells whose report needs them.

Measured in this process, one cell after the other. What can be looked up, by the name that a study has for it:

    books     the fraction of the files that holds code books
    coders    the bytes of all files if one probability model coded all their tensors, by the model's name
    levels    for files of several rates: mean PSNR and bytes of the files trimmed to each level that all of them have
    coding    for codec `combiner`: blocks, Kullback-Leibler divergence, and where the seconds of encoding go
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from benchmarks.command import Found
from benchmarks.reproduce.coders import bytes_by_coder
from benchmarks.reproduce.coding import coded_points
from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.container import Container
from searchinr.codecs.registry import codec_of, decode
from searchinr.engine.catalog import canonicalise
from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.figures import Figures
from searchinr.signals.datasets import load_dataset, load_training
from searchinr.signals.signal import Signal
from searchinr.space import Space
from searchinr.trial import Measurement, file_figures, run_trial


def points_inside(space: Space, seed: int, what: Sequence[str]) -> Iterator[Found]:
    """The points of every config of a finite space, as `study.points_of` has them, with what was looked up.

    Args:
        space: With one dataset; its codecs need no assets, but for `coding`.
        seed: Of the fits.
        what: Names of what is looked up.
    """
    (entry,) = space.datasets
    dataset = load_dataset(entry)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    configs = ConfigSpace(space.codecs, canonicalise)
    for codec, given in configs.enumerate():
        config = configs.canonical(codec, given)
        if "coding" in what:
            training = load_training(entry, dataset)
            assert training is not None
            yield from coded_points(
                config.params, dataset.signals, training.signals, space.fidelity.rungs, seed, device
            )
            continue
        for state in run_trial(config, dataset.signals, space.fidelity.rungs, seed=seed, device=device):
            if isinstance(state, Measurement):
                files = [container.unpack(file) for file in state.files.values()]
                looked_up = {name: _LOOKS[name](files, dataset.signals) for name in what}
                yield {**figures_found(config, state.steps, seed, state.figures), **looked_up}


def figures_found(config: Config, steps: int, seed: int, figures: Figures) -> Found:
    """What reports need of an operating point."""
    return {
        "params": config.params,
        "steps": steps,
        "seed": seed,
        "psnr_db": figures.psnr_db,
        "ssim": figures.metrics["ssim"],
        "rate": figures.rate,
        "macs": figures.cost.macs,
        "train_s": figures.cost.train_s,
        "bytes": sum(row.bytes for row in figures.signals),
        "decode_s": figures.decode_s,
        "signals": {row.name: [row.rate, row.psnr_db] for row in figures.signals},
    }


def _books(files: Sequence[Container], signals: Sequence[Signal]) -> float:
    bits = sum(codec_of(file).inspect(file).bits.get("code books", 0) for file in files)
    return float(bits / (8 * sum(file.size for file in files)))


def _levels(files: Sequence[Container], signals: Sequence[Signal]) -> dict[str, tuple[float, int]]:
    of_files = [[level for level, _ in codec_of(file).levels(file)] for file in files]
    found = {}
    for level in of_files[0]:
        if all(level in others for others in of_files):
            trimmed = [codec_of(file).trim(file, level) for file in files]
            rows = [file_figures(signal, file, decode(file)) for signal, file in zip(signals, trimmed, strict=True)]
            name = " x ".join(map(str, level.values()))
            found[name] = (statistics.mean(row.psnr_db for row in rows), sum(map(len, trimmed)))
    return found


_LOOKS: Mapping[str, Callable[[Sequence[Container], Sequence[Signal]], object]] = {
    "books": _books,
    "levels": _levels,
    "coders": lambda files, _: bytes_by_coder(files),
}
