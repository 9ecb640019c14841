"""What the presets are called, known without NumPy, which takes as long to import as a shell may wait for a completion.

A test holds that this is what `kernels.PRESETS` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PRESET_NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "identity": ("the image as it was", "3"),
        "vertical": ("a vertical line of ones", "7"),
        "horizontal": ("a horizontal line of ones", "7"),
        "diagonal": ("a diagonal line of ones, down \\ or up /", "7,down"),
        "box": ("the mean of the pixels around", "3"),
        "gaussian": ("a Gaussian blur; SIGMA fits SIZE unless given", "5"),
        "motion": ("a blur along a line, ANGLE in degrees counterclockwise from horizontal", "9,0"),
        "sharpen": ("the image minus its Laplacian", ""),
        "unsharp": ("unsharp mask: twice the image minus its 5x5 binomial blur", ""),
        "emboss": ("relief, lit where brightness rises towards the lower right", ""),
        "prewitt-x": ("brightness rising to the right", ""),
        "prewitt-y": ("brightness rising downwards", ""),
        "sobel-x": ("brightness rising to the right", ""),
        "sobel-y": ("brightness rising downwards", ""),
        "scharr-x": ("brightness rising to the right", ""),
        "scharr-y": ("brightness rising downwards", ""),
        "roberts-x": ("brightness rising to the lower right", ""),
        "roberts-y": ("brightness rising to the lower left", ""),
        "laplacian": ("second derivative from 4 or 8 neighbors", "4"),
        "log": ("Laplacian of Gaussian: edges are its zero crossings", "9,1.4"),
        "dog": ("difference of Gaussians: spots of the narrow one's size", "9,1,1.6"),
        "gabor": ("a wave under a Gaussian: lines (PHASE 0) or edges (PHASE 90) across ANGLE degrees", "11,0"),
        "kirsch": ("edges in eight directions, one kernel each", "all"),
        "compass": ("Prewitt's compass: edges in eight directions, one kernel each", "all"),
        "robinson": ("Robinson's compass: Sobel's kernel turned to eight directions, one kernel each", "all"),
    }
)
"""{preset: (what it does, its first arguments as they are unless given)}."""
