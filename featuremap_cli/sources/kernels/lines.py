"""Single points and straight lines of ones: the filters that show what a convolution does.

A line of ones is not normalized: over three channels of white, `vertical:7` gives 21.
"""

from __future__ import annotations

import numpy as np

from featuremap_cli.sources.kernels.kernel import Kernel, fractions_kernel
from featuremap_cli.sources.kernels.preset import Preset, choice, size

_GERON = "Géron, Hands-On Machine Learning, 2nd ed. 2019, chapter 14 (7x7, a line of ones through the middle)"


def identity(side: int) -> tuple[Kernel]:
    """A one in the middle, zeros around: the image as it was. (side, side)."""
    weights = np.zeros((side, side))
    weights[side // 2, side // 2] = 1
    return (fractions_kernel(weights),)


def vertical(side: int) -> tuple[Kernel]:
    """A vertical line: ones in the middle column. (side, side)."""
    weights = np.zeros((side, side))
    weights[:, side // 2] = 1
    return (fractions_kernel(weights),)


def horizontal(side: int) -> tuple[Kernel]:
    """A horizontal line: ones in the middle row. (side, side)."""
    weights = np.zeros((side, side))
    weights[side // 2, :] = 1
    return (fractions_kernel(weights),)


def diagonal(side: int, direction: str) -> tuple[Kernel]:
    r"""A diagonal line of ones: `down` runs as \ does, `up` as / does. (side, side)."""
    weights = np.eye(side)
    return (fractions_kernel(weights if direction == "down" else weights[:, ::-1]),)


PRESETS = (
    Preset("identity", "the image as it was", "a one in the middle, by definition", identity, (size(3),)),
    Preset("vertical", "a vertical line of ones", _GERON, vertical, (size(7),)),
    Preset("horizontal", "a horizontal line of ones", _GERON, horizontal, (size(7),)),
    Preset(
        "diagonal",
        "a diagonal line of ones, down \\ or up /",
        "as vertical and horizontal, turned by 45 degrees",
        diagonal,
        (size(7, odd=False), choice("DIRECTION", ("down", "up"), "down")),
    ),
)
