"""Small pictures for a page that shows many: a layer as the mean of its tiles, a photograph reduced."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from featuremap_cli.drawing.input_image import input_picture
from featuremap_cli.drawing.png import encode
from featuremap_cli.drawing.resampling import enlarge
from featuremap_cli.sources.images import read_image
from featuremap_cli.sources.pillow_formats import open_picture

SIDE = 320
"""Pixels of the longer side; pages show about 235 of them."""

Places = Mapping[int, tuple[int, int, int, int]]


def tile_places(text: str) -> Places:
    """Read what a sheet says in its chunk `Tiles`: by the filter's index (left, top, width, height) in pixels.

    Maps of one value, which are drawn as a flat area with a mark, are left out. Empty where it says nothing that can be
    understood: anybody may have written the file.
    """
    try:
        found = json.loads(text)
        places = {int(index): tuple(map(int, place[:4])) for index, place in found.items() if place[4] != place[5]}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}
    return {index: place for index, place in places.items() if len(place) == 4 and min(place) >= 0}


def layer_thumbnail(sheet: Path, places: Places) -> bytes | None:
    """Return a PNG of the mean of a sheet's tiles, each as it is drawn; None where the sheet has none to read.

    Each tile has its own scale on most sheets: the mean shows where many filters fire, whatever their units.
    """
    with Pillow.open(sheet, formats=["PNG"]) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    height, width = pixels.shape[:2]
    inside = [
        pixels[top : top + tall, left : left + wide]
        for left, top, wide, tall in places.values()
        if wide and tall and left + wide <= width and top + tall <= height
    ]
    inside = [tile for tile in inside if tile.shape == inside[0].shape]
    if not inside:
        return None
    mean = np.zeros(inside[0].shape, np.float32)
    for tile in inside:
        mean += tile
    mean /= len(inside)
    low, high = float(mean.min()), float(mean.max())
    spread = np.rint((mean - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    scale = SIDE / max(spread.shape[:2])
    if scale >= 2:
        spread = enlarge(spread, math.floor(scale))
    picture = Pillow.fromarray(spread)
    picture.thumbnail((SIDE, SIDE), Pillow.Resampling.BOX)
    return encode(picture, {})


def photograph_thumbnail(path: str) -> bytes:
    """Return a JPEG of a photograph, upright.

    Raises:
        ImageError: it cannot be read.
        OSError, ValueError and what else Pillow's decoders raise: see `images.DECODER_ERRORS`.
    """
    picture = _by_pillow(path)
    if picture is None:
        image = read_image(path)
        scale = min(1.0, SIDE / max(image.height, image.width))
        size = max(1, round(image.height * scale)), max(1, round(image.width * scale))
        picture = Pillow.fromarray(input_picture(image, *size))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _by_pillow(path: str) -> Pillow.Image | None:
    """A photograph of 8 bits, reduced while it is decoded; None for what needs more care."""
    if not path.lower().endswith((".jpg", ".jpeg", ".png", ".webp")):
        return None
    with open_picture(Path(path)) as opened:
        opened.draft("RGB", (2 * SIDE, 2 * SIDE))
        if opened.mode not in ("RGB", "L"):
            return None
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    upright.thumbnail((SIDE, SIDE))
    return upright
