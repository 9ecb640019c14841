"""From an image to the array that a network takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from featuremap_cli.arrays import Float32, Image
from featuremap_cli.errors import ImageError, UsageError
from featuremap_cli.networks.builtin import BUILTIN, Preprocessing
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.sources import preparation

NOTHING = (0.0, 0.0, 0.0)

PREPROCESSING: Mapping[str, Preprocessing] = MappingProxyType(
    {
        "unit": Preprocessing("rgb", 1.0, NOTHING),
        "raw": Preprocessing("rgb", 255.0, NOTHING),
        "torch": BUILTIN["alexnet"].preprocessing,
        "caffe": Preprocessing("bgr", 255.0, (103.939, 116.779, 123.68)),
        "tf": Preprocessing("rgb", 2.0, (1.0, 1.0, 1.0)),
        "squeezenet": BUILTIN["squeezenet"].preprocessing,
        "inside": Preprocessing("rgb", 255.0, NOTHING),
    }
)
"""What `--preprocess` names, by keras.applications.imagenet_utils: unit leaves [0, 1], raw gives [0, 255], torch
normalizes RGB by ImageNet's means and deviations, caffe takes ImageNet's means from BGR in [0, 255], tf gives
[-1, 1]. squeezenet is caffe with its own authors' means; inside is raw under another name, for networks whose own
first layers do the rest."""


def preprocessing_name(preprocessing: Preprocessing) -> str:
    """What `PREPROCESSING` calls it."""
    return next(name for name, known in PREPROCESSING.items() if known == preprocessing)


@dataclass(frozen=True, eq=False)
class PreparedInput:
    """An image, ready for a network.

    Attributes:
        array: float32 (1, height, width, channels), preprocessed.
        picture: the same image before preprocessing, cropped, resized and in the channels the network takes: what a
            sheet shows beside the maps.
        notes: what was done to the image here, in words; those of its reading are in `picture.notes` too.
    """

    array: Float32
    picture: Image
    notes: tuple[str, ...]


def prepare_image(
    image: Image,
    target: ImageInput,
    preprocessing: Preprocessing,
    fit: Literal["crop", "stretch", "pad"] = "crop",
) -> PreparedInput:
    """Make an image what a network takes.

    Args:
        image: any image; pixels in [0, 1] where they come from an integer file.
        target: the network's input. Where it takes any size, the image keeps its own.
        preprocessing: what becomes of the pixels.
        fit: how the image comes to the network's size.

    Raises:
        ImageError: the image's channels cannot be made the network's.
        UsageError: the preprocessing is for color, the network takes another number of channels.
    """
    recolored = _in_channels(image, target)
    height, width = target.height or image.height, target.width or image.width
    picture = preparation.fit(recolored, width, height, fit)
    notes = picture.notes[len(image.notes) :]
    return PreparedInput(_preprocessed(picture.pixels, preprocessing)[np.newaxis], picture, notes)


def _in_channels(image: Image, target: ImageInput) -> Image:
    if target.channels in (None, image.channels):
        return image
    if target.channels == 1 and image.channels == 3:
        return preparation.to_gray(image)
    if target.channels == 3 and image.channels == 1:
        return preparation.to_rgb(image)
    raise ImageError(
        f"{image.name} has {image.channels} channels, and the network takes {target.channels}: expected a gray or "
        f"color image, or one of {target.channels} channels (.npy, multi-band .tif)"
    )


def _preprocessed(pixels: Float32, preprocessing: Preprocessing) -> Float32:
    if not preprocessing.applies_to(pixels.shape[-1]):
        raise UsageError(
            f"this preprocessing is for three color channels and the network takes {pixels.shape[-1]}: "
            "expected --preprocess unit, raw or tf"
        )
    return np.ascontiguousarray(preprocessing.apply(pixels))
