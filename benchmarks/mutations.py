"""Files that are not what they claim to be: every reader refuses them in one line, or reads them.

    python -m benchmarks.mutations --inputs 1000000 --json reports/mutations.json --markdown reports/mutations.md

Makes small files of every kind that a command reads, breaks them (see `mutators`), and feeds them to the reader that
the command uses. Each batch of them has a process of its own that may grow by one gigabyte. What is counted: crashes
(anything but the error that a user sees as one line, or the death of the process), inputs that take more than 20
seconds, and allocations beyond the limit. `--only KIND --first N --inputs 1` repeats one input. Linux only.
"""

import argparse
import functools
import json
import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import soundfile
import torch
import yaml
from PIL import Image

from benchmarks import mutators
from benchmarks.command import Command, Filling, Found
from benchmarks.mutators import Mutator
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset
from searchinr.codecs.registry import codec_of, decode
from searchinr.codecs.work import Work
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.cluster.cluster_file import load_cluster
from searchinr.engine.coding.config_file import read_config
from searchinr.engine.coding.files import read_inr
from searchinr.engine.report.front import collect_front
from searchinr.engine.store.asset_files import pack_asset, unpack_asset
from searchinr.engine.store.ledger import read_ledger
from searchinr.engine.store.place import LocalPlace
from searchinr.engine.store.run_folder import SharedFolder, open_delivery
from searchinr.engine.store.tensors import pack_tensors, unpack_tensors
from searchinr.errors import TooMuchWorkError, UserError
from searchinr.search.configs import Config
from searchinr.search.lines import Line, Point, TrialStarted, dump_line
from searchinr.search.objectives import Objectives
from searchinr.signals.registry import MODALITIES, modality_of_file
from searchinr.signals.signal import Layout, Signal
from searchinr.trial import Measurement, asset_spec, build_asset, run_trial

