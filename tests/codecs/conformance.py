"""What every codec must do, known by its contract only.

class TestMine(CodecConformance):
    codec = "mine"
    cases = {"small": Case("image", {"width": 8})}
"""

import binascii
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from products import SignalBySignal
from safetensors.torch import load, save

from benchmarks.mutations import coded_kind, feed
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import AnyCodec, Asset, AssetSpec, AssetState, Level, Setup, content_hash
from searchinr.codecs.registry import CODECS, decode
from searchinr.engine.store.asset_files import asset_name, decode_data, read_asset, write_asset
from searchinr.engine.store.place import LocalPlace
from searchinr.errors import InvalidFileError, MissingAssetError, UserError
from searchinr.signals.metrics import psnr
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params, canonical_params

CPU = torch.device("cpu")
MUTANTS = 400
FEW = 3
"""Of the signals, the first that are a batch and a signal by itself."""
TRAINING_SIGNALS = 8
"""Of each layout, where an asset is built from others than what is measured."""


@dataclass(frozen=True)
class Case:
    """Parameters to test and the modality to test them on."""

    modality: str
    params: dict[str, Value]


def make_signal(name: str, layout: Layout) -> Signal:
    """Smooth waves, different for each name, over most of the value range."""
    modality = MODALITIES[layout.modality]
    low, high = modality.value_range(layout)
    rng = np.random.default_rng(list(name.encode()))
    extent = np.array(modality.extent(layout))
    frequencies = rng.uniform(-4, 4, (len(layout.grid), layout.channels))
    waves = np.sin(modality.coordinates(layout) / extent @ frequencies + rng.uniform(0, 6, layout.channels))
    samples = np.rint(low + (high - low) * (0.5 + 0.4 * waves)).astype(np.int64)
    return Signal(name, samples.reshape(*layout.grid, layout.channels), layout)


def make_signals(modality: str) -> list[Signal]:
    """Signals of several sizes, orientations, channels and bit depths; the first two share a layout."""
    layouts = {
        "image": {
            "landscape": Layout("image", (8, 12), 3, 8),
            "landscape 2": Layout("image", (8, 12), 3, 8),
            "portrait with alpha": Layout("image", (12, 8), 4, 8),
            "grey": Layout("image", (9, 7), 1, 8),
            "grey, 16 bits": Layout("image", (5, 11), 1, 16),
        },
        "audio": {
            "mono": Layout("audio", (150,), 1, 16, (8000,)),
            "mono 2": Layout("audio", (150,), 1, 16, (8000,)),
            "stereo, 24 bits": Layout("audio", (90,), 2, 24, (44100,)),
        },
    }
    return [make_signal(name, layout) for name, layout in layouts[modality].items()]


@dataclass(frozen=True)
class Fitted:
    """A fit from its start (or a checkpoint) to its last rung.

    Attributes:
        files: At each rung, the file of each signal.
        macs: At each rung.
        decode_macs_per_sample: At the last rung.
        checkpoints: After every state, `safetensors` bytes; with whether it was a rung. Of a fit that has gone on from
            one they are empty: nobody goes on from them.
        asset: What decoding needs beside the files.
    """

    files: dict[int, list[bytes]]
    macs: dict[int, float]
    decode_macs_per_sample: float
    checkpoints: list[tuple[bool, bytes]]
    asset: Asset | None

    def decode(self, data: bytes, *, scale: float = 1.0, level: Level | None = None) -> Signal:
        """The signal in one of the files, or in what was made of it."""
        return decode(data, asset=self.asset, scale=scale, level=level)


def training_signals(modality: str) -> list[Signal]:
    """Signals of the same layouts as those of `make_signals`, and others than these."""
    layouts = dict.fromkeys(signal.layout for signal in make_signals(modality))
    return [make_signal(f"training {number}", layout) for layout in layouts for number in range(TRAINING_SIGNALS)]


@dataclass(frozen=True)
class Prepared:
    """The building of an asset.

    Attributes:
        states: All of them, in their order.
        checkpoints: After every state but the last, `safetensors` bytes.
    """

    states: list[AssetState]
    checkpoints: list[bytes]

    @property
    def asset(self) -> Asset:
        """What was built."""
        asset = self.states[-1].asset
        assert asset is not None
        return asset


