"""PNG files as bytes, with text chunks."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featuremap_cli.drawing.page import Sheet

try:
    from isal import isal_zlib
except ImportError:  # there is no ISA-L for every processor
    isal_zlib = None  # type: ignore[assignment]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {"L": 0, "RGB": 2, "P": 3}
_UP = 2
_BLOCK_BYTES = 1 << 20
_ZLIB_HEADER = b"\x78\x01"
_ADLER_BASE = 65521
_METERS_AN_INCH = 0.0254


def encode(picture: Sheet | Image.Image, text: Mapping[str, str], dpi: int | None = None) -> bytes:
    """Return a picture as the bytes of a PNG file.

    Indexed where it has at most 256 colors. Every row is stored as its difference to the row above, which Pillow does
    not do for indexed pictures, and deflated by ISA-L: about four times as fast as zlib's fastest, for files 2% smaller
    to 9% larger. Where ISA-L is not there, zlib codes the lengths of runs.

    Args:
        picture: of mode L, P or RGB; a sheet brings its own text.
        text: what the file says of itself, keyword to text; a keyword has 1 to 79 Latin-1 characters.
        dpi: pixels to an inch, for programs that print; None says nothing of it.
    """
    if isinstance(picture, Sheet):
        return encode(picture.picture, {**picture.text, **text}, dpi)
    image = indexed(picture)
    pixels = np.asarray(image)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, _COLOR_TYPES[image.mode], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    if image.mode == "P":
        chunks.append(_chunk(b"PLTE", bytes(image.getpalette("RGB") or [])))
    if dpi is not None:
        a_meter = round(dpi / _METERS_AN_INCH)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", a_meter, a_meter, 1)))
    chunks += [_text_chunk(keyword, value) for keyword, value in text.items()]
    chunks += [_chunk(b"IDAT", part) for part in compressed(pixels.reshape(image.height, -1))]
    return b"".join([_SIGNATURE, *chunks, _chunk(b"IEND", b"")])


def indexed(picture: Image.Image) -> Image.Image:
    """Return `picture` with a palette where its colors fit into one, unchanged otherwise."""
    if picture.mode != "RGB":
        return picture if picture.mode in _COLOR_TYPES else picture.convert("RGB")
    found = picture.getcolors(256)
    if found is None:
        return picture
    # four bytes a pixel are one number, so that a color is found by one search
    packed = np.asarray(picture.convert("RGBA")).view("<u4")[..., 0]
    colors = np.full((len(found), 4), 255, np.uint8)
    colors[:, :3] = [color for _, color in found]
    keys = colors.view("<u4")[:, 0]
    order = np.argsort(keys)
    result = Image.fromarray(np.searchsorted(keys[order], packed).astype(np.uint8))
    result.putpalette(colors[order, :3].tobytes())
    return result


def compressed(rows: NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield the zlib stream of `rows` (height, bytes in a row) in parts.

    Blocks of rows are compressed each by itself, two and more at a time. A block of a megabyte loses next to nothing
    by not looking back over its beginning.
    """
    count = max(1, _BLOCK_BYTES // rows.shape[1])
    tops = range(0, rows.shape[0], count)
    checksum = 1
    yield _ZLIB_HEADER
    with ThreadPoolExecutor(min(len(tops), os.cpu_count() or 1)) as pool:
        for part, own_checksum, length in pool.map(lambda top: _compressed_block(rows, top, count), tops):
            yield part
            checksum = _joined_adler(checksum, own_checksum, length)
    yield struct.pack(">I", checksum)


def _compressed_block(rows: NDArray[np.uint8], top: int, count: int) -> tuple[bytes, int, int]:
    """Return `count` rows from `top` on as deflated bytes, the Adler-32 of what they hold, and how many those are."""
    block = rows[top : top + count]
    filtered = np.empty((block.shape[0], block.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = block[0] - rows[top - 1] if top else block[0]
    np.subtract(block[1:], block[:-1], out=filtered[1:, 1:])
    if isal_zlib is not None:
        coder = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    else:
        coder = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_RLE)
    last = top + count >= rows.shape[0]
    part = coder.compress(filtered.data) + coder.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    return part, zlib.adler32(filtered.data), filtered.size


def _joined_adler(first: int, second: int, length: int) -> int:
    """Return the Adler-32 of two byte strings joined, from that of each and the length of the second (RFC 1950)."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return high % _ADLER_BASE << 16 | low % _ADLER_BASE


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _text_chunk(keyword: str, value: str) -> bytes:
    """Return a tEXt chunk, or iTXt where the text is not Latin-1."""
    name = keyword.encode("latin-1")
    clean = value.replace("\0", " ")
    try:
        return _chunk(b"tEXt", name + b"\0" + clean.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + clean.encode("utf-8", "replace"))
