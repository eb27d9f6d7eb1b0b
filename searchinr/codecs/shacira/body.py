"""The body of an `.inr` file of codec `shacira`: a header and a section for each level.

    quantiser of the network (4 bits; 0: fp16) | hidden layers - 1 (4 bits)
    weight_bits - 1 (4 bits; 0 with fp16) | latent dimensions - 1 (4 bits)
    width - 1 (1 byte)
    bit-width of latents - 1 (3 bits) | levels kept - 1 (5 bits): all that are not empty, unless the file was trimmed
    the grid's own parameters (see `Hashgrid`)
    levels kept that are not empty (1 bit each, the first level in the lowest bit, in whole bytes)
    the network and, of each level that is not empty, the latents (see `coded_tensors`, `coded_latents`), as `sections`

If a level is empty or was cut off, its latents count as zeros, and so do its features.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream import container, sections
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import SymbolRange, symbol_range
from searchinr.codecs.fields.contract import TensorSpec
from searchinr.codecs.fields.hashgrid import Hashgrid
from searchinr.codecs.fitting.layouts import field_shape
from searchinr.codecs.params.network_params import FP16
from searchinr.codecs.quantize.contract import Quantizer, unpack_weights
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.shacira import coded_latents
from searchinr.codecs.shacira.objective import DECODER
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Layout
from searchinr.space import Value

MAX_LATENT_BITS = 8
MAX_LATENTS = 2**24
_FP16_ID = 0
_NETWORK = 0  # the number of its section; levels count from 1

_NAMING = sections.Naming[int](
    code=lambda number: bytes([number]), text=lambda number: f"level {number}" if number else "the network"
)


def network_parts(field: Hashgrid, latent_dim: int, bits: int) -> list[QuantSpec]:
    """The tensors of the network and of the latents' decoder as they are to be quantised, each with one step."""
    decoder = TensorSpec(DECODER, (latent_dim, field.params.features), "hidden")
    return [QuantSpec(spec.name, spec.shape, bits) for spec in (decoder, *field.network_tensors())]


@dataclass(frozen=True)
class Architecture:
    """The part of a file's description that trimming does not change.

    Attributes:
        field: The hash grid.
        latent_dim: How many integers an entry has.
        quantizer: The quantiser of the network; None for fp16.
        weight_bits: The bit-width of the network; None for fp16.
        latent_bits: The bit-width of the latents.
    """

    field: Hashgrid
    latent_dim: int
    quantizer: type[Quantizer] | None
    weight_bits: int | None
    latent_bits: int

    @property
    def parts(self) -> list[QuantSpec]:
        """The network's tensors and the latents' decoder, in the order of files."""
        return network_parts(self.field, self.latent_dim, self.weight_bits or 0)

    @property
    def symbols(self) -> SymbolRange:
        """The values of latents."""
        return symbol_range(self.latent_bits)

    def entries(self, level: int) -> int:
        """Of a level, counted from 1."""
        return self.field.grid.levels[level - 1].entries

    def write(self, out: Writer, kept: int) -> None:
        """Appends the bytes that `read` reads."""
        quantizer = _FP16_ID if self.quantizer is None else self.quantizer.id
        out.byte(quantizer << 4 | (self.field.shape.depth - 1))
        out.byte(((self.weight_bits or 1) - 1) << 4 | (self.latent_dim - 1))
        out.byte(self.field.shape.width - 1)
        out.byte((self.latent_bits - 1) << 5 | (kept - 1))
        self.field.pack(out)

    @classmethod
    def read(cls, reader: Reader, layout: Layout) -> tuple[Self, int]:
        """What `write` wrote for signals of a layout; `InvalidFileError` where it makes no sense."""
        number, depth = divmod(reader.byte(), 16)
        weight_bits, latent_dim = (1 + nibble for nibble in divmod(reader.byte(), 16))
        width = reader.byte() + 1
        latent_bits, kept = (1 + part for part in divmod(reader.byte(), 32))
        quantizer = None if number == _FP16_ID else QUANTIZERS.by_id(number)
        if quantizer is None and weight_bits > 1:
            raise InvalidFileError("the file claims a bit-width of weights in fp16: it is corrupt")
        field = Hashgrid.unpack(field_shape(layout, depth + 1, width), reader)
        if field.grid.entries * max(latent_dim, field.params.features) > MAX_LATENTS:
            raise InvalidFileError(f"the file claims more than {MAX_LATENTS} latents")
        if kept > len(field.grid.levels):
            raise InvalidFileError(f"the file claims to hold {kept} levels of {len(field.grid.levels)}: it is corrupt")
        return cls(field, latent_dim, quantizer, None if quantizer is None else weight_bits, latent_bits), kept