def prepare(
    codec: str, case: Case, *, seed: int = 0, first: int | None = None, resume: bytes | None = None
) -> Prepared | None:
    """The building of a case's asset, from a checkpoint if there is one; None if the case shares nothing."""
    engine = CODECS[codec]
    spec = engine.asset_spec(build_params(engine.Params, case.params))
    if spec is None:
        return None
    signals = training_signals(case.modality) if spec.needed_to_decode else make_signals(case.modality)[:first]
    return _prepare(engine, signals, spec, seed, resume)


def _prepare(
    engine: AnyCodec, signals: list[Signal], spec: AssetSpec, seed: int, resume: bytes | None = None
) -> Prepared:
    base_spec = engine.base_spec(spec)
    base = None if base_spec is None else _prepare(engine, signals, base_spec, seed).asset
    states, checkpoints = [], []
    from_there = None if resume is None else load(resume)
    for state in engine.prepare(signals, spec, Setup(seed, CPU, base, from_there)):
        states.append(state)
        if state.asset is None:
            checkpoints.append(save(state.checkpoint()))
    return Prepared(states, checkpoints)


def built_once(
    codec: str, case: Case, *, seed: int = 0, first: int | None = None, signal_by_signal: bool = False
) -> Prepared | None:
    """The same uninterrupted building for all who ask for it."""
    return _built_once(codec, case.modality, json.dumps(case.params), seed, first, signal_by_signal)


@cache
def _built_once(
    codec: str, modality: str, params: str, seed: int, first: int | None, signal_by_signal: bool
) -> Prepared | None:
    with _products(signal_by_signal):
        return prepare(codec, Case(modality, json.loads(params)), seed=seed, first=first)


def fit(
    codec: str,
    case: Case,
    rungs: tuple[int, ...],
    *,
    seed: int = 0,
    resume: bytes | None = None,
    first: int | None = None,
    signal_by_signal: bool = False,
) -> Fitted:
    """Fits a case's signals, or only the first.

    An asset that decoding needs is always the same one. One that it does not need is of these signals and this seed.
    With `signal_by_signal`, products of matrices are taken as if each signal were alone.
    """
    engine = CODECS[codec]
    params = build_params(engine.Params, case.params)
    spec = engine.asset_spec(params)
    asset = needed = None
    if spec is not None and spec.needed_to_decode:
        asset = needed = built_once(codec, case).asset
    elif spec is not None:
        asset = built_once(codec, case, seed=seed, first=first, signal_by_signal=signal_by_signal).asset
    files, macs, checkpoints, decode_macs_per_sample = {}, {}, [], 0.0
    with _products(signal_by_signal):
        setup = Setup(seed, CPU, asset, None) if resume is None else Setup(seed, CPU, needed, load(resume))
        for state in engine.fit(make_signals(case.modality)[:first], params, rungs, setup):
            checkpoints.append((state.is_rung, save(state.checkpoint()) if resume is None else b""))
            if state.is_rung:
                files[state.steps] = engine.encode(state)
                macs[state.steps] = state.macs
                decode_macs_per_sample = state.decode_macs_per_sample
    return Fitted(files, macs, decode_macs_per_sample, checkpoints, needed)


def _products(signal_by_signal: bool) -> AbstractContextManager[object]:
    return SignalBySignal() if signal_by_signal else nullcontext()


def has_right_check_sum(data: bytes) -> bool:
    """True of one in 65,536 damaged files: 16 bits promise no more."""
    return binascii.crc_hqx(data[:-2], 0xFFFF) ^ 0xFFFF == int.from_bytes(data[-2:], "big")


