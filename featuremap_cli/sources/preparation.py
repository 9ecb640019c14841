"""Pictures made ready: luminance, RGB, and the size a network or the user wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from PIL import Image as Pillow

from featuremap_cli.arrays import Float32, Image
from featuremap_cli.errors import ImageError, UsageError

Fit = Literal["crop", "stretch", "pad"]

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue: ITU-R Recommendation BT.601, section 2.5.1, as in Pillow's conversion to L."""


def to_gray(image: Image) -> Image:
    """The luminance of a picture.

    Args:
        image: 3 channels, RGB; a picture of 1 channel is returned as it is.

    Returns:
        1 channel: 0.299 R + 0.587 G + 0.114 B in float32, not rounded to levels as Pillow does.

    Raises:
        ImageError: another number of channels; which of them are red, green and blue is not known.
    """
    if image.channels == 1:
        return image
    _require_rgb(image, "luminance")
    luminance = image.pixels @ np.array(LUMINANCE, np.float32)
    return replace(image, pixels=luminance[..., np.newaxis], notes=(*image.notes, "luminance (Rec. 601)"))


def to_rgb(image: Image) -> Image:
    """A picture with three channels: gray is repeated, RGB is returned as it is.

    Raises:
        ImageError: neither 1 nor 3 channels.
    """
    if image.channels == 3:
        return image
    if image.channels != 1:
        _require_rgb(image, "RGB")
    return replace(image, pixels=np.repeat(image.pixels, 3, axis=2), notes=(*image.notes, "gray repeated as RGB"))


_BAND_PIXELS = 1 << 24


def resize(image: Image, width: int, height: int) -> Image:
    """Change the size; the aspect ratio changes with it.

    The filter is Pillow's bilinear one, widened when the picture shrinks so that no pixel is passed over
    (antialiasing). Each channel is resized as float32 (mode F): nothing is rounded, values outside [0, 1] are kept.

    Args:
        image: any number of channels.
        width: columns of the result.
        height: rows of the result.

    Raises:
        UsageError: width or height below 1.
    """
    if width < 1 or height < 1:
        raise UsageError(f"a picture cannot be {width} x {height} pixels: expected a width and a height of at least 1")
    if (width, height) == (image.width, image.height):
        return image
    notes = (*image.notes, f"resized from {image.width} x {image.height} to {width} x {height}")
    return replace(image, pixels=_resized(image.pixels, width, height), notes=notes)


def fit(image: Image, width: int, height: int, how: Fit) -> Image:
    """Bring a picture to the size a network expects.

    Args:
        image: any number of channels.
        width: columns of the result.
        height: rows of the result.
        how: `crop` cuts the largest part of the wanted aspect ratio out of the middle (the odd pixel stays at the
            right and the bottom) and resizes it; `stretch` resizes the whole; `pad` resizes the whole with its own
            aspect ratio and puts zeros, black, around it (the odd row or column at the bottom and right, as
            `tf.image.resize_with_pad` does).

    Raises:
        UsageError: width or height below 1.
    """
    if width < 1 or height < 1 or how == "stretch":
        return resize(image, width, height)
    if how == "crop":
        return resize(_cropped(image, width, height), width, height)
    scale = min(width / image.width, height / image.height)
    inner = resize(image, max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    top, left = (height - inner.height) // 2, (width - inner.width) // 2
    if (inner.width, inner.height) == (width, height):
        return inner
    pixels = np.zeros((height, width, image.channels), np.float32)
    pixels[top : top + inner.height, left : left + inner.width] = inner.pixels
    return replace(inner, pixels=pixels, notes=(*inner.notes, f"padded with black to {width} x {height}"))


def _cropped(image: Image, width: int, height: int) -> Image:
    """The largest part of aspect ratio width : height around the middle."""
    crop_width = max(1, min(image.width, image.height * width // height))
    crop_height = max(1, min(image.height, image.width * height // width))
    if (crop_width, crop_height) == (image.width, image.height):
        return image
    top, left = (image.height - crop_height) // 2, (image.width - crop_width) // 2
    pixels = image.pixels[top : top + crop_height, left : left + crop_width]
    notes = (*image.notes, f"cropped from {image.width} x {image.height} to {crop_width} x {crop_height}")
    return replace(image, pixels=np.ascontiguousarray(pixels), notes=notes)


def _resized(pixels: Float32, width: int, height: int) -> Float32:
    result = np.empty((height, width, pixels.shape[2]), np.float32)
    rows = max(1, _BAND_PIXELS // width)
    for channel in range(pixels.shape[2]):
        plane = Pillow.fromarray(np.ascontiguousarray(pixels[..., channel]))
        # In bands, so that a large result is not held twice more while Pillow hands it over.
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            box = 0, top * pixels.shape[0] / height, pixels.shape[1], bottom * pixels.shape[0] / height
            band = plane.resize((width, bottom - top), Pillow.Resampling.BILINEAR, box)
            result[top:bottom, :, channel] = np.asarray(band)
    return result


def _require_rgb(image: Image, purpose: str) -> None:
    if image.channels != 3:
        raise ImageError(
            f"{image.name} has {image.channels} channels: expected 1 (gray) or 3 (RGB) for {purpose}; "
            "save the bands that are meant as a picture of their own"
        )