SPARE_BYTES, DEADLINE_S = 2**30, 20
_MAX_WORK = Work(points=2**16, macs=2**24, bytes=2**28)  # true files may be as slow as they claim; that is no fault
_BATCH, _SHOWN = 2000, 40
_CPU = torch.device("cpu")
_DATA = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        originals: The content of whole files.
        mutate: Breaks one.
        read: Reads what a file at a path holds, as a command does; `UserError` is how it refuses.
        suffix: Of the path.
    """

    originals: Sequence[bytes]
    mutate: Mutator
    read: Callable[[Path, np.random.Generator], None]
    suffix: str

    def input(self, rng: np.random.Generator, number: int) -> bytes:
        """What is read at this number: at first the originals themselves, then mutants."""
        if number < len(self.originals):
            return self.originals[number]
        one, other = (self.originals[int(rng.integers(len(self.originals)))] for _ in range(2))
        return self.mutate(one, other, rng)


def approve(work: Work) -> None:
    """Lets only small files be rendered: `TooMuchWorkError` for others."""
    if work.points > _MAX_WORK.points or work.macs > _MAX_WORK.macs or work.bytes > _MAX_WORK.bytes:
        raise TooMuchWorkError("larger than what is rendered here")


def read_coded(path: Path, rng: np.random.Generator, asset: Asset | None = None) -> None:
    """Inspects, trims and decodes a file; half of the time without its check sums, or few parsers were reached."""
    verify = container.verify if rng.random() < 0.5 else lambda *_: None
    with patch.object(container, "verify", verify):
        file = read_inr(path)
        codec = codec_of(file)
        codec.inspect(file, asset=asset)
        for level, size in codec.levels(file):
            if len(codec.trim(file, level)) != size:
                raise AssertionError("a level has another size than it says")
        with suppress(TooMuchWorkError):
            decode(file, asset=asset, approve=approve)


def coded_kind(originals: Sequence[bytes], assets: Sequence[Asset]) -> Kind:
    """`.inr` files, some of which need assets."""

    def read(path: Path, rng: np.random.Generator) -> None:
        data = path.read_bytes()
        needed = next((each for each in assets if bytes.fromhex(each.sha256)[:3] in data), None)
        read_coded(path, rng, needed)

    return Kind(originals, mutators.mutate_bytes, read, ".inr")


def _asset_kind(originals: Sequence[tuple[bytes, bytes]]) -> Kind:
    """Assets, each with a file that names it: the file is made to name the mutant."""
    packed, files = zip(*originals, strict=True)

    def read(path: Path, rng: np.random.Generator) -> None:
        stored = unpack_asset(path.read_bytes(), path)
        for number, data in enumerate(files, start=1):
            file = container.unpack(data)
            body = bytes.fromhex(stored.asset.sha256)[:3] + file.body[3:]
            try:
                with suppress(TooMuchWorkError):
                    decode(replace(file, body=body), asset=stored.asset, approve=approve)
            except UserError:
                if number == len(files):
                    raise
            else:
                return

    return Kind(packed, mutators.mutate_tensors, read, ".safetensors")


def _read_signal(path: Path, rng: np.random.Generator) -> None:
    modality_of_file(path).read(path)


def _read_front(path: Path, rng: np.random.Generator) -> None:
    lines = read_ledger(path)
    for label in {line.dataset for line in lines if isinstance(line, Point)}:
        collect_front(lines, label, _OBJECTIVES)


_OBJECTIVES = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 5.0, "rate": 1000.0})


def _signal(modality: str) -> Signal:
    layout = {"image": Layout("image", (6, 8), 3, 8), "audio": Layout("audio", (48,), 1, 16, (8000,))}[modality]
    kind = MODALITIES[modality]
    low, high = kind.value_range(layout)
    samples = np.random.default_rng(0).uniform(low, high, (*layout.grid, layout.channels))
    return Signal("noise", kind.to_samples(layout, samples), layout)


@dataclass(frozen=True)
class _Made:
    """What one fit leaves behind: its config, the asset that decoding needs, and what was measured."""

    config: Config
    asset: Asset | None
    measured: Measurement
    checkpoint: bytes

    @property
    def data(self) -> bytes:
        (data,) = self.measured.files.values()
        return data


def _made(fit: dict[str, Any]) -> _Made:
    signal = _signal(fit.get("modality", "image"))
    config = Config(fit["codec"], canonicalise(fit["codec"], fit["params"]))
    spec, asset = asset_spec(config), None
    if spec is not None:
        training = [replace(signal, name=str(i), samples=np.roll(signal.samples, i)) for i in range(4)]
        *_, built = build_asset(config.codec, spec, training, seed=0, device=_CPU)
        asset = built.asset
    for state in run_trial(config, [signal], [3], seed=0, device=_CPU, asset=asset):
        if isinstance(state, Measurement):
            return _Made(config, asset, state, pack_tensors(state.checkpoint()))
    raise AssertionError("a fit ends with a measurement")


def _delivered(made: Sequence[_Made], folder: Path) -> tuple[bytes, list[bytes]]:
    """A ledger of all fits, and what a worker has delivered of each."""
    shared, rows = SharedFolder(LocalPlace(folder)), list[Line]()
    shared.inbox.make_folder()
    for number, each in enumerate(made):
        work: dict[str, Any] = {"trial": f"{number:016x}", "dataset": "photos", "config": each.config, "seed": 0}
        point = Point(**work, rung=0, steps=3, **vars(each.measured.figures))
        rows += [TrialStarted(**work, number=number), point]
        shared.deliver(point, each.measured.files)
    return b"".join(dump_line(row) + b"\n" for row in rows), [path.read_bytes() for path in shared.delivered()]


def _images() -> list[bytes]:
    picture, files = Image.fromarray(_signal("image").samples), []
    formats: dict[str, Sequence[dict[str, Any]]] = {
        "PNG": ({}, {"compress_level": 0}),
        "JPEG": ({}, {"progressive": True}),
        "WEBP": ({"lossless": True}, {"quality": 80}),
        "TIFF": ({}, {"compression": "tiff_adobe_deflate"}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}),
    }
    for kind, options in formats.items():
        for each in options:
            file = BytesIO()
            picture.save(file, kind, **each)
            files.append(file.getvalue())
    return files


def _sounds() -> list[bytes]:
    samples, files = _signal("audio").samples, []
    for kind, subtype in (("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("FLAC", "PCM_16")):
        file = BytesIO()
        soundfile.write(file, samples / 2**15, 8000, format=kind, subtype=subtype)
        files.append(file.getvalue())
    return files


@functools.cache
def kinds() -> dict[str, Kind]:
    """All kinds of files, with originals that are made anew."""
    torch.set_num_threads(1)
    made, root = [_made(fit) for fit in _DATA["fits"]], Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as name:
        ledger, deliveries = _delivered(made, Path(name))
    assets = [(pack_asset(m.config.codec, m.asset, {}), m.data) for m in made if m.asset is not None]
    spaces, clusters = ([p.read_bytes() for p in sorted((root / f).glob("*.yaml"))] for f in ("spaces", "clusters"))
    text, tensors = mutators.mutate_text, mutators.mutate_tensors
    return {
        "inr": coded_kind([each.data for each in made], [each.asset for each in made if each.asset is not None]),
        "asset": _asset_kind(assets),
        "checkpoint": Kind(
            [m.checkpoint for m in made], tensors, lambda p, _: _done(unpack_tensors(p.read_bytes(), p)), ""
        ),
        "inbox": Kind(deliveries, mutators.mutate_archive, lambda p, _: _done(open_delivery(LocalPlace(p))), ".zip"),
        "image": Kind(_images(), mutators.mutate_png, _read_signal, ".png"),
        "audio": Kind(_sounds(), mutators.mutate_bytes, _read_signal, ".wav"),
        "ledger": Kind([ledger], mutators.mutate_ledger, _read_front, ".jsonl"),
        "config": Kind([_DATA["config"].encode()], text, lambda p, _: _done(read_config(p)), ".yaml"),
        "space": Kind(spaces, text, lambda p, _: _done(read_space(p)), ".yaml"),
        "cluster": Kind(clusters, text, lambda p, _: _done(load_cluster(p)), ".yaml"),
    }


def _done(_: object) -> None:
    """What was read is not looked at."""


class _Late(BaseException):
    """An input has taken longer than it may."""


def _too_late(*_: object) -> None:
    raise _Late


def _feed(kind: Kind, seed: int, numbers: range, to: Connection) -> None:
    """Reads inputs in a process of its own, and tells of each by a word, and of a failure by its text as well."""
    warnings.simplefilter("error", RuntimeWarning)
    signal.signal(signal.SIGALRM, _too_late)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libjpeg and libtiff say there what is wrong with a mutant
    torch.set_num_threads(1)  # those of the process that was copied are not there
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"mutant{kind.suffix}"
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            path.write_bytes(kind.input(rng, number))
            signal.alarm(DEADLINE_S)
            to.send(_outcome(kind, path, rng))
            signal.alarm(0)


def _outcome(kind: Kind, path: Path, rng: np.random.Generator) -> tuple[str, str]:
    try:
        kind.read(path, rng)
    except UserError:
        return "refused", ""
    except _Late:
        return "hung", traceback.format_exc()
    except Exception as error:
        is_memory = isinstance(error, MemoryError) or "alloc" in str(error)
        return "large" if is_memory else "crashed", traceback.format_exc()
    return "read", ""


def feed(kind: Kind, seed: int, numbers: range) -> tuple[Counter[str], list[Found]]:
    """Feeds inputs to a reader in processes that may grow by `SPARE_BYTES`.

    Args:
        kind: What is read.
        seed: Of all faults.
        numbers: Of the inputs: each follows from the seed and its number.

    Returns:
        How many were `read`, `refused`, `crashed`, `hung`, or asked for a `large` allocation; and what is known of
        those that may not be.
    """
    counts, failures = Counter[str](), list[Found]()
    forked = multiprocessing.get_context("fork")  # a fresh one would import PyTorch, and make the originals, each time
    while numbers:
        mine, theirs = forked.Pipe(duplex=False)
        process = forked.Process(target=_feed, args=(kind, seed, numbers, theirs))
        process.start()
        theirs.close()
        for number, (word, what) in zip(numbers, _outcomes(mine), strict=False):
            counts[word] += 1
            numbers = range(number + 1, numbers.stop)
            if what:
                failures.append({"number": number, "word": word, "what": what})
        process.join(1)  # it ends by itself, if it has not fallen silent
        process.kill()
        process.join()
        if numbers:  # it has died of this one, or hangs where no alarm reaches it
            word = "hung" if process.exitcode == -signal.SIGKILL else "crashed"
            counts[word] += 1
            failures.append({"number": numbers.start, "word": word, "what": f"exit code {process.exitcode}"})
            numbers = numbers[1:]
    return counts, failures


def _outcomes(source: Connection) -> Iterator[tuple[str, str]]:
    """What a process tells, until it ends or is silent for twice the time that an input may take."""
    try:
        while source.poll(2 * DEADLINE_S):
            yield source.recv()
    except EOFError:
        return


def measure(options: argparse.Namespace) -> Found:
    """Feeds so many inputs in all, shared out among the kinds, in batches."""
    started, chosen = time.monotonic(), {options.only: 100.0} if options.only else _DATA["shares"]
    batches = [
        (name, range(start, min(start + _BATCH, options.first + round(options.inputs * share / 100))))
        for name, share in chosen.items()
        for start in range(options.first, options.first + round(options.inputs * share / 100), _BATCH)
    ]
    kinds()
    counts, failures = {name: Counter[str]() for name in chosen}, list[Found]()
    with ThreadPoolExecutor(options.workers) as pool:
        done = pool.map(lambda batch: feed(kinds()[batch[0]], options.seed, batch[1]), batches)
        for (name, _), (found, wrong) in zip(batches, done, strict=True):
            counts[name] += found
            failures += [{"kind": name, **each} for each in wrong]
    return {
        "seed": options.seed,
        "seconds": round(time.monotonic() - started),
        "counts": counts,
        "failures": failures[:_SHOWN],
    }


WORDS = ("read", "refused", "crashed", "hung", "large")


def fill(found: Found) -> Filling:
    """The table, with a row for all."""
    rows = {name: {word: counts.get(word, 0) for word in WORDS} for name, counts in found["counts"].items()}
    rows["all"] = {word: sum(row[word] for row in rows.values()) for word in WORDS}
    return {"rows": rows}


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--inputs", type=int, default=20_000, help="in all [20000]")
    command.add_argument("--seed", type=int, default=0, help="of the faults [0]")
    command.add_argument("--first", type=int, default=0, metavar="N", help="number of each kind's first input [0]")
    command.add_argument("--only", choices=list(_DATA["shares"]), help="one kind of file")
    command.add_argument("--workers", type=int, default=2, help="processes at the same time [2]")
    _, kept = command.run(measure, fill)
    if kept["failures"]:
        raise SystemExit(json.dumps(kept["failures"], indent=1))
