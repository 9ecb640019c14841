"""Kernels that have a direction: Gabor's waves, and the compass families with one kernel for each of eight directions.

A compass kernel is named for the side on which it wants brightness: `kirsch:N` answers brightness that rises upwards.
Families come clockwise from N. Their weights add up to 0; they are not divided by anything, as in the papers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from featuremap_cli.sources.kernels.kernel import Kernel, computed_kernel, fractions_kernel
from featuremap_cli.sources.kernels.preset import Preset, choice, number, size

DIRECTIONS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")

# The eight cells around the middle of a 3x3 kernel, clockwise from the upper left.
_RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def gabor(side: int, angle: float, wavelength: float | None, phase: float) -> tuple[Kernel]:
    """A wave under a round Gaussian: exp(-(x² + y²) / 2σ²) cos(2π x' / λ + φ) with x' = x cos θ + y sin θ.

    x counts to the right, y downwards, as in OpenCV and scikit-image. σ is 0.56 λ, a bandwidth of one octave.
    Not normalized: the middle is cos φ.

    Args:
        side: the kernel is (side, side), odd.
        angle: θ in degrees, the direction in which the wave runs: 0 gives vertical stripes, 45 stripes as /, 90
            horizontal ones.
        wavelength: λ in pixels; a third of the side where it is None.
        phase: φ in degrees: 0 for a bright line in the middle, 90 for an edge.
    """
    length = max(side / 3, 2.0) if wavelength is None else wavelength
    offset = np.arange(side) - side // 2
    right, down = offset[np.newaxis, :], offset[:, np.newaxis]
    envelope = np.exp(-(right**2 + down**2) / (2 * (0.56 * length) ** 2))
    run = right * math.cos(math.radians(angle)) + down * math.sin(math.radians(angle))
    return (computed_kernel(envelope * np.cos(2 * np.pi * run / length + math.radians(phase))),)


def compass_family(name: str, ring: tuple[int, ...], middle: int) -> Callable[[str], tuple[Kernel, ...]]:
    """A maker of the eight 3x3 kernels that turn one kernel by 45 degrees at a time.

    Args:
        name: the family's; each kernel is called `name:N`.
        ring: the eight numbers around the middle of the kernel for N, clockwise from the upper left.
        middle: the number that stays where it is.

    Returns:
        A function from `all` or one of DIRECTIONS to kernels of (3, 3).
    """

    def kernel(direction: str) -> Kernel:
        turns = DIRECTIONS.index(direction)
        weights = np.full((3, 3), middle)
        for index, value in enumerate(ring):
            weights[_RING[(index + turns) % 8]] = value
        return fractions_kernel(weights, name=f"{name}:{direction}")

    return lambda which: tuple(kernel(direction) for direction in (DIRECTIONS if which == "all" else (which,)))


def _family(name: str, summary: str, source: str, ring: tuple[int, ...], middle: int = 0) -> Preset:
    direction = choice("DIRECTION", ("all", *DIRECTIONS), "all")
    return Preset(name, summary, source, compass_family(name, ring, middle), (direction,))


PRESETS = (
    Preset(
        "gabor",
        "a wave under a Gaussian: lines (PHASE 0) or edges (PHASE 90) across ANGLE degrees",
        "Daugman 1985; Petkov and Kruizinga 1997 (sigma 0.56 of the wavelength)",
        gabor,
        (
            size(11, smallest=3),
            number("ANGLE", -360, 360, "0", "degrees"),
            number("WAVELENGTH", 2, 1000, None, "pixels"),
            number("PHASE", -360, 360, "0", "degrees"),
        ),
    ),
    _family(
        "kirsch",
        "edges in eight directions, one kernel each",
        "Kirsch, Computer Determination of the Constituent Structure of Biological Images, 1971",
        (5, 5, 5, -3, -3, -3, -3, -3),
    ),
    _family(
        "compass",
        "Prewitt's compass: edges in eight directions, one kernel each",
        "Prewitt, Object Enhancement and Extraction, 1970; as ImageMagick's Compass",
        (1, 1, 1, 1, -1, -1, -1, 1),
        -2,
    ),
    _family(
        "robinson",
        "Robinson's compass: Sobel's kernel turned to eight directions, one kernel each",
        "Robinson, Edge Detection by Compass Gradient Masks, 1977",
        (1, 2, 1, 0, -1, -2, -1, 0),
    ),
)
