"""The lines of a ledger, one class for each kind, and how they are written as JSON and read again.

A line says which work it is about (`Fit` or `AssetWork`, with the same fields as a job) and what came of that work. In
JSON all fields stand in one object, with ``kind`` among them; codec and parameters of the config are the keys ``codec``
and ``params``. A field with its default value is not written, and a reader ignores keys that it does not know.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, Strict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from searchinr.search.configs import Config
from searchinr.search.figures import Cost, Figures, SignalFigures, SignalTable, Text, Whole
from searchinr.space import shown

_Flag = Annotated[bool, Strict()]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A piece of work that a worker can be given, and that a ledger line can be about.

    Attributes:
        dataset: Label of the dataset.
        config: The codec with its parameters; for an asset, only the parameters that the asset depends on.
        seed: Seed of the training.
        confirms: Whether the work serves to confirm a point on the front with another seed.
    """

    dataset: Text
    config: Config
    seed: Whole
    confirms: _Flag = False

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

    trial: Text
    rung: Whole
    steps: Whole

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

    asset: Text
    name: Text
    built_from: Text = ""
    needed_to_decode: _Flag = False


@dataclass(frozen=True, kw_only=True)
class _Recorded(Work):
    """Any line of a ledger.

    Attributes:
        kind: The kind of line, as JSON has it.
        time: When the line was made, in seconds since 1970.
    """

    kind: ClassVar[str]
    time: Annotated[float, Strict(), Field(ge=0, lt=1e11)] = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True)
class TrialStarted(_Recorded):
    """A trial was started.

    Attributes:
        trial: Config hash of the trial.
        number: How many trials of the dataset were chosen before this one.
    """

    kind = "trial"
    trial: Text
    number: Whole


@dataclass(frozen=True, kw_only=True)
class Measured(_Recorded, Fit, Figures):
    """A fit was measured at a rung.

    Attributes:
        resumed_at: The training step from which the worker continued the fit.
    """

    resumed_at: Whole = 0


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
    reason: Text


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(_Recorded, Fit):
    """A fit ran out of memory beside other fits and is tried again alone; if it fails again, `FitFailed` follows.

    Attributes:
        reason: The text of the error.
    """

    kind = "out_of_memory"
    reason: Text


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
    sha256: Text
    bytes: Whole
    cost: Cost
    resumed_at: Whole = 0
    cached: _Flag = False

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
    reason: Text


FitLine = Point | Confirmation | FitFailed | OutOfMemory
"""A line that reports on a fit whose trial has a `TrialStarted` line before it."""

Line = TrialStarted | FitLine | AssetBuilt | AssetFailed
"""A line of a ledger."""

_READERS: dict[str, TypeAdapter[Line]] = {
    line.kind: TypeAdapter(line)
    for line in (TrialStarted, Point, Confirmation, FitFailed, OutOfMemory, AssetBuilt, AssetFailed)
}


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
            case str() if value != each.default:  # a reason may name a file whose name is not UTF-8
                row[each.name] = value.encode(errors="backslashreplace").decode()
            case _ if value != each.default and value != {}:
                row[each.name] = value
    return json.dumps(row, allow_nan=False, separators=(",", ":")).encode()


def parse_line(data: bytes | str) -> Line:
    """Reads a line from a row of JSON.

    Raises:
        json.JSONDecodeError: The row is not JSON, because it was torn off or damaged.
        LineError: The row is JSON, but not a complete line of a ledger.
    """
    try:
        row = json.loads(data)
    except RecursionError as error:
        raise LineError("it is nested too deeply") from error
    kind = row.get("kind") if isinstance(row, dict) else None
    if kind not in list(_READERS):  # a list, because `kind` may be unhashable in a damaged row
        raise LineError(f"its kind is {shown(kind)}, none of {', '.join(_READERS)}")
    try:
        row = _with_packed_signals(row)
    except KeyError as error:
        raise LineError(f"it lacks {error.args[0]}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise LineError(f"its signals are no list of them: {error}") from error
    row["config"] = {key: row[key] for key in ("codec", "params") if key in row}
    if "signals" in row:
        row["signals"] = {"packed": row["signals"]}
    try:
        return _READERS[kind].validate_python(row)
    except ValidationError as error:
        raise LineError(_fault(error.errors()[0])) from error


def _fault(error: ErrorDetails) -> str:
    """What is wrong with a row, in words."""
    names = [str(part) for part in error["loc"] if part not in ("config", "packed")]
    name = ".".join(names[:2])  # a third part says only which type was tried
    if error["type"] == "missing":
        return f"it lacks {name}"
    allowed = error["msg"].removeprefix("Input should be ")
    return f"its {name} is {shown(error['input'])}; allowed {allowed}"


class LineError(ValueError):
    """A row of JSON that is no line of a ledger."""


def _with_packed_signals(row: Mapping[str, Any]) -> dict[str, Any]:
    """Brings a row of an older ledger, which has a list of signals and SSIM at each point, into today's form."""
    signals = row.get("signals")
    if not isinstance(signals, list) or not signals:
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
