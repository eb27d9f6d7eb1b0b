"""The figures of an operating point: the means over the signals, and beside them a table of every single signal.

A dataset may have thousands of signals and a search thousands of points. A table is therefore kept as one packed text.
It takes about 70 bytes for each signal, and is unpacked only when a column or a row of the table is asked for.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from searchinr.errors import UserError

_TYPES = {"bytes": "<i4", "rate": "<f8", "psnr_db": "<f8", "encode_s": "<f4", "decode_s": "<f4"}
"""The columns that every table has, with their types as numpy writes them; a metric's column is `_METRIC_TYPE`."""

_METRIC_TYPE = "<f8"
_HASH_BYTES = 32  # SHA-256


def _printable(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):  # half a character, which no file can hold
        raise PydanticCustomError("text", "text of whole characters")
    return text


Text = Annotated[str, Strict(), AfterValidator(_printable)]
"""Text in a line of a ledger, which can be printed and stored."""

Whole = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
"""A count, an index or a seed."""

Amount = Annotated[float, Strict(), Field(ge=0, le=1e30)]
"""Seconds, bytes or multiply-accumulates."""

Rate = Annotated[float, Strict(), Field(gt=0, le=1e30)]
"""A rate, whose logarithm is taken."""

Quality = Annotated[float, Strict(), Field(ge=-1e6, le=1e6)]
"""A PSNR in dB, or a metric of a modality."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a training.

    Attributes:
        macs: Multiply-accumulates, summed over all signals.
        train_s: Seconds of training.
        device: Name of the device on which the training ran.
    """

    macs: Amount
    train_s: Amount
    device: Text


@dataclass(frozen=True, kw_only=True)
class SignalFigures:
    """The figures of one signal's file.

    Attributes:
        name: Name of the signal.
        bytes: Size of its file.
        rate: Rate of the file in the modality's unit.
        psnr_db: PSNR in dB of the signal that is decoded from the file.
        metrics: The modality's further metrics by name, such as ``ssim``.
        encode_s: Seconds of training and encoding: the signal's share of the time that its batch took.
        decode_s: Seconds of decoding.
        sha256: SHA-256 of the file in hexadecimal digits.
    """

    name: str
    bytes: int
    rate: float
    psnr_db: float
    metrics: Mapping[str, float]
    sha256: str
    encode_s: float = 0.0
    decode_s: float = 0.0

    def figure(self, name: str) -> float | None:
        """The PSNR or a metric of the modality by its name; None if it is not measured."""
        return self.psnr_db if name == "psnr_db" else self.metrics.get(name)

    def as_json(self) -> dict[str, Any]:
        """All figures in one flat mapping; the metrics stand beside the other figures."""
        return {**{key: value for key, value in vars(self).items() if key != "metrics"}, **self.metrics}


class _Columns(NamedTuple):
    """An unpacked table of n signals: the numbers of each column, `(n,)`, and the bytes of the hashes, `(n, 32)`."""

    names: tuple[str, ...]
    numbers: dict[str, NDArray[np.number]]
    hashes: NDArray[np.uint8]


