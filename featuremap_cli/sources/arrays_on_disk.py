"""Pictures saved by `numpy.save`. Their header is checked before anything is read, and nothing is ever unpickled."""

from __future__ import annotations

import sys
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from featuremap_cli.errors import ImageError
from featuremap_cli.sources.pixel_values import Decoded, check_size, scale_notes, unit_pixels

NPY_HEAD = b"\x93NUMPY"


def read_npy_image(stream: BinaryIO, size: int, shown: str) -> Decoded:
    """Read a picture from a `.npy` file.

    Args:
        stream: the file, at its beginning.
        size: its bytes.
        shown: what messages call the file.

    Returns:
        float32 (height, width, channels); an array (height, width) gets one channel. Booleans and integers up to 32
        bits are divided by their type's largest value, floats and 64-bit integers stay as they are. Channels stay as
        they are too: a fourth one is not taken for alpha, since nothing in the file says that it is.

    Raises:
        ImageError: Python objects, other shapes, no pixels, a file that ends early, NaN, infinity.
    """
    shape, dtype = _header(stream, shown)
    if dtype.hasobject:
        raise ImageError(
            f"{shown} holds Python objects, which are never unpickled (that could run code): "
            "expected numbers; save it with array.astype('float32')"
        )
    if len(shape) not in (2, 3):
        dimensions = " x ".join(map(str, shape)) or "a single value"
        raise ImageError(
            f"{shown} holds an array of {dimensions}: expected (height, width) or (height, width, channels); "
            "save one picture to a file"
        )
    check_size(shown, shape[0], shape[1], shape[2] if len(shape) == 3 else 1, sys.maxsize)
    # An array cannot be larger than its file: checked before memory is asked for.
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size - stream.tell() < expected:
        raise ImageError(
            f"{shown} is truncated: expected {expected:,} bytes of pixels, got {size - stream.tell():,}; "
            "copy or save it again"
        )
    stream.seek(0)
    samples = np.load(stream, allow_pickle=False)
    return Decoded(np.ascontiguousarray(unit_pixels(samples, shown).reshape(*shape[:2], -1)), scale_notes(dtype))


def _header(stream: BinaryIO, shown: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except (ValueError, SyntaxError, TypeError, EOFError, TokenError) as error:
        raise ImageError(
            f"{shown} is not a whole array file: expected what numpy.save writes, got something else "
            f"({_first(error)}); save it again with numpy.save"
        ) from error
    if any(type(size) is not int or size < 0 for size in shape):
        raise ImageError(f"{shown} is not a whole array file: its header says the shape {shape}; save it again")
    return shape, dtype


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