def run_python(script: str | Path, *arguments: object) -> Any:  # noqa: ANN401  JSON
    """What a fresh process prints, as JSON."""
    source = ["-c", script] if isinstance(script, str) else [str(script)]
    done = subprocess.run(
        [sys.executable, *source, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def mutated(folder: Path, count: int) -> Counter[str]:
    """How many of a folder's files, and of so many mutants of them, are `read` or `refused`: nothing else may be."""
    files = [path.read_bytes() for path in sorted(folder.glob("*.inr"))]
    assets = [read_asset(path).asset for path in folder.glob("*.safetensors")]
    counts, failures = feed(coded_kind(files, assets), seed=0, numbers=range(len(files) + count))
    assert not failures, failures[0]["what"]
    return counts


def digest(signal: Signal) -> str:
    return hashlib.sha256(signal.samples.astype(np.int64).tobytes()).hexdigest()


DECODE_ALL = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
from searchinr.engine.store.asset_files import decode_data
found = {}
for path in Path(sys.argv[1]).glob("*.inr"):
    samples = decode_data(path.read_bytes(), path).samples
    found[path.name] = [list(samples.shape), hashlib.sha256(samples.astype(np.int64).tobytes()).hexdigest()]
print(json.dumps(found))
"""


class CodecConformance:
    """The suite. Cases are fitted to the same signals, which take one batch of two and several of one.

    Attributes:
        codec: Its name.
        cases: By label.
        rungs: Two, far enough apart that the codec yields states to resume from before each.
        module: Of a codec that is not part of searchinr, the module in this folder whose `CODEC` it is.
    """

    codec: ClassVar[str]
    module: ClassVar[str | None] = None
    cases: ClassVar[dict[str, Case]]
    rungs: ClassVar[tuple[int, int]] = (22, 50)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        quick = self.quick_cases()
        if "label" in metafunc.fixturenames:
            rest = [pytest.param(label, marks=pytest.mark.slow) for label in self.cases if label not in quick]
            metafunc.parametrize("label", [*quick, *rest])
        if "labels" in metafunc.fixturenames:
            every = pytest.param(list(self.cases), id="all cases", marks=pytest.mark.slow)
            metafunc.parametrize("labels", [pytest.param(quick, id="quick cases"), every])

    @classmethod
    def quick_cases(cls) -> list[str]:
        """The first of each modality: the others are among the slow tests."""
        return list({case.modality: label for label, case in reversed(cls.cases.items())}.values())

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        """A codec of another package is found by its entry point, here as in the processes that a test starts."""
        if self.module is None:
            return
        site = tmp_path_factory.mktemp("site")
        about = site / "another_package-0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: another-package\nVersion: 0\n")
        (about / "entry_points.txt").write_text(f"[searchinr.codecs]\n{self.codec} = {self.module}:CODEC\n")
        paths = [str(site), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        monkeypatch.setitem(CODECS, self.codec, import_module(self.module).CODEC())

    @pytest.fixture
    def case(self, label: str) -> Case:
        return self.cases[label]

    @pytest.fixture
    def fitted(self, label: str) -> Fitted:
        return self.fit_case(label)

    @pytest.fixture
    def few(self, label: str) -> Fitted:
        """The same of few signals, to compare with other fits of them."""
        return self.fit_few(label)

    @pytest.fixture
    def prepared(self, case: Case) -> Prepared:
        """The building of the case's asset."""
        found = built_once(self.codec, case)
        if found is None:
            pytest.skip("shares nothing")
        return found

    @pytest.fixture
    def folder(self, tmp_path: Path, labels: list[str]) -> Path:
        """One folder with the files of some cases, what some of them are when trimmed, and what decoding them needs."""
        engine = CODECS[self.codec]
        for label in labels:
            if (asset := self.fit_case(label).asset) is not None:
                write_asset(LocalPlace(tmp_path / asset_name(asset.label)), self.codec, asset)
            for number, data in enumerate(self.fit_case(label).files[self.rungs[-1]]):
                (tmp_path / f"{label}-{number}.inr").write_bytes(data)
                file = container.unpack(data)
                for level, _ in engine.levels(file)[:1]:
                    (tmp_path / f"{label}-{number}-trimmed.inr").write_bytes(engine.trim(file, level))
        return tmp_path

    @classmethod
    @cache
    def fit_case(cls, label: str) -> Fitted:
        return fit(cls.codec, cls.cases[label], cls.rungs)

    @classmethod
    @cache
    def fit_few(cls, label: str) -> Fitted:
        return fit(cls.codec, cls.cases[label], cls.rungs, first=FEW)

    def test_rungs_are_measured_and_nothing_else(self, fitted: Fitted, case: Case) -> None:
        assert tuple(fitted.files) == self.rungs
        assert sum(is_rung for is_rung, _ in fitted.checkpoints) == 2
        assert fitted.checkpoints[-1][0], "the last rung comes last"
        assert 0 < fitted.macs[self.rungs[0]] < fitted.macs[self.rungs[1]]
        assert all(len(files) == len(make_signals(case.modality)) for files in fitted.files.values())

    def test_same_seed_same_bytes(self, case: Case, few: Fitted) -> None:
        first = self.rungs[0]
        assert fit(self.codec, case, (first,), first=FEW).files[first] == few.files[first]

    def test_other_seed_other_bytes(self, case: Case, few: Fitted) -> None:
        other = fit(self.codec, case, self.rungs[:1], seed=1, first=FEW).files[self.rungs[0]]
        assert all(a != b for a, b in zip(other, few.files[self.rungs[0]], strict=True))

    def test_a_rung_does_not_depend_on_earlier_ones(self, case: Case, few: Fitted) -> None:
        last = self.rungs[-1]
        assert fit(self.codec, case, (last,), first=FEW).files[last] == few.files[last]

    def test_resumed_fit_equals_uninterrupted_one(self, case: Case, few: Fitted) -> None:
        first_rung = [is_rung for is_rung, _ in few.checkpoints].index(True)
        last = len(few.checkpoints) - 1
        assert 0 < first_rung < last - 1, "choose rungs with states between them"
        # in the middle of the way to the first rung, just before it, at it, and in the middle of the way to the last
        moments = {first_rung // 2: 1, first_rung - 1: 2, first_rung: 2, (first_rung + last) // 2: 2}
        for moment, count in moments.items():
            rungs, end = self.rungs[:count], (first_rung, last)[count - 1]
            resumed = fit(self.codec, case, rungs, first=FEW, resume=few.checkpoints[moment][1])
            left = rungs if moment < first_rung else rungs[1:]
            assert resumed.files == {rung: few.files[rung] for rung in left}
            assert resumed.macs == {rung: few.macs[rung] for rung in left}
            assert len(resumed.checkpoints) == end - moment, "no step is taken again"

    def test_a_signal_does_not_depend_on_its_companions(self, case: Case) -> None:
        alone, among_others = (
            fit(self.codec, case, self.rungs[:1], first=first, signal_by_signal=True).files[self.rungs[0]]
            for first in (1, FEW)
        )
        assert alone == among_others[:1]

    def test_an_asset_is_built_in_steps_that_count_their_work(self, prepared: Prepared) -> None:
        states = prepared.states
        assert [state.asset is None for state in states] == [True] * (len(states) - 1) + [False]
        assert states[-1].steps == states[-1].total >= len(states) - 1
        for key in ("steps", "macs"):
            values = [getattr(state, key) for state in states]
            assert values == sorted(values) and values[0] > 0

    def test_an_asset_follows_from_its_spec_and_its_seed(self, case: Case, prepared: Prepared) -> None:
        again, other = prepare(self.codec, case), built_once(self.codec, case, seed=1)
        assert again is not None and other is not None
        asset = prepared.asset
        assert asset.sha256 == again.asset.sha256 == content_hash(asset.tensors) != other.asset.sha256
        engine = CODECS[self.codec]
        assert asset.spec == engine.asset_spec(build_params(engine.Params, case.params))
        assert set(asset.spec.params) <= set(canonical_params(engine.Params, case.params))

    def test_a_resumed_building_equals_an_uninterrupted_one(self, case: Case, prepared: Prepared) -> None:
        last = len(prepared.checkpoints) - 1
        assert last >= 2, "choose parameters by which the building has several checkpoints"
        for moment in (0, last // 2, last):
            resumed = prepare(self.codec, case, resume=prepared.checkpoints[moment])
            assert resumed is not None
            assert resumed.asset.sha256 == prepared.asset.sha256
            for key in ("steps", "total", "macs"):
                left = [getattr(state, key) for state in prepared.states[moment + 1 :]]
                assert [getattr(state, key) for state in resumed.states] == left, "no step is taken again"

    def test_what_decoding_needs_is_named_in_the_file(self, case: Case, fitted: Fitted) -> None:
        engine = CODECS[self.codec]
        other = None if fitted.asset is None else built_once(self.codec, case, seed=1)
        for data in fitted.files[self.rungs[-1]]:
            needed = engine.needed_asset(container.unpack(data))
            assert (needed is None) == (fitted.asset is None)
            if needed is None or fitted.asset is None:
                continue
            assert fitted.asset.sha256.startswith(needed)
            for wrong in (None, None if other is None else other.asset):
                with pytest.raises(MissingAssetError, match=f"{needed}.*--asset"):
                    decode(data, asset=wrong)
            assert sum(engine.inspect(container.unpack(data)).bits.values()) == 8 * len(data)

    def test_fitting_brings_the_signal_back(self, case: Case, fitted: Fitted) -> None:
        for signal, file in zip(make_signals(case.modality), fitted.files[self.rungs[-1]], strict=True):
            decoded = fitted.decode(file)
            assert decoded.layout == signal.layout
            value_range = MODALITIES[case.modality].value_range(signal.layout)
            constant = np.full_like(signal.samples, round(float(signal.samples.mean())))
            gain = psnr(signal.samples, decoded.samples, value_range) - psnr(signal.samples, constant, value_range)
            assert gain > 0.5, f"{signal.name}: no better than its mean"

    def test_fresh_process_decodes_the_same(self, folder: Path) -> None:
        expected = {}
        for path in folder.glob("*.inr"):
            decoded = decode_data(path.read_bytes(), path)
            expected[path.name] = [list(decoded.samples.shape), digest(decoded)]
        assert run_python(DECODE_ALL, folder) == expected

    def test_sizes_and_parts_add_up(self, fitted: Fitted) -> None:
        for data in fitted.files[self.rungs[-1]]:
            file = container.unpack(data)
            assert file.size == len(data)
            bits = CODECS[self.codec].inspect(file, asset=fitted.asset).bits
            assert sum(bits.values()) == pytest.approx(8 * len(data), abs=1e-6)

    def test_the_work_of_decoding_a_sample_is_what_the_files_say(self, fitted: Fitted) -> None:
        files = map(container.unpack, fitted.files[self.rungs[-1]])
        inspected = [CODECS[self.codec].inspect(file, asset=fitted.asset).macs_per_point for file in files]
        assert fitted.decode_macs_per_sample == pytest.approx(np.mean(inspected))
        assert fitted.decode_macs_per_sample > 0

    def test_every_truncation_is_refused(self, fitted: Fitted) -> None:
        if CODECS[self.codec].scalable:
            pytest.skip("what a cut leaves is a level")
        for data in fitted.files[self.rungs[-1]]:
            for length in range(len(data)):
                if not has_right_check_sum(data[:length]):
                    with pytest.raises(InvalidFileError):
                        fitted.decode(data[:length])

    def test_every_truncation_of_a_scalable_file_is_refused_or_a_level(self, fitted: Fitted) -> None:
        engine = CODECS[self.codec]
        if not engine.scalable:
            pytest.skip("no truncation is allowed")
        data = fitted.files[self.rungs[-1]][0]
        levels = [level for level, _ in engine.levels(container.unpack(data))]
        expected = [digest(fitted.decode(data, level=level)) for level in levels]
        reached: list[int] = []
        for length in range(len(data)):
            try:
                found = digest(fitted.decode(data[:length]))
            except InvalidFileError:
                assert not reached, "more bytes are never worse"
            else:
                left = [level for level, _ in engine.levels(container.unpack(data[:length]))]
                assert left == levels[: len(left)]
                assert found == expected[len(left) - 1]
                assert len(left) - 1 >= max(reached, default=0)
                reached.append(len(left) - 1)
        assert set(reached) == set(range(len(levels) - 1)), "only the last level needs the last byte"

    def test_levels_are_files_of_their_own(self, fitted: Fitted) -> None:
        engine = CODECS[self.codec]
        for data in fitted.files[self.rungs[-1]]:
            file = container.unpack(data)
            levels = engine.levels(file)
            assert bool(levels) == engine.scalable
            if not levels:
                with pytest.raises(UserError, match="one rate"):
                    engine.trim(file, {})
                with pytest.raises(UserError, match="one rate"):
                    fitted.decode(data, level={"depth": 2})
                continue
            assert levels[-1][1] == len(data) and engine.trim(file, levels[-1][0]) == data
            assert (
                digest(fitted.decode(data))
                == digest(fitted.decode(data, level=levels[-1][0]))
                == digest(fitted.decode(data, level={}))
            )
            for level, size in levels:
                trimmed = engine.trim(file, level)
                assert len(trimmed) == size
                assert digest(fitted.decode(trimmed)) == digest(fitted.decode(data, level=level))
                left = engine.levels(container.unpack(trimmed))
                assert left[-1] == (level, size) and all(each in levels for each in left)
                for smaller, _ in left:
                    assert engine.trim(container.unpack(trimmed), smaller) == engine.trim(file, smaller)
            with pytest.raises(UserError, match="this file has"):
                fitted.decode(data, level=dict.fromkeys(levels[0][0], 0))

    def test_every_flipped_bit_is_noticed(self, fitted: Fitted) -> None:
        for data in fitted.files[self.rungs[-1]][:1]:
            for bit in range(8 * len(data)):
                flipped = bytearray(data)
                flipped[bit // 8] ^= 1 << bit % 8
                with pytest.raises(InvalidFileError):
                    fitted.decode(bytes(flipped))

    def test_renders_at_another_resolution(self, fitted: Fitted) -> None:
        if not CODECS[self.codec].resizable:
            pytest.skip("one resolution only")
        for data in fitted.files[self.rungs[-1]]:
            once, thrice = fitted.decode(data), fitted.decode(data, scale=3)
            modality = MODALITIES[once.layout.modality]
            assert thrice.layout == modality.resized(once.layout, 3)
            assert modality.extent(thrice.layout) == pytest.approx(modality.extent(once.layout))
            # the middle one of three samples is where the sample was
            middle = thrice.samples[tuple(slice(1, None, 3) for _ in once.layout.grid)]
            low, high = modality.value_range(once.layout)
            difference = np.abs(middle.astype(np.int64) - once.samples.astype(np.int64)).max()
            assert difference <= 1 + 1e-4 * (high - low)

    def test_rendering_says_how_far_it_is(self, fitted: Fitted) -> None:
        told: list[tuple[int, int]] = []
        data = fitted.files[self.rungs[-1]][0]
        decoded = decode(data, asset=fitted.asset, watch=lambda done, total: told.append((done, total)))
        assert told == sorted(told) and told[-1] == (decoded.layout.points, decoded.layout.points)

    def test_renders_at_half_the_resolution(self, fitted: Fitted) -> None:
        if not CODECS[self.codec].resizable:
            for scale in (0.5, 2):
                with pytest.raises(UserError, match="one resolution"):
                    fitted.decode(fitted.files[self.rungs[-1]][0], scale=scale)
            return
        for data in fitted.files[self.rungs[-1]]:
            half = fitted.decode(data, scale=0.5)
            file = container.unpack(data)
            assert half.layout == MODALITIES[file.layout.modality].resized(file.layout, 0.5)
            assert half.layout.points < file.layout.points

    @pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e7, 1e300])
    def test_impossible_scales_are_refused(self, fitted: Fitted, scale: float) -> None:
        with pytest.raises(UserError, match="scale"):
            fitted.decode(fitted.files[self.rungs[0]][0], scale=scale)

    def test_mutants_are_refused_or_decoded(self, folder: Path) -> None:
        self.open_mutants(folder, MUTANTS)

    @pytest.mark.slow
    def test_many_mutants_are_refused_or_decoded(self, folder: Path) -> None:
        self.open_mutants(folder, 5_000)

    def open_mutants(self, folder: Path, count: int) -> None:
        files = len(list(folder.glob("*.inr")))
        counts = mutated(folder, count)
        assert counts["read"] + counts["refused"] == files + count
        assert counts["read"] > files + count // 20, "the parsers behind the check sum are not reached"
        assert counts["refused"] > count // 2
