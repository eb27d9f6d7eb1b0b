"""Bytes in, bytes out: the integer encodings that `.inr` headers are made of."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from searchinr.errors import InvalidFileError

_MANTISSA = 16  # 4 bits with an implicit leading one
_EXPONENT_BIAS = 6
MIN_BYTE_FLOAT = _MANTISSA * 2.0**-_EXPONENT_BIAS
MAX_BYTE_FLOAT = (2 * _MANTISSA - 1) * 2.0 ** (15 - _EXPONENT_BIAS)


def byte_float_code(value: float) -> int:
    """The one-byte code of the positive float nearest to `value` (4 bits of exponent, 4 of mantissa).

    Codes stand for (16 + m) * 2**(e - 6): 0.25 to 15872 with at most 3 % error, and the constants of the papers
    (20, 30, 256, ...) are among them exactly.
    """
    exponent = min(max(math.floor(math.log2(max(value, MIN_BYTE_FLOAT))) - 4 + _EXPONENT_BIAS, 0), 15)
    mantissa = round(value * 2.0 ** (_EXPONENT_BIAS - exponent)) - _MANTISSA
    if mantissa == _MANTISSA and exponent < 15:
        exponent, mantissa = exponent + 1, 0
    return exponent << 4 | min(max(mantissa, 0), _MANTISSA - 1)


def byte_float_value(code: int) -> float:
    """The float that a one-byte code stands for."""
    return (_MANTISSA + (code & 15)) * 2.0 ** ((code >> 4) - _EXPONENT_BIAS)


def snap_to_byte(value: float) -> float:
    """`value` rounded to the nearest float that fits one byte of a header."""
    return byte_float_value(byte_float_code(value))


ByteFloat = Annotated[float, Field(ge=MIN_BYTE_FLOAT, le=MAX_BYTE_FLOAT), AfterValidator(snap_to_byte)]
"""A parameter that the decoder needs: snapped before training, so that encoder and decoder use the same value."""


class Writer:
    """Collects header bytes."""

    def __init__(self) -> None:
        self.data = bytearray()

    def byte(self, value: int) -> None:
        """Appends one byte, 0 to 255."""
        self.data.append(value)

    def byte_float(self, value: float) -> None:
        """Appends the one-byte code of a `ByteFloat`."""
        self.byte(byte_float_code(value))

    def varint(self, value: int) -> None:
        """Appends a non-negative integer in 7-bit groups, least significant first (LEB128)."""
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)


class Reader:
    """Reads what `Writer` wrote; every read past the end raises `InvalidFileError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def byte_float(self) -> float:
        """The float that the next byte stands for; every byte is valid."""
        return byte_float_value(self.byte())

    def varint(self) -> int:
        """The next variable-length integer, below 2**35."""
        value = 0
        for shift in range(0, 35, 7):
            group = self.byte()
            value |= (group & 0x7F) << shift
            if group < 0x80:
                return value
        raise InvalidFileError("the header holds an integer that is too large")

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._at

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        if length > len(self._data) - self._at:
            raise InvalidFileError("the file ends in the middle of its header: it is truncated")
        self._at += length
        return self._data[self._at - length : self._at]

    def rest(self) -> bytes:
        """All bytes not read yet."""
        return self._data[self._at :]
