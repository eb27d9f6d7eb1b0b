"""The body of an `.inr` file of codec `once_for_all`: a header and nested sections.

    depths kept - 1 (4 bits) | widths kept - 1 (4 bits): all, unless the file was trimmed
    backbone (4 bits) | quantiser (4 bits; 0: fp16)
    weight_bits - 1 (4 bits) | edge_bits - 1 (4 bits); not with fp16
    depths (2 bytes): bit d - 1 is set for depth d
    last_bits are not edge_bits (1 bit) | number of widths (7 bits)
    last_bits - 1 (1 byte), if they are not edge_bits
    the narrowest width, and what each adds to the one before (varints)
    the backbone's own parameters
    the shells of each size (see `shells`, `coded_tensors`), as `sections`

Sections are ordered by the number of weights of the subnet that each completes, the smallest first. So every section
comes after all others that its subnet needs, and a file that is cut holds all subnets whose own section is whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.bitstream import container, sections
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.steps import MAX_BITS
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.layouts import field_shape
from searchinr.codecs.fitting.supernet import MakeField, Supernet
from searchinr.codecs.once_for_all.shells import Shells, Size, all_weights, sizes
from searchinr.codecs.params.bit_widths import BitWidths
from searchinr.codecs.params.network_params import FP16, MAX_WIDTH
from searchinr.codecs.params.sizes import MAX_SIZES
from searchinr.codecs.quantize.contract import Quantizer, unpack_weights
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Layout
from searchinr.space import Value

MAX_WEIGHTS = 2**24
_FP16_ID = 0


@dataclass(frozen=True)
class Architecture:
    """The part of a file's description that trimming does not change.

    Attributes:
        supernet: All sizes that there were before anything was trimmed.
        quantizer: The quantiser; None for fp16.
        bits: Bit-widths of weights.
    """

    supernet: Supernet
    quantizer: type[Quantizer] | None
    bits: BitWidths

    @cached_property
    def sizes(self) -> list[Size]:
        """All sizes in the order of files."""
        return sizes(self.supernet)

    def shells(self, device: torch.device | None = None) -> Shells:
        """The shells of the supernet, to be split and joined on a device, the CPU if none is given."""
        return Shells(self.supernet, self.bits, device or torch.device("cpu"))

    def quantization(self) -> dict[str, Value]:
        """Quantiser and bit-widths."""
        if self.quantizer is None:
            return {"quantizer": FP16}
        return {"quantizer": self.quantizer.name, **self.bits._asdict()}

    def write(self, out: Writer) -> None:
        """Appends the bytes that `read` reads."""
        depths, widths, field = self.supernet.depths, self.supernet.widths, self.supernet.largest
        out.byte(field.id << 4 | (_FP16_ID if self.quantizer is None else self.quantizer.id))
        if self.quantizer is not None:
            out.byte((self.bits.weight_bits - 1) << 4 | (self.bits.edge_bits - 1))
        out.data += sum(1 << (depth - 1) for depth in depths).to_bytes(2, "big")
        has_last_bits = self.bits.last_bits != self.bits.edge_bits
        out.byte(has_last_bits << 7 | len(widths))
        if has_last_bits:
            out.byte(self.bits.last_bits - 1)
        for width, before in zip(widths, (0, *widths), strict=False):
            out.varint(width - before)
        field.pack(out)

    @classmethod
    def read(cls, reader: Reader, layout: Layout) -> Self:
        """What `write` wrote for signals of a layout; `InvalidFileError` where it makes no sense."""
        packed = reader.byte()
        field_class = FIELDS.by_id(packed >> 4)
        quantizer = None if packed & 15 == _FP16_ID else QUANTIZERS.by_id(packed & 15)
        if quantizer is not None and quantizer.has_book:
            raise InvalidFileError(f"the file claims quantiser {quantizer.name}, which has code books: it is corrupt")
        weight_bits, edge_bits = (0, 0) if quantizer is None else (1 + nibble for nibble in divmod(reader.byte(), 16))
        mask = int.from_bytes(reader.take(2), "big")
        depths = tuple(depth for depth in range(1, 17) if mask >> (depth - 1) & 1)
        has_last_bits, count = divmod(reader.byte(), 128)
        if not (depths and 1 <= count <= MAX_SIZES):
            raise InvalidFileError(f"the file claims {len(depths)} depths and {count} widths: 1 to 16 are allowed")
        last_bits = reader.byte() + 1 if has_last_bits else edge_bits
        if last_bits > (0 if quantizer is None else MAX_BITS):
            raise InvalidFileError(f"the file claims a last layer of {last_bits} bits: it is corrupt")
        widths = tuple(np.cumsum([reader.varint() for _ in range(count)]).tolist())
        if sorted({0, *widths}) != [0, *widths] or widths[-1] > MAX_WIDTH:
            raise InvalidFileError(f"the file claims the widths {widths}: allowed are 1 to {MAX_WIDTH}, ascending")
        own = reader.rest()
        start = reader.position
        field_class.unpack(field_shape(layout, depths[-1], widths[-1]), reader)
        supernet = Supernet(_unpacked(field_class, layout, own[: reader.position - start]), depths, widths)
        if all_weights(supernet) > MAX_WEIGHTS:
            raise InvalidFileError(f"the file claims more than {MAX_WEIGHTS} weights")
        return cls(supernet, quantizer, BitWidths(weight_bits, edge_bits, last_bits))


def _unpacked(field_class: type[Field], layout: Layout, own: bytes) -> MakeField:
    @cache
    def make(depth: int, width: int) -> Field:
        return field_class.unpack(field_shape(layout, depth, width), Reader(own))

    return make


@dataclass(frozen=True)
class Nested:
    """The content of a file.

    Attributes:
        head: What stands before the body.
        architecture: The supernet.
        kept: The largest size that the file was meant to hold: that of the supernet, unless it was trimmed.
        sections: The shells of each size that is there as a whole, coded, in the order of files.
        incomplete: Bytes of the section in which the file was cut.
    """

    head: bytes
    architecture: Architecture
    kept: Size
    sections: Mapping[Size, bytes]
    incomplete: int = 0

    @classmethod
    def parse(cls, file: container.Container) -> Self:
        """Reads the header and whatever is whole behind it, without decoding.

        Raises:
            InvalidFileError: Something is corrupt, or nothing is whole.
        """
        reader = Reader(file.body)
        kept_depths, kept_widths = divmod(reader.byte(), 16)
        architecture = Architecture.read(reader, file.layout)
        supernet = architecture.supernet
        if kept_depths >= len(supernet.depths) or kept_widths >= len(supernet.widths):
            raise InvalidFileError("the file claims more depths or widths than it names: it is corrupt")
        kept = Size(supernet.depths[kept_depths], supernet.widths[kept_widths])
        names = [size for size in architecture.sizes if kept.holds(size)]
        whole, incomplete = sections.read(file, reader, names, _NAMING)
        return cls(file.head, architecture, kept, whole, incomplete)

    def pack(self) -> bytes:
        """The whole file."""
        return sections.pack(self.head, self._header(), self.sections, _NAMING)

    def header(self) -> bytes:
        """The file up to its first section."""
        return sections.pack_header(self.head, self._header(), self.sections)

    def _header(self) -> Writer:
        supernet = self.architecture.supernet
        out = Writer()
        out.byte(supernet.depths.index(self.kept.depth) << 4 | supernet.widths.index(self.kept.width))
        self.architecture.write(out)
        return out

    @property
    def largest(self) -> Size:
        """The size of the largest subnet that is whole."""
        return list(self.sections)[-1]

    def stored_bytes(self) -> dict[Size, int]:
        """Bytes of each section with its check sum."""
        return {size: len(section) + container.CHECK_BYTES for size, section in self.sections.items()}

    def trimmed(self, size: Size) -> Self:
        """A file with this size as its largest; it has to be one of `sections`."""
        smaller = {each: section for each, section in self.sections.items() if size.holds(each)}
        return replace(self, kept=size, sections=smaller, incomplete=0)

    def weights(self, size: Size) -> dict[str, Tensor]:
        """The weights of a subnet, one of `sections`: `{name: (1, *shape)}`.

        Raises:
            InvalidFileError: No encoder writes such sections.
        """
        shells = self.architecture.shells()
        found: dict[str, Tensor] = {}
        for smaller in self.trimmed(size).sections:
            decoded = unpack_weights(shells.parts(smaller), self.sections[smaller], self.architecture.quantizer)
            found.update({name: torch.from_numpy(values).unsqueeze(0) for name, values in decoded.items()})
        return self.architecture.supernet.subnet(shells.join(found), *size)


_NAMING = sections.Naming[Size](
    code=lambda size: size.depth.to_bytes(1, "big") + size.width.to_bytes(2, "big"),
    text=lambda size: f"depth {size.depth}, width {size.width}",
)