@dataclass(frozen=True)
class SignalTable:
    """The figures of every signal at one operating point.

    The text is a zlib stream in base64. The stream holds the length of a JSON header in 4 bytes, the header (names of
    the signals, and name and type of every column), the columns as numpy lays them out, and the hashes.

    Attributes:
        packed: The text in which the table is kept.
    """

    packed: Text

    @classmethod
    def of(cls, rows: Sequence[SignalFigures]) -> "SignalTable":
        """Makes a table of these rows, all of which must have the same metrics."""
        metrics = list(rows[0].metrics) if rows else []
        types = _TYPES | dict.fromkeys(metrics, _METRIC_TYPE)
        columns = {key: [getattr(row, key) for row in rows] for key in _TYPES}
        columns |= {key: [row.metrics[key] for row in rows] for key in metrics}
        header = json.dumps({"names": [row.name for row in rows], "types": types}).encode()
        parts = [len(header).to_bytes(4, "little"), header]
        parts += [np.array(columns[key], dtype).tobytes() for key, dtype in types.items()]
        parts += [bytes.fromhex(row.sha256) for row in rows]
        return cls(base64.b64encode(zlib.compress(b"".join(parts))).decode())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the signals, in the order of the dataset."""
        return self._columns.names

    def columns(self) -> dict[str, Sequence[str] | NDArray[np.number]]:
        """The columns of the table, `(n,)` for n signals: their names, every figure, and the hashes in hexadecimal."""
        names, numbers, hashes = self._columns
        return {"name": names, **numbers, "sha256": [row.tobytes().hex() for row in hashes]}

    def row(self, name: str) -> SignalFigures:
        """The figures of the signal called `name`; `ValueError` if there is no such signal."""
        return self[self.names.index(name)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> SignalFigures:
        names, numbers, hashes = self._columns
        found = {key: column[index].item() for key, column in numbers.items()}
        return SignalFigures(
            name=names[index],
            metrics={key: found.pop(key) for key in numbers if key not in _TYPES},
            sha256=hashes[index].tobytes().hex(),
            **found,
        )

    def __iter__(self) -> Iterator[SignalFigures]:
        return (self[index] for index in range(len(self)))

    @cached_property
    def _columns(self) -> _Columns:
        try:
            data = zlib.decompress(base64.b64decode(self.packed, validate=True))
            start = 4 + int.from_bytes(data[:4], "little")
            header = json.loads(data[4:start])
            names, numbers = tuple(header["names"]), {}
            for key, dtype in header["types"].items():
                numbers[key] = np.frombuffer(data, dtype, len(names), start)
                start += numbers[key].nbytes
            hashes = np.frombuffer(data, np.uint8, offset=start).reshape(len(names), _HASH_BYTES)
            if not all(isinstance(name, str) for name in names) or numbers.keys() < _TYPES.keys():
                raise ValueError("no table of signals")
            if (numbers["rate"] <= 0).any() or not all(np.isfinite(column).all() for column in numbers.values()):
                raise ValueError("a figure that no file has")
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise UserError(
                f"the figures of the single signals at a point are damaged ({error}); restore the ledger"
            ) from error
        return _Columns(names, numbers, hashes)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of an operating point.

    Attributes:
        init: ``"scratch"``, or the label of the asset that the fit started from.
        modality: Name of the modality.
        psnr_db: PSNR in dB, the mean over signals.
        psnr_of_mean_mse_db: The other convention: PSNR in dB of the mean over signals of the squared error.
        metrics: The modality's further metrics by name, such as ``ssim``: means over signals.
        rate: The mean over signals, in the modality's unit.
        rate_unit: The modality's unit of rate.
        decode_macs_per_sample: Multiply-accumulates that decoding takes for each sample; None if that is not known.
        decodes_with: Label of the asset that is needed to decode the files; None if none is needed.
        mean_bytes: Size of a file, the mean over signals.
        encode_s: Seconds of training and encoding, the mean over signals.
        decode_s: Seconds of decoding, the mean over signals.
        signals: The figures of every signal.
        cost: The cost of training.
    """

    init: Text
    modality: Text
    psnr_db: Quality
    psnr_of_mean_mse_db: Quality
    rate: Rate
    rate_unit: Text
    mean_bytes: Amount
    encode_s: Amount
    decode_s: Amount
    signals: SignalTable
    cost: Cost
    metrics: Mapping[Text, Quality] = field(default_factory=dict)
    decode_macs_per_sample: Amount | None = None
    decodes_with: Text | None = None

    @classmethod
    def invented(cls, psnr_db: float, rate: float) -> "Figures":
        """Figures for a simulation, in which no file exists: only the PSNR and the rate have a meaning."""
        return cls(
            init="scratch",
            modality="invented",
            psnr_db=psnr_db,
            psnr_of_mean_mse_db=psnr_db,
            rate=rate,
            rate_unit="",
            mean_bytes=0.0,
            encode_s=0.0,
            decode_s=0.0,
            signals=SignalTable.of([]),
            cost=Cost(macs=0.0, train_s=0.0, device=""),
        )

    def figure(self, name: str) -> float | None:
        """A figure that objectives and constraints may name; None if it is not measured."""
        value = self.metrics.get(name, getattr(self, name, None) if name in PLAIN_FIGURES else None)
        return None if value is None else float(value)


PLAIN_FIGURES = ("psnr_db", "rate", "encode_s", "decode_s", "decode_macs_per_sample")
"""The figures that every modality has; the metrics of a modality come beside them."""
