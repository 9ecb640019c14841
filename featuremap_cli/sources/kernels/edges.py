"""First and second derivatives: the weights add up to 0, so that a flat area gives 0.

`-x` answers brightness that rises to the right with a positive value, `-y` brightness that rises downwards; the two
Roberts kernels look along the diagonals. Laplacians have a negative middle: a bright spot gives a negative value.
None is divided by the sum of its weights, as in the textbooks: a step from 0 to 1 gives 3 under `prewitt-x`, 4 under
`sobel-x`, 16 under `scharr-x`.
"""

from __future__ import annotations

import numpy as np

from featuremap_cli.sources.kernels.kernel import Kernel, computed_kernel, fractions_kernel
from featuremap_cli.sources.kernels.preset import Preset, choice, fixed, number, size
from featuremap_cli.sources.kernels.smoothing import gaussian_weights

_PREWITT = "Prewitt, Object Enhancement and Extraction, 1970"
_SOBEL = "Sobel and Feldman 1968, in Duda and Hart, Pattern Classification and Scene Analysis, 1973"
_SCHARR = "Scharr, Optimale Operatoren in der digitalen Bildverarbeitung, Heidelberg 2000; as OpenCV's Scharr"
_ROBERTS = "Roberts, Machine Perception of Three-Dimensional Solids, 1963; signs as Gonzalez and Woods, chapter 10"
_MARR = "Marr and Hildreth, Theory of Edge Detection, 1980"


def laplacian(neighbors: str) -> tuple[Kernel]:
    """The sum of the 4 or 8 neighbors minus as many times the middle. (3, 3)."""
    corner = 0 if neighbors == "4" else 1
    return (fractions_kernel([[corner, 1, corner], [1, -int(neighbors), 1], [corner, 1, corner]]),)


def laplacian_of_gaussian(side: int, sigma: float) -> tuple[Kernel]:
    """(x² + y² - 2σ²) / σ⁴ times the Gaussian, then its mean taken away so that it adds up to 0.

    The rule of MATLAB's fspecial('log').

    Args:
        side: the kernel is (side, side), odd.
        sigma: of the Gaussian, in pixels.
    """
    distance = np.arange(side) - side // 2
    squares = np.add.outer(distance**2, distance**2)
    weights = (squares - 2 * sigma**2) / sigma**4 * gaussian_weights(side, sigma)
    return (computed_kernel(weights - weights.mean()),)


def difference_of_gaussians(side: int, narrow: float, wide: float) -> tuple[Kernel]:
    """A narrow Gaussian minus a wide one, each adding up to 1. (side, side); sigmas in pixels.

    Raises:
        ValueError: narrow is not below wide.
    """
    if narrow >= wide:
        raise ValueError(f"SIGMA1 must be below SIGMA2, got {narrow:g} and {wide:g}")
    return (computed_kernel(gaussian_weights(side, narrow) - gaussian_weights(side, wide)),)


_FIXED = (
    fixed("prewitt-x", "brightness rising to the right", _PREWITT, [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    fixed("prewitt-y", "brightness rising downwards", _PREWITT, [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]),
    fixed("sobel-x", "brightness rising to the right", _SOBEL, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    fixed("sobel-y", "brightness rising downwards", _SOBEL, [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    fixed("scharr-x", "brightness rising to the right", _SCHARR, [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]),
    fixed("scharr-y", "brightness rising downwards", _SCHARR, [[-3, -10, -3], [0, 0, 0], [3, 10, 3]]),
    fixed("roberts-x", "brightness rising to the lower right", _ROBERTS, [[-1, 0], [0, 1]]),
    fixed("roberts-y", "brightness rising to the lower left", _ROBERTS, [[0, -1], [1, 0]]),
)

PRESETS = (
    *_FIXED,
    Preset(
        "laplacian",
        "second derivative from 4 or 8 neighbors",
        "Gonzalez and Woods, Digital Image Processing, chapter 3",
        laplacian,
        (choice("NEIGHBORS", ("4", "8"), "4"),),
    ),
    Preset(
        "log",
        "Laplacian of Gaussian: edges are its zero crossings",
        f"{_MARR}; as MATLAB's fspecial('log')",
        laplacian_of_gaussian,
        (size(9, smallest=3), number("SIGMA", 0.1, 1000, "1.4", "pixels")),
    ),
    Preset(
        "dog",
        "difference of Gaussians: spots of the narrow one's size",
        f"{_MARR} (1.6 between the sigmas)",
        difference_of_gaussians,
        (
            size(9, smallest=3),
            number("SIGMA1", 0.1, 1000, "1", "pixels"),
            number("SIGMA2", 0.1, 1000, "1.6", "pixels"),
        ),
    ),
)
