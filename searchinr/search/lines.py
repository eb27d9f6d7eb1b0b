"""The lines of a ledger, one class for each kind, and how they are written as JSON and read again.

A line says which work it is about (`Fit` or `AssetWork`, with the same fields as a job) and what came of that work. In
JSON all fields stand in one object, with ``kind`` among them; codec and parameters of the config are the keys ``codec``
and ``params``. A field with its default value is not written, and a reader ignores keys that it does not know.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from searchinr.search.configs import Config
from searchinr.search.figures import Cost, Figures, SignalFigures, SignalTable


@dataclass(frozen=True, kw_only=True)
class Work:
    """A piece of work that a worker can be given, and that a ledger line can be about.

    Attributes:
        dataset: Label of the dataset.
        config: The codec with its parameters; for an asset, only the parameters that the asset depends on.
        seed: Seed of the training.
        confirms: Whether the work serves to confirm a point on the front with another seed.
    """

    dataset: str
    config: Config
    seed: int
    confirms: bool = False

    def shared(self, kind: type["Work"]) -> dict[str, Any]:
        """The fields that this work has in common with `kind`, by name: a line about the work is made from them."""
        return {each.name: vars(self)[each.name] for each in fields(kind) if each.name in vars(self)}


@dataclass(frozen=True, kw_only=True)
class Fit(Work):
    """A fit that is trained up to a rung.

    Attributes:
        trial: Config hash of the trial.
        rung: Index of the rung.
        steps: Training length at that rung.
    """

    trial: str
    rung: int
    steps: int

    @property
    def fit_name(self) -> str:
        """The name of the fit, the same at every rung. It names the trial, or the confirmation with its seed."""
        return f"{self.trial}-{self.rung}-seed{self.seed}" if self.confirms else self.trial


@dataclass(frozen=True, kw_only=True)
class AssetWork(Work):
    """The building of an asset.

    Attributes:
        asset: Name of the asset in the run: `name` and a hash of everything that the asset depends on.
        name: One word for what the asset is.
        built_from: Label of the signals that the asset is built from; empty in ledgers that do not have this field.
        needed_to_decode: Whether files name the asset and cannot be decoded without it.
    """

    asset: str
    name: str
    built_from: str = ""
    needed_to_decode: bool = False


@dataclass(frozen=True, kw_only=True)
class _Recorded(Work):
    """Any line of a ledger.

    Attributes:
        kind: The kind of line, as JSON has it.
        time: When the line was made, in seconds since 1970.
    """

    kind: ClassVar[str]
    time: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True)
class TrialStarted(_Recorded):
    """A trial was started.

    Attributes:
        trial: Config hash of the trial.
        number: How many trials of the dataset were chosen before this one.
    """

    kind = "trial"
    trial: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Measured(_Recorded, Fit, Figures):
    """A fit was measured at a rung.

    Attributes:
        resumed_at: The training step from which the worker continued the fit.
    """

    resumed_at: int = 0


@dataclass(frozen=True, kw_only=True)
class Point(Measured):
    """An operating point of a trial was measured."""

    kind = "point"


@dataclass(frozen=True, kw_only=True)
class Confirmation(Measured):
    """A point on the front was fitted again with another seed."""

    kind = "confirmation"


@dataclass(frozen=True, kw_only=True)
class FitFailed(_Recorded, Fit):
    """A trial has failed or, if `confirms` is set, a confirmation has failed.

    Attributes:
        reason: Why the fit failed.
    """

    kind = "failed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(_Recorded, Fit):
    """A fit ran out of memory beside other fits and is tried again alone; if it fails again, `FitFailed` follows.

    Attributes:
        reason: The text of the error.
    """

    kind = "out_of_memory"
    reason: str


@dataclass(frozen=True, kw_only=True)
class AssetBuilt(_Recorded, AssetWork):
    """An asset was built.

    Attributes:
        sha256: SHA-256 of the asset's content, in hexadecimal digits.
        bytes: Size of the asset's file.
        cost: What training the asset has cost.
        resumed_at: The training step from which the worker continued to build it.
        cached: Whether the asset was built for another run and taken from the cache.
    """

    kind = "asset"
    sha256: str
    bytes: int
    cost: Cost
    resumed_at: int = 0
    cached: bool = False

    @property
    def label(self) -> str:
        """The label by which points and files name the asset, see `Asset.label`."""
        return f"{self.name}@{self.sha256[:12]}"


@dataclass(frozen=True, kw_only=True)
class AssetFailed(_Recorded, AssetWork):
    """An asset could not be built.

    Attributes:
        reason: Why it could not be built.
    """

    kind = "asset_failed"
    reason: str


FitLine = Point | Confirmation | FitFailed | OutOfMemory
"""A line that reports on a fit whose trial has a `TrialStarted` line before it."""

Line = TrialStarted | FitLine | AssetBuilt | AssetFailed
"""A line of a ledger."""

_CLASSES: dict[str, type[Line]] = {
    line.kind: line for line in (TrialStarted, Point, Confirmation, FitFailed, OutOfMemory, AssetBuilt, AssetFailed)
}


_ALLOWED: dict[type, tuple[type, ...]] = {float: (float, int)}
"""The types that a value in JSON may have for a field of the given type, if there are others than that type itself."""


def dump_line(line: Line) -> bytes:
    """The line as JSON, without a line break; `ValueError` if a number is NaN or infinite."""
    row: dict[str, Any] = {"kind": line.kind}
    for each in fields(line):
        value = getattr(line, each.name)
        match value:
            case Config():
                row |= {"codec": value.codec, "params": value.params}
            case Cost():
                row[each.name] = asdict(value)
            case SignalTable():
                row[each.name] = value.packed
            case _ if value != each.default and value != {}:
                row[each.name] = value
    return json.dumps(row, allow_nan=False, separators=(",", ":")).encode()


def parse_line(data: bytes | str) -> Line:
    """Reads a line from a row of JSON.

    Raises:
        json.JSONDecodeError: The row is not JSON, because it was torn off or damaged.
        LineError: The row is JSON, but not a complete line of a ledger.
    """
    row = json.loads(data)
    kind = row.get("kind") if isinstance(row, dict) else None
    if kind not in list(_CLASSES):  # a list, because `kind` may be unhashable in a damaged row
        raise LineError(f"its kind is {kind!r}, none of {', '.join(_CLASSES)}")
    cls = _CLASSES[kind]
    try:
        row = _with_packed_signals(row)
        row["config"] = Config(row.pop("codec"), row.pop("params"))
        if "cost" in row:
            row["cost"] = Cost(**row["cost"])
        if "signals" in row:
            row["signals"] = SignalTable(row["signals"])
    except KeyError as error:
        raise LineError(f"it lacks {error.args[0]}") from error
    except (TypeError, AttributeError) as error:
        raise LineError(str(error)) from error
    known = {each.name: each for each in fields(cls)}
    lacking = [
        name
        for name, each in known.items()
        if name not in row and each.default is MISSING and each.default_factory is MISSING
    ]
    if lacking:
        raise LineError(f"it lacks {', '.join(lacking)}")
    for name, each in known.items():
        if (
            name in row
            and isinstance(each.type, type)
            and not isinstance(row[name], _ALLOWED.get(each.type, each.type))
        ):
            raise LineError(f"its {name} is {row[name]!r}")
    return cls(**{name: row[name] for name in known if name in row})


class LineError(ValueError):
    """A row of JSON that is no line of a ledger."""


def _with_packed_signals(row: Mapping[str, Any]) -> dict[str, Any]:
    """Brings a row of an older ledger, which has a list of signals and SSIM at each point, into today's form."""
    signals = row.get("signals")
    if not isinstance(signals, list):
        return dict(row)
    own = ("ssim",)
    tables = [
        SignalFigures(
            **{key: value for key, value in signal.items() if key not in own},
            metrics={key: signal[key] for key in own if key in signal},
        )
        for signal in signals
    ]
    means = {key: float(np.mean([getattr(table, key) for table in tables])) for key in ("encode_s", "decode_s")}
    metrics = {key: row[key] for key in own if key in row}
    packed = SignalTable.of(tables).packed
    mean_bytes = float(np.mean([table.bytes for table in tables]))
    return {**row, **means, "mean_bytes": mean_bytes, "metrics": metrics, "signals": packed}
