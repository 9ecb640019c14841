"""Pillow's pictures as float32 pixels, whatever their mode: 1, L, I;16, I, F, P, RGB, CMYK, LAB, with alpha or without.

A picture is converted in blocks of rows, straight into the float32 array that is returned: a photograph of 50
megapixels needs that array and Pillow's own copy, and nothing else of its size.
"""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image as Pillow

from featuremap_cli.arrays import Float32
from featuremap_cli.sources.color_profiles import in_srgb
from featuremap_cli.sources.pixel_values import (
    ALPHA_NOTE,
    Decoded,
    new_upright,
    over_white,
    refuse_non_finite,
    stored_view,
)

_BLOCK_PIXELS = 1 << 20
_ORIENTATION = 0x0112
_process_settings = threading.Lock()


@contextmanager
def reading_headers() -> Iterator[None]:
    """Let Pillow parse headers without its warnings and without its own limit of pixels.

    Damaged metadata are either harmless or end in an error, which is one line here; `check_size` sets the limit before
    any pixel is decoded. Both settings belong to the whole process: they are changed for as long as a header takes, by
    one thread at a time, and put back.
    """
    with _process_settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = limit


def decode(image: Pillow.Image, shown: str, bits: int = 16) -> Decoded:
    """Turn an opened picture upright and into float32.

    Args:
        image: as `PIL.Image.open` gives it; its first frame is taken.
        shown: what messages call the file.
        bits: how many bits of 16 the file uses, for mode I;16 (a 12-bit TIFF).

    Returns:
        float32 (height, width, 1 or 3): gray stays one channel, color becomes RGB by Pillow's own conversions,
        without color management. Integers are scaled to [0, 1], mode F stays as it is. Alpha is composited over white.

    Raises:
        ImageError: NaN or infinity in a float picture.
    """
    # Pillow turns a TIFF by itself while loading it, and no other format.
    turned_by_pillow = image.format == "TIFF" and orientation_of(image) > 1
    image.load()
    orientation = orientation_of(image)
    notes = [note] if (note := frame_note(image)) else []
    if turned_by_pillow or orientation > 1:
        notes.append("turned upright as its EXIF orientation says")
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
    if image.mode == "P" and "transparency" not in image.info and _has_gray_palette(image):
        image = image.convert("L")
    if (profiled := in_srgb(image)) is not None:
        image, note = profiled
        notes.append(note)
    mode = _working_mode(image)
    if mode == "RGB" and image.mode in ("CMYK", "YCbCr", "HSV"):
        notes.append(f"{image.mode} converted to RGB")
    if image.mode == "I" and (largest := _largest(image, bits)) > 65535:
        notes.append(f"signed 32-bit integers divided by {largest:,}")
    pixels = new_upright(image.height, image.width, 3 if mode.startswith("RGB") else 1, orientation)
    if _fill(stored_view(pixels, orientation), image, mode, _largest(image, bits)):
        notes.append(ALPHA_NOTE)
    if mode == "F":
        refuse_non_finite(pixels, shown)
    return Decoded(pixels, tuple(notes))


def orientation_of(image: Pillow.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none or the EXIF data are damaged."""
    try:
        with reading_headers():
            orientation = image.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        # The pixels are whole, and a picture is worth more than its metadata.
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def frame_note(image: Pillow.Image) -> str:
    """What to say of a file that holds more pictures than the one taken; empty for a single one."""
    if not getattr(image, "is_animated", False):
        return ""
    return "first of several pages" if image.format in ("TIFF", "MPO", "DCX", "PSD") else "first frame of an animation"


def _working_mode(image: Pillow.Image) -> str:
    """The mode whose samples are turned into floats: gray or RGB, with alpha where there is some."""
    if image.mode.startswith("I;16"):
        return image.mode
    if image.has_transparency_data:
        return "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
    return image.mode if image.mode in ("1", "L", "I", "F", "RGB") else "RGB"


def _largest(image: Pillow.Image, bits: int) -> float:
    """The sample that becomes 1."""
    if image.mode == "F":
        return 1
    if image.mode == "I":
        # Pillow reads 16-bit PGM (and, before version 11, PNG) as 32-bit integers up to 65535.
        return 65535 if image.format in ("PPM", "PNG") else 2**31 - 1
    if image.mode.startswith("I;16"):
        return (1 << bits) - 1
    return 1 if image.mode == "1" and not image.has_transparency_data else 255


def _fill(stored: Float32, image: Pillow.Image, mode: str, largest: float) -> bool:
    """Write the picture into `stored` (height, width, channels); tell whether any pixel was transparent."""
    transparent = False
    sixteen_bit_hole = image.info.get("transparency") if mode.startswith("I;16") else None
    for rows, block in _blocks(image):
        samples = np.asarray(block if block.mode == mode else block.convert(mode))
        samples = samples.reshape(*samples.shape[:2], -1)
        if mode in ("LA", "RGBA"):
            if samples[..., -1].min() == 255:
                np.divide(samples[..., :-1], np.float32(255), out=stored[rows], dtype=np.float32)
                continue
            transparent = True
            unit: Float32 = np.divide(samples, np.float32(255), dtype=np.float32)
            stored[rows] = over_white(unit[..., :-1], unit[..., -1:])
        elif mode == "F":
            stored[rows] = samples
        else:
            np.divide(samples, np.float32(largest), out=stored[rows], dtype=np.float32)
        if isinstance(sixteen_bit_hole, int) and (holes := samples == sixteen_bit_hole).any():
            transparent = True
            stored[rows][holes] = 1
    return transparent


def _has_gray_palette(image: Pillow.Image) -> bool:
    """Whether every color of a palette that some pixel has is a gray."""
    colors = np.asarray(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    used = np.flatnonzero(image.histogram()[: len(colors)])
    return bool(len(used)) and bool((colors[used] == colors[used][:, :1]).all())


def _blocks(image: Pillow.Image) -> Iterator[tuple[slice, Pillow.Image]]:
    step = max(1, _BLOCK_PIXELS // image.width)
    if step >= image.height:
        yield slice(None), image
        return
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _lab_to_rgb(image: Pillow.Image) -> Pillow.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None
    return converted
