"""What a PNG file says of itself before its pixels: size and text chunks. No pixel is read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What is longer is no text of ours.
_LONGEST_TEXT = 1 << 20


@dataclass(frozen=True)
class PngFacts:
    """Size and text of a PNG file.

    Attributes:
        width, height: in pixels.
        text: keyword to text, of the chunks that `drawing.png` writes: tEXt, and iTXt without compression.
    """

    width: int
    height: int
    text: Mapping[str, str]


def read_png_facts(file: BinaryIO) -> PngFacts | None:
    """Read the chunks before the pixels (PNG specification, third edition, sections 5 and 11).

    Args:
        file: at its start.

    Returns:
        the facts, or None where it is no PNG file or is cut before its pixels.
    """
    if file.read(8) != _SIGNATURE:
        return None
    width = height = 0
    text: dict[str, str] = {}
    for kind, data in _chunks(file):
        if kind == b"IHDR":
            if len(data) < 8:
                return None
            width, height = struct.unpack_from(">II", data)
        elif kind == b"tEXt":
            keyword, _, value = data.partition(b"\0")
            text[keyword.decode("latin-1")] = value.decode("latin-1")
        elif kind == b"iTXt":
            keyword, _, rest = data.partition(b"\0")
            if rest[:1] == b"\0":
                text[keyword.decode("latin-1")] = rest[2:].split(b"\0", 2)[-1].decode("utf-8", "replace")
        elif kind == b"IDAT":
            return PngFacts(width, height, text) if width and height else None
    return None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk; none after one that is damaged, and IDAT without its content."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            yield kind, b""
            return
        if length > _LONGEST_TEXT:
            file.seek(length + 4, 1)
            continue
        data, checksum = file.read(length), file.read(4)
        if len(checksum) < 4 or zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(checksum, "big"):
            return
        yield kind, data
