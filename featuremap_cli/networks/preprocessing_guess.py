"""What a network from a file expects of its pixels, as far as its layers and names tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from featuremap_cli.networks.application_table import APPLICATIONS, application_named_like
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.input import preprocessing_name


def guess(names: Sequence[str], scales_inside: bool, network: str) -> tuple[str, str]:
    """The name of a preprocessing, and a line that says how it was told.

    In this order: scaling inside the network, before its first convolution; the name of a built-in or a
    keras.applications network; and where nothing tells, `unit`.

    Args:
        names: what the model is called, and the models in it that hold its first convolution.
        scales_inside: the network scales pixels in [0, 255] itself.
        network: what messages call it.
    """
    if scales_inside:
        return "inside", f"{network} scales its input itself: pixels in [0, 255]"
    for name in names:
        if name in BUILTIN:
            preprocessing = preprocessing_name(BUILTIN[name].preprocessing)
            return preprocessing, f"{network} is named like the built-in {name}: its preprocessing, {preprocessing}"
        application = application_named_like(name)
        if application is not None:
            preprocessing = APPLICATIONS[application]
            return preprocessing, f"{network} is named like keras:{application}: its preprocessing, {preprocessing}"
    return (
        "unit",
        f"{network} does not say how its input is scaled: pixels in [0, 1]; --preprocess raw, torch, caffe or tf "
        "for another",
    )


def scales_bytes(scale: ArrayLike) -> bool:
    """Whether a Rescaling by this brings pixels in [0, 255] down; one that is made for [0, 1] does not."""
    return bool(np.max(np.abs(np.asarray(scale, np.float64))) < 0.1)


def normalizes_bytes(mean: ArrayLike, variance: ArrayLike) -> bool:
    """Whether a Normalization by these is made for pixels in [0, 255]."""
    return bool(np.max(np.abs(np.asarray(mean))) > 2 or np.max(np.asarray(variance)) > 2)
