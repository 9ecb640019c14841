"""Color of 16 bits a channel, which Pillow can hold with 8 only: read twice, high bytes and low bytes.

Pillow unpacks `RGB;16B` (big-endian) by keeping the first byte of each pair and `RGB;16L` (little-endian) by keeping
the second. Decoding a file once with the name it should have and once with the other one gives both bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from featuremap_cli.arrays import Float32
from featuremap_cli.sources.pillow_modes import frame_note, orientation_of
from featuremap_cli.sources.pixel_values import ALPHA_NOTE, Decoded, over_white, turned_upright, unit_pixels

_LOW_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGBA;16B": "RGBA;16L",
    "RGB;16L": "RGB;16B",
    "RGBA;16L": "RGBA;16B",
    # N stands for this machine's own order.
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
    "RGBA;16N": "RGBA;16B" if sys.byteorder == "little" else "RGBA;16L",
}
_GRAY_ALPHA = "LA;16B"


def is_deep_png(image: ImageFile.ImageFile) -> bool:
    """Whether an opened file is a PNG of 16 bits and more than one channel."""
    return image.format == "PNG" and (_raw_mode(image) in _LOW_BYTES or _raw_mode(image) == _GRAY_ALPHA)


def can_read_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an opened file of 16-bit RGB or RGBA can be read by its two bytes."""
    return _raw_mode(image) in _LOW_BYTES


def read_deep(reopen: Callable[[], ImageFile.ImageFile]) -> Decoded:
    """Read 16-bit color exactly.

    Args:
        reopen: opens the file anew; `can_read_deep` or `is_deep_png` holds for what it gives.

    Returns:
        float32 (height, width, 1 or 3) in [0, 1], upright, alpha composited over white.
    """
    with reopen() as image:
        gray_alpha = _raw_mode(image) == _GRAY_ALPHA
        if gray_alpha:
            # Four bytes a pixel, as RGBA has: gray high, gray low, alpha high, alpha low.
            _unpack_as(image, "RGBA")
        high = np.asarray(image)
        orientation, hole = orientation_of(image), image.info.get("transparency")
        note = frame_note(image)
    if gray_alpha:
        samples = high[..., 0::2].astype(np.uint16) << 8 | high[..., 1::2]
    else:
        with reopen() as image:
            _unpack_as(image, _LOW_BYTES[_raw_mode(image)])
            samples = high.astype(np.uint16) << 8 | np.asarray(image)
    pixels, transparent = _composited(samples, hole)
    turned = "turned upright as its EXIF orientation says" if orientation > 1 else ""
    return Decoded(
        turned_upright(pixels, orientation), tuple(filter(None, (note, turned, ALPHA_NOTE if transparent else "")))
    )


def is_deep_pixmap(image: ImageFile.ImageFile) -> bool:
    """Whether an opened file is a binary PPM (P6) with more than 8 bits a channel, which Pillow rounds to 8."""
    return image.format == "PPM" and image.mode == "RGB" and _pixmap_maximum(image) > 255


def read_deep_pixmap(image: ImageFile.ImageFile) -> Decoded:
    """Read a binary PPM of 16 bits a channel, whose layout Pillow has found. Samples are big-endian (netpbm's ppm(5)).

    Returns:
        float32 (height, width, 3), divided by the file's own maximum.

    Raises:
        OSError: the file ends early.
    """
    assert image.fp is not None
    image.fp.seek(image.tile[0].offset)
    expected = image.height * image.width * 6
    data = image.fp.read(expected)
    if len(data) < expected:
        raise OSError("image file is truncated")
    samples = np.frombuffer(data, ">u2").reshape(image.height, image.width, 3)
    return Decoded(np.divide(samples, np.float32(_pixmap_maximum(image)), dtype=np.float32))


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """The name Pillow unpacks by: a tile's whole arguments, or the first of them."""
    arguments = image.tile[0].args if image.tile else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _unpack_as(image: ImageFile.ImageFile, raw_mode: str) -> None:
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]


def _pixmap_maximum(image: ImageFile.ImageFile) -> int:
    codec, arguments = image.tile[0].codec_name, image.tile[0].args
    return int(arguments[1]) if codec == "ppm" and isinstance(arguments, tuple) else 255


def _composited(samples: NDArray[np.uint16], hole: Any) -> tuple[Float32, bool]:
    """Scale to [0, 1] and put over white; tell whether anything was transparent. `hole`: PNG's transparent color."""
    pixels = unit_pixels(samples, "")
    if samples.shape[2] in (2, 4):
        color, alpha = pixels[..., :-1], pixels[..., -1:]
        return over_white(color, alpha), bool(alpha.min() < 1)
    if isinstance(hole, tuple) and len(hole) == 3:
        holes = (samples == np.array(hole, np.uint16)).all(axis=2)
        pixels[holes] = 1
        return pixels, bool(holes.any())
    return pixels, False