@dataclass(frozen=True)
class LatentFile:
    """The content of a file.

    Attributes:
        head: What stands before the body.
        architecture: What trimming does not change; see there.
        kept: How many levels the file was meant to hold.
        sections: The sections that are whole, by number: 0 is the network, and the others are levels, if not empty.
        incomplete: Bytes of the section in which the file was cut.
    """

    head: bytes
    architecture: Architecture
    kept: int
    sections: Mapping[int, bytes]
    incomplete: int = 0

    @classmethod
    def of(cls, head: bytes, architecture: Architecture, network: bytes, latents: list[NDArray[np.int32]]) -> Self:
        """The file with this network and these latents, `(entries, D)` for each level."""
        packed = {
            number: coded_latents.pack(level, architecture.symbols)
            for number, level in enumerate(latents, start=1)
            if level.any()
        }
        return cls(head, architecture, max(packed, default=1), {_NETWORK: network, **packed})

    @classmethod
    def parse(cls, file: container.Container) -> Self:
        """Reads the header and whatever is whole behind it, without decoding.

        Raises:
            InvalidFileError: Something is corrupt, or not even the first level is whole.
        """
        reader = Reader(file.body)
        architecture, kept = Architecture.read(reader, file.layout)
        mask = int.from_bytes(reader.take(-(-kept // 8)), "little")
        if mask >> kept:
            raise InvalidFileError(f"the file claims to hold levels beyond {kept}: it is corrupt")
        names = [_NETWORK, *(number for number in range(1, kept + 1) if mask >> (number - 1) & 1)]
        whole, incomplete = sections.read(file, reader, names, _NAMING, needed=1 + (mask & 1))
        return cls(file.head, architecture, kept, whole, incomplete)

    def pack(self) -> bytes:
        """The whole file."""
        out = Writer()
        self.architecture.write(out, self.kept)
        mask = sum(1 << (number - 1) for number in self.sections if number != _NETWORK)
        out.data += mask.to_bytes(-(-self.kept // 8), "little")
        return sections.pack(self.head, out, self.sections, _NAMING)

    @property
    def levels(self) -> list[int]:
        """The levels that the file can be cut to: the first, and the others that are whole and not empty."""
        return [1, *(number for number in self.sections if number > 1)]

    def trimmed(self, level: int) -> Self:
        """A file with this one of `levels` as its finest."""
        kept = {number: section for number, section in self.sections.items() if number <= level}
        return replace(self, kept=level, sections=kept, incomplete=0)

    def stored_bytes(self) -> dict[str, int]:
        """Bytes of each section with its check sum."""
        return {
            f"level {number}" if number else "network": len(section) + container.CHECK_BYTES
            for number, section in self.sections.items()
        }

    def weights(self, level: int) -> dict[str, Tensor]:
        """What the field's `forward` takes, with zeros for the features of finer levels: `{name: (1, *shape)}`.

        Raises:
            InvalidFileError: No encoder writes such sections.
        """
        architecture = self.architecture
        grid = architecture.field.grid
        stored = unpack_weights(architecture.parts, self.sections[_NETWORK], architecture.quantizer)
        network = {name: torch.from_numpy(weights) for name, weights in stored.items()}
        decoder = network.pop(DECODER)  # (D, F)
        table = torch.zeros(grid.entries, architecture.field.params.features)
        for number in self.trimmed(level).sections:
            if number != _NETWORK:
                latents, _ = self._latents(number)
                table[grid.starts[number - 1] : grid.starts[number]] = torch.from_numpy(latents).float() @ decoder
        return {name: weight.unsqueeze(0) for name, weight in {**network, "table": table}.items()}

    def _latents(self, level: int) -> tuple[NDArray[np.int32], list[str]]:
        architecture = self.architecture
        entries, section = architecture.entries(level), self.sections[level]
        return coded_latents.unpack(section, entries, architecture.latent_dim, architecture.symbols)

    def models(self) -> dict[str, str]:
        """How the latents of each level are coded; `InvalidFileError` where they are not."""
        return {
            f"level {number}": ", ".join(self._latents(number)[1]) for number in self.sections if number != _NETWORK
        }

    def quantization(self) -> dict[str, Value]:
        """Quantiser and bit-width of the network."""
        if self.architecture.quantizer is None:
            return {"quantizer": FP16}
        return {"quantizer": self.architecture.quantizer.name, "weight_bits": self.architecture.weight_bits or 0}
