"""What a network from a file expects of its pixels, as far as its layers and names tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from featuremap_cli.networks.application_table import application_named_like
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.input import PREPROCESSING, preprocessing_name
from featuremap_cli.sources.network_names import APPLICATIONS

_UNIT = "unit", "pixels in [0, 1]"


@dataclass(frozen=True)
class Guess:
    """What a network seems to expect of its pixels.

    Attributes:
        preprocessing: a name of `input.PREPROCESSING`.
        line: what it was told by, for stderr.
    """

    preprocessing: str
    line: str


def guess(names: Sequence[str], scales_inside: bool, network: str, channels: int | None = 3) -> Guess:
    """The name of a preprocessing, and a line that says how it was told.

    In this order: scaling inside the network, before its first convolution; the name of a built-in or a
    keras.applications network, unless its preprocessing is for color and this one's input is not; and where nothing
    tells, `unit`.

    Args:
        names: what the model is called, and the models in it that hold its first convolution.
        scales_inside: the network scales pixels in [0, 255] itself.
        network: what messages call it.
        channels: of its input; None for any number.
    """
    return _told(names, scales_inside, network, channels) or Guess(
        "unit",
        f"{network} does not say how its input is scaled: pixels in [0, 1]; --preprocess raw, torch, caffe or tf "
        "for another",
    )


def guess_unsaid(
    names: Sequence[str], producer: str, scales_inside: bool, network: str, channels: int | None = 3
) -> Guess:
    """The same for a file of a kind that never says it; what PyTorch wrote is taken for one of torchvision's.

    Args:
        names: what the network and its file are called.
        producer: what wrote the file, `pytorch`.
        scales_inside: the network scales pixels in [0, 255] itself.
        network: what messages call it.
        channels: of its input; None for any number.
    """
    of_torch = producer.lower().startswith("pytorch") and PREPROCESSING["torch"].applies_to(channels)
    assumed, words = ("torch", "ImageNet's means and deviations, as torchvision's") if of_torch else _UNIT
    return _told(names, scales_inside, network, channels) or Guess(
        assumed,
        f"{network} does not say how its input is scaled: taken as {assumed}, {words}; --preprocess torch, unit (0 to "
        "1), raw (0 to 255), tf (-1 to 1) or caffe (BGR, 0 to 255 less ImageNet's means) for another",
    )


def _told(names: Sequence[str], scales_inside: bool, network: str, channels: int | None) -> Guess | None:
    """What layers and names tell; None where they tell nothing."""
    if scales_inside:
        return Guess("inside", f"{network} scales its input itself: pixels in [0, 255]")
    for name in names:
        like, preprocessing = _named_like(name)
        if preprocessing is not None and PREPROCESSING[preprocessing].applies_to(channels):
            return Guess(preprocessing, f"{network} is named like {like}: its preprocessing, {preprocessing}")
    return None


def _named_like(name: str) -> tuple[str, str | None]:
    """The network that a name says it is, in words, and its preprocessing; None where it says nothing."""
    if name in BUILTIN:
        return f"the built-in {name}", preprocessing_name(BUILTIN[name].preprocessing)
    application = application_named_like(name)
    return f"keras:{application}", APPLICATIONS[application] if application else None


def scales_bytes(scale: ArrayLike) -> bool:
    """Whether a Rescaling by this brings pixels in [0, 255] down; one that is made for [0, 1] does not."""
    return bool(np.max(np.abs(np.asarray(scale, np.float64))) < 0.1)


def normalizes_bytes(mean: ArrayLike, variance: ArrayLike) -> bool:
    """Whether a Normalization by these is made for pixels in [0, 255]."""
    return bool(np.max(np.abs(np.asarray(mean))) > 2 or np.max(np.asarray(variance)) > 2)
