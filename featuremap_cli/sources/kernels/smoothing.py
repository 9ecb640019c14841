"""Blurs: all weights are positive and add up to 1, so that a flat area keeps its brightness."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.sources.kernels.kernel import Kernel, computed_kernel, fractions_kernel
from featuremap_cli.sources.kernels.preset import Preset, number, size


def box(side: int) -> tuple[Kernel]:
    """The mean of side x side pixels."""
    return (fractions_kernel(np.ones((side, side)), side * side),)


def gaussian_weights(side: int, sigma: float) -> NDArray[np.float64]:
    """exp(-(x² + y²) / 2σ²) at the pixel centers, divided by its sum. float64 (side, side); sigma in pixels."""
    distance = np.arange(side) - (side - 1) / 2
    profile = np.exp(-(distance**2) / (2 * sigma**2))
    profile /= profile.sum()
    return np.outer(profile, profile)


def gaussian(side: int, sigma: float | None) -> tuple[Kernel]:
    """A Gaussian blur. Without sigma, OpenCV's rule gives one that fits the size: 0.3 ((side - 1) / 2 - 1) + 0.8."""
    return (computed_kernel(gaussian_weights(side, 0.3 * ((side - 1) / 2 - 1) + 0.8 if sigma is None else sigma)),)


def motion(side: int, angle: float) -> tuple[Kernel]:
    """The blur of a camera moved along a straight line through the middle, `side` pixels long.

    A pixel whose center is d pixels from the line weighs max(0, 1 - d); the weights are divided by their sum.

    Args:
        side: the kernel is (side, side), odd.
        angle: of the line, in degrees, counterclockwise from horizontal: 45 runs as / does.
    """
    offset = np.arange(side) - side // 2
    right, up = offset[np.newaxis, :], -offset[:, np.newaxis]
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along = np.maximum(np.abs(right * cosine + up * sine) - side // 2, 0)
    weights = np.maximum(1 - np.hypot(along, up * cosine - right * sine), 0)
    return (computed_kernel(np.where(weights < 1e-9, 0, weights) / weights.sum()),)


PRESETS = (
    Preset(
        "box",
        "the mean of the pixels around",
        "Gonzalez and Woods, Digital Image Processing, chapter 3 (box filter)",
        box,
        (size(3, odd=False),),
    ),
    Preset(
        "gaussian",
        "a Gaussian blur; SIGMA fits SIZE unless given",
        "Gonzalez and Woods, Digital Image Processing, chapter 3; SIGMA from SIZE as OpenCV's getGaussianKernel",
        gaussian,
        (size(5), number("SIGMA", 0.1, 1000, None, "pixels")),
    ),
    Preset(
        "motion",
        "a blur along a line, ANGLE in degrees counterclockwise from horizontal",
        "as MATLAB's fspecial('motion'), with weights by distance from the line",
        motion,
        (size(9), number("ANGLE", -360, 360, "0", "degrees")),
    ),
)
