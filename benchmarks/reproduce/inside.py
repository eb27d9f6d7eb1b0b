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
from searchinr.search.configs import ConfigSpace
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
        params = configs.canonical(codec, given).params
        if "coding" in what:
            training = load_training(entry, dataset)
            assert training is not None
            yield from coded_points(params, dataset.signals, training.signals, space.fidelity.rungs, seed, device)
            continue
        for state in run_trial(codec, params, dataset.signals, space.fidelity.rungs, seed=seed, device=device):
            if isinstance(state, Measurement):
                files = [container.unpack(file) for file in state.files.values()]
                figures = {"params": params, "steps": state.steps, "seed": seed, **state.figures}
                looked_up = {name: _LOOKS[name](files, dataset.signals) for name in what}
                yield {**ledger_figures(figures), **looked_up}


def ledger_figures(line: Mapping[str, object]) -> Found:
    """What reports need of a point's line in a ledger."""
    given: Found = dict(line)
    rows = given["signals"]
    return {
        **{key: given[key] for key in ("params", "steps", "seed", "psnr_db", "ssim", "rate")},
        **{key: given["cost"][key] for key in ("macs", "train_s")},
        "bytes": sum(row["bytes"] for row in rows),
        "decode_s": statistics.mean(row["decode_s"] for row in rows),
        "signals": {row["name"]: [row["rate"], row["psnr_db"]] for row in rows},
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
            found[name] = (statistics.mean(row["psnr_db"] for row in rows), sum(map(len, trimmed)))
    return found


_LOOKS: Mapping[str, Callable[[Sequence[Container], Sequence[Signal]], object]] = {
    "books": _books,
    "levels": _levels,
    "coders": lambda files, _: bytes_by_coder(files),
}
