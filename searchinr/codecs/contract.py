"""The codec contract: signal -> bytes -> signal, for many signals at once.

    signals --fit--> states --encode--> one file per signal --decoder--> values of points --render--> samples
              ^                                                 ^
              '------------------ asset <--prepare--------------'      (only where fits or files share something)

A codec is a package beside this file with a class that is named by `CODEC`. The engine, the command line and the
conformance suite (`tests/codecs/conformance.py`) know codecs by this contract only. What is common to all decoding
(scale, tiles of points, rounding to samples, progress) is done by `codecs.render`.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from searchinr.codecs.bitstream.container import Container
from searchinr.errors import UserError
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Domain, Finding, Value

Level = Mapping[str, int]
"""The name of one of the rates in a file that holds several, e.g. `{"depth": 3, "width": 24}`."""


class CodecParams(BaseModel):
    """Base of a codec's parameter model: every field is a search key with type, default, range, unit and meaning.

    A field whose type is another model holds the parameters of one option: it is named after the option (`siren`),
    its keys are written with a dot (`siren.omega`), and they matter only where some other parameter takes that
    option as its value (`backbone: siren`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class AssetSpec:
    """What fits share, before it is built: a supernet to start from, or a network that was trained on other signals.

    Attributes:
        name: What kind of asset it is, in one word, e.g. ``"supernet"``.
        params: All of the codec's parameters that it depends on, flat. It depends on the signals and on a seed as well.
        needed_to_decode: True if files cannot be decoded without it and name it by its hash; False for a mere
            initialisation.
        per_seed: True if fits with another seed get another asset, which is built with their seed. False if fits with
            all seeds share one asset, whose seed the engine derives from everything else that it is built from.
        version: Number of the algorithm that builds it. Raise it whenever the algorithm changes what it builds, so that
            nobody is given an asset that an older algorithm has left in a cache.
    """

    name: str
    params: dict[str, Value]
    needed_to_decode: bool
    per_seed: bool = False
    version: int = 1


@dataclass(frozen=True)
class Asset:
    """What fits share, built once.

    Attributes:
        spec: What was asked for.
        tensors: The content, on the CPU.
        sha256: Hash of the content, by which files and ledgers name it.
    """

    spec: AssetSpec
    tensors: Mapping[str, Tensor]
    sha256: str

    @classmethod
    def of(cls, spec: AssetSpec, tensors: Mapping[str, Tensor]) -> Self:
        """An asset with this content."""
        return cls(spec, tensors, content_hash(tensors))

    @property
    def label(self) -> str:
        """Its name in ledger lines, e.g. ``"supernet@0123456789ab"``."""
        return f"{self.spec.name}@{self.sha256[:12]}"


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256, in hex, over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass(frozen=True)
class AssetState:
    """Where the building of an asset stands: yielded by `Codec.prepare` every so often.

    Attributes:
        steps: Training steps done.
        total: Training steps in all.
        macs: Multiply-accumulates spent on these steps for all signals, including backward passes.
        checkpoint: Makes everything that `Setup.resume` needs to go on exactly from here, as flat tensors
            on the CPU. It is valid until the next state is asked for. The last state has nothing to go on to.
        asset: The asset in the last state; None in all states before.
    """

    steps: int
    total: int
    macs: float
    checkpoint: Callable[[], dict[str, Tensor]] = dict
    asset: Asset | None = None


@dataclass(frozen=True)
class Setup:
    """What a fit or the building of an asset depends on beside its signals and parameters.

    Attributes:
        seed: Fixes initialisation and sampling. The same seed gives the same result on the same machine.
        device: Where to train.
        asset: What is started from. For a fit this is what `Codec.prepare` built for the `asset_spec` of its
            parameters, with any seed; for an asset what was built from the same signals for the `base_spec` of its
            spec. None if there is no such spec, or if `resume` is given and decoding does not need the asset.
        resume: The checkpoint of an earlier fit or building with the same arguments, from which it goes on. What lies
            behind it is not yielded again, and the result is the same, bit by bit, as if nothing had interrupted it.
    """

    seed: int
    device: torch.device
    asset: Asset | None = None
    resume: Mapping[str, Tensor] | None = None


class FitState(ABC):
    """Where a fit stands: yielded by `Codec.fit` every so often and at each rung.

    Attributes:
        steps: Training steps behind this state.
        is_rung: True where the state is measured: `Codec.encode` accepts it.
        macs: Multiply-accumulates spent on training so far, over all signals, including backward passes.
        decode_macs_per_sample: Multiply-accumulates to decode one sample (pixel, audio sample), mean over signals.
    """

    steps: int
    is_rung: bool
    macs: float
    decode_macs_per_sample: float

    @abstractmethod
    def checkpoint(self) -> dict[str, Tensor]:
        """Everything that `Setup.resume` needs to go on exactly from here, as flat tensors."""


class Decoder(ABC):
    """The signal in a file, ready to be evaluated. `codecs.decoders` has those of the two common kinds.

    What is coded is decoded when values are first asked for: until then nothing of the size that a file claims is made.

    Attributes:
        macs_per_point: Multiply-accumulates for one point, or one query where an observation stands between network
            and values.
        numbers: How many numbers, such as weights, are held in memory.
    """

    macs_per_point: float
    numbers: int

    @abstractmethod
    def values(self, layout: Layout, start: int, stop: int) -> Tensor:
        """Values of the points `start` to `stop` of a layout, in row-major order, on the CPU.

        Args:
            layout: The file's own or, from a codec that is `resizable`, the same signal's at another resolution.
            start: Number of the first point.
            stop: Number after the last point.

        Returns:
            `(stop - start, channels)`, nominally in [-1, 1], which stands for the signal's value range; not clipped.

        Raises:
            InvalidFileError: The content contradicts itself.
        """


@dataclass(frozen=True)
class Inspection:
    """What a file says about itself.

    Attributes:
        about: Architecture and parameters, under the words by which `searchinr inspect` prints them.
        macs_per_point: Multiply-accumulates to decode one point, or one query where an observation stands between
            network and values; None where only an asset that is missing would tell.
        bits: The bits of each part of the file; they add up to the whole file.
    """

    about: Mapping[str, Value | Mapping[str, str]]
    macs_per_point: float | None
    bits: Mapping[str, float]


def no_levels() -> UserError:
    """The error for a level of a file that has none."""
    return UserError(
        "the file holds one rate only; files that hold several come from the codecs once_for_all and shacira"
    )


P = TypeVar("P", bound=CodecParams)
S = TypeVar("S", bound=FitState)


class Codec(ABC, Generic[P, S]):
    """One codec with parameters `P`, whose fits go through states `S`. Stateless.

    Attributes:
        name: Name in space files.
        id: Number in `.inr` files (0 to 31), never reused.
        Params: The parameter model.
        scalable: Whether its files may be cut anywhere: see `bitstream.container`.
        resizable: Whether what its files hold can be rendered at another resolution than the signal's own.
    """

    name: ClassVar[str]
    id: ClassVar[int]
    Params: type[P]
    scalable: ClassVar[bool] = False
    resizable: ClassVar[bool] = True

    def completed(self, domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
        """The domains of a search space, with those added that follow from others, and what is wrong with them.

        Args:
            domains: By flat key, each valid by itself; parameters left out have their defaults.

        Returns:
            What is searched. Completing it again changes nothing. The paths of findings start at the parameter's key.
        """
        return dict(domains), []

    def refusal(self, layout: Layout) -> str | None:
        """Why no parameters can code signals of this layout; None, as for most codecs, if some can."""
        return None

    def asset_spec(self, params: P) -> AssetSpec | None:
        """What a fit with these parameters shares with others; None where it shares nothing.

        Fits whose specs are equal get the same asset. So it holds what the content depends on, and nothing else.
        Whether there is an asset, and whether decoding needs it, may depend on words and switches among the parameters,
        but not on numbers: before a search starts the engine asks for one config of each combination of these whether
        its dataset must have training signals.
        """
        return None

    def base_spec(self, spec: AssetSpec) -> AssetSpec | None:
        """The asset from which the building of an asset starts, and which fits share as well; None for most.

        It is built from the same signals. It may be one `per_seed` only if `spec` is one, too.

        Args:
            spec: What `asset_spec` or this function returned.
        """
        return None

    def prepare(self, signals: Sequence[Signal], spec: AssetSpec, setup: Setup) -> Iterator[AssetState]:
        """Builds an asset; for codecs whose `asset_spec` asks for one.

        Args:
            signals: Those of the fits that share it, in the same order; of an asset that decoding needs, training
                signals, none of which is among them.
            spec: What `asset_spec` or `base_spec` returned.
            setup: With the asset of the spec's own `base_spec`.

        Yields:
            States often enough that a caller who wants to stop can do so within seconds; the last one has the asset.

        Raises:
            TrialError: The training diverged (NaN).
        """
        raise NotImplementedError(f"codec {self.name} shares nothing")

    @abstractmethod
    def fit(self, signals: Sequence[Signal], params: P, rungs: Sequence[int], setup: Setup) -> Iterator[S]:
        """Fits all signals together and yields states, among them one at each rung.

        A rung's state is a true operating point: it does not depend on which rungs come before or after it, so
        fitting to it directly gives the same bytes. A state is valid until the next one is asked for.

        Args:
            signals: Signals of one modality; sizes may differ.
            params: An instance of `Params`.
            rungs: Training lengths in steps, ascending.
            setup: With the asset of `params`; rungs that its checkpoint has passed are not yielded again.

        Raises:
            TrialError: The fit diverged (NaN).
        """

    @abstractmethod
    def encode(self, state: S) -> list[bytes]:
        """One complete file per signal, in the order of the signals, from a state at a rung."""

    @abstractmethod
    def decoder(self, file: Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        """What gives the values of the signal in a file, from nothing but the file (and the asset that it names).

        Args:
            file: A parsed file whose `codec_id` is this codec's.
            asset: The asset that the file names, if it names one.
            level: Which of `levels`, or a part of its name; None for the largest.

        Raises:
            InvalidFileError: The content contradicts itself.
            MissingAssetError: The file needs an asset, and this is not it.
            UserError: The file has no such level.
        """

    def needed_asset(self, file: Container) -> str | None:
        """The beginning of the SHA-256, in hex, of the asset without which a file cannot be decoded.

        None if it needs none, as the files of all configs whose asset is not one `needed_to_decode`.

        Raises:
            InvalidFileError: The file is corrupt.
        """
        return None

    def levels(self, file: Container) -> list[tuple[Level, int]]:
        """What a file can be trimmed to, the smallest network first: names and the bytes of the complete files.

        Empty for codecs whose files are of one rate, which keep this default and that of `trim`.

        Raises:
            InvalidFileError: The file is corrupt.
        """
        return []

    def trim(self, file: Container, level: Level) -> bytes:
        """A complete file that holds one level, named as in `decoder`, and all smaller ones. Nothing is decoded.

        Raises:
            InvalidFileError: The file is corrupt.
            UserError: The file has no such level.
        """
        raise no_levels()

    @abstractmethod
    def inspect(self, file: Container, *, asset: Asset | None = None) -> Inspection:
        """What the file says about itself; without the asset that it names, only what the file alone can tell.

        Raises:
            InvalidFileError: The file is corrupt, even where that shows only in what is coded.
            MissingAssetError: An asset is given, and it is not the one that the file names.
        """


AnyCodec = Codec[Any, Any]
"""A codec of which the caller knows nothing but the contract: it hands on parameters and states as they come."""
