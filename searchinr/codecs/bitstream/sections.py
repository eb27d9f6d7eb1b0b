"""The layout of scalable files: a header with a check sum, then sections with check sums of their own.

    header, at its end the bytes of each section without its check sum (varints)
    check sum of the file so far (2 bytes)
    each section | check sum of its name and itself (2 bytes)

The lengths stand in the header, so that damage to one of them is noticed instead of looking like a cut. Check sums
cover the sections' names, so that a section in the place of another is noticed as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.errors import InvalidFileError

Name = TypeVar("Name")


@dataclass(frozen=True)
class Naming(Generic[Name]):
    """How sections are called.

    Attributes:
        code: Bytes that differ from those of all other sections.
        text: For messages, e.g. ``"depth 3, width 24"``.
    """

    code: Callable[[Name], bytes]
    text: Callable[[Name], str]


def pack(head: bytes, header: Writer, sections: Mapping[Name, bytes], naming: Naming[Name]) -> bytes:
    """A whole file: what stands before the body, the body's header up to the lengths, and sections in this order."""
    checked = [section + container.check_sum(naming.code(name) + section) for name, section in sections.items()]
    return pack_header(head, header, sections) + b"".join(checked)


def pack_header(head: bytes, header: Writer, sections: Mapping[Name, bytes]) -> bytes:
    """The file up to its first section; see `pack`."""
    out = Writer()
    out.data += header.data
    for section in sections.values():
        out.varint(len(section))
    data = head + bytes(out.data)
    return data + container.check_sum(data)


def read(
    file: container.Container, reader: Reader, names: list[Name], naming: Naming[Name], *, needed: int = 1
) -> tuple[dict[Name, bytes], int]:
    """The sections that are whole.

    Args:
        file: The file.
        reader: Stands in its body at the first length.
        names: Of all sections that the file was meant to have.
        naming: How they are called.
        needed: How many of them have to be whole.

    Returns:
        Sections by name, in their order, and the bytes of the one in which the file was cut.

    Raises:
        InvalidFileError: Something is corrupt, or too little is whole.
    """
    lengths = {name: reader.varint() for name in names}
    header = file.body[: reader.position]
    container.verify(file.head + header, reader.take(container.CHECK_BYTES), "the header")
    rest = reader.rest()
    sections: dict[Name, bytes] = {}
    start = 0
    for name, length in lengths.items():
        stop = start + length
        if stop + container.CHECK_BYTES > len(rest):
            break
        sections[name] = rest[start:stop]
        check = rest[stop : stop + container.CHECK_BYTES]
        container.verify(naming.code(name) + sections[name], check, f"the section of {naming.text(name)}")
        start = stop + container.CHECK_BYTES
    if len(sections) < needed:
        least = sum(length + container.CHECK_BYTES for length in list(lengths.values())[:needed])
        smallest = file.size - len(rest) + least
        raise InvalidFileError(f"the file is truncated: of its first {smallest} bytes, {file.size} were found")
    if len(sections) == len(lengths) and start < len(rest):
        raise InvalidFileError(f"{len(rest) - start} bytes found after the end of the file: it is corrupt")
    return sections, len(rest) - start
