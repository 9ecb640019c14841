"""The input image beside its maps: reduced, and in few colors where it shares a palette."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from featuremap_cli.arrays import Float32, Image
from featuremap_cli.drawing.palette import IMAGE_COLORS, MISSING, MISSING_COLOR
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area

Pixels = NDArray[np.uint8]

_SMALL = 64
_palettes: WeakKeyDictionary[Image, Pixels] = WeakKeyDictionary()
# The same image stands beside the maps of every layer, in few sizes: one for each size of maps.
_pictures: WeakKeyDictionary[Image, dict[tuple[int, int], Pixels]] = WeakKeyDictionary()
_drawn: WeakKeyDictionary[Image, dict[tuple[int, int, int], Pixels]] = WeakKeyDictionary()


def input_words(image: Image) -> str:
    """Return the caption of the input image: its size, and what was done to show it."""
    words = f"input {image.height} x {image.width}"
    if image.channels not in (1, 3):
        words += f", mean of {image.channels} channels"
    return words


def input_colors(image: Image) -> Pixels:
    """Return up to IMAGE_COLORS colors for the image, uint8 (colors, 3); found once for each image."""
    if image not in _palettes:
        _palettes[image] = _find_colors(image)
    return _palettes[image]


def _find_colors(image: Image) -> Pixels:
    if image.channels != 3:
        return np.rint(np.linspace(0, 255, IMAGE_COLORS)).astype(np.uint8)[:, np.newaxis].repeat(3, axis=1)
    scale = min(1.0, 112 / max(image.height, image.width))
    small = input_picture(image, max(1, round(image.height * scale)), max(1, round(image.width * scale)))
    palette = Pillow.fromarray(small).quantize(IMAGE_COLORS).getpalette("RGB") or []
    return np.array(palette, np.uint8).reshape(-1, 3)[:IMAGE_COLORS]


def input_indices(image: Image, height: int, width: int, start: int) -> Pixels:
    """Return the image at a size, in the colors of `input_colors` (their errors spread, as in a GIF).

    Returns:
        uint8 (height, width): palette indices, the first color at `start`; found once for each image and size.
    """
    known = _drawn.setdefault(image, {})
    key = height, width, start
    if key not in known:
        known[key] = _find_indices(image, height, width, start)
    return known[key]


def _find_indices(image: Image, height: int, width: int, start: int) -> Pixels:
    picture = input_picture(image, height, width)
    colors, unknown = input_colors(image), (picture == MISSING_COLOR).all(axis=2)
    if image.channels != 3:
        grays: Pixels = (np.rint(picture[..., 0] * ((len(colors) - 1) / 255)) + start).astype(np.uint8)
        grays[unknown] = MISSING
        return grays
    paint_box = Pillow.new("P", (1, 1))
    paint_box.putpalette(np.resize(colors, (256, 3)).tobytes())
    dithered = Pillow.fromarray(picture).quantize(palette=paint_box, dither=Pillow.Dither.FLOYDSTEINBERG)
    indices: Pixels = np.asarray(dithered) % np.uint8(len(colors))
    indices += np.uint8(start)
    if np.isnan(image.pixels.min()):
        indices[unknown] = MISSING
    return indices


def input_picture(image: Image, height: int, width: int) -> Pixels:
    """Return the image at a size: area averages of a large one, sharp pixels of a small one.

    Values outside 0 to 1 (a float file) are scaled from their minimum to their maximum; NaN has its own color.

    Returns:
        uint8 (height, width, 3), not to be written to; found once for each image and size.
    """
    known = _pictures.setdefault(image, {})
    if (height, width) not in known:
        known[height, width] = _find_picture(image, height, width)
    return known[height, width]


def _find_picture(image: Image, height: int, width: int) -> Pixels:
    pixels = image.pixels if image.channels in (1, 3) else image.pixels.mean(axis=2, keepdims=True)
    channels = [_resized(pixels[..., channel], height, width) for channel in range(pixels.shape[2])]
    resized = np.stack(channels * (3 // len(channels)), axis=2)
    unknown = np.isnan(resized).any(axis=2)
    low, high = 0.0, 1.0
    least, greatest = np.fmin.reduce(resized, axis=None), np.fmax.reduce(resized, axis=None)
    if least < low or greatest > high:
        low, high = float(least), float(greatest)
    resized[unknown] = low
    even: Pixels = np.rint((resized - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)
    even[unknown] = MISSING_COLOR
    even.flags.writeable = False
    return even


def _resized(channel: Float32, height: int, width: int) -> Float32:
    """Return one channel (height, width) at a size."""
    if height <= channel.shape[0] and width <= channel.shape[1]:
        return reduce_by_area(np.ascontiguousarray(channel), height, width)
    if max(channel.shape) <= _SMALL:
        factor = -(-max(height, width) // min(channel.shape))
        return reduce_by_area(enlarge(channel, factor), height, width)
    picture = Pillow.fromarray(np.ascontiguousarray(channel))
    return np.asarray(picture.resize((width, height), Pillow.Resampling.BILINEAR), np.float32)
