"""The 256 colors of an indexed sheet: the colormap's levels, the input image's colors, ink, and marks.

| entries | what |
|---|---|
| 0 to 238 | the colormap; where the sheet shows its input image, 0 to 126, and the image's colors 127 to 238 |
| 239 | `FLAT`, a silent map's paper |
| 240 | `MISSING`, a NaN or infinite value |
| 241 to 255 | ink: black, the grays that smooth its edges, and `PAPER`, white |

Both counts of levels are odd, so that one level is exactly the middle: zero, on a symmetric scale.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.errors import UsageError

Colors = NDArray[np.uint8]

LEVELS = 239
LEVELS_BESIDE_IMAGE = 127
IMAGE_COLORS = LEVELS - LEVELS_BESIDE_IMAGE
FLAT = 239
MISSING = 240
BLACK = 241
PAPER = 255

FLAT_COLOR = (232, 232, 232)
# 20 steps from the nearest color of any matplotlib colormap, and far from gray, viridis, blue, white and red
MISSING_COLOR = (255, 20, 147)


@dataclass(frozen=True, eq=False)
class Palette:
    """The colors of one indexed sheet.

    Attributes:
        levels: how many entries, from 0 on, are the colormap.
        colors: uint8 (256, 3).
    """

    levels: int
    colors: Colors

    @property
    def image_start(self) -> int:
        """The first entry of the input image's colors."""
        return self.levels


def sheet_palette(cmap: str, image_colors: Colors | None = None) -> Palette:
    """Return the palette of a sheet.

    Args:
        cmap: `gray` or a name that matplotlib knows.
        image_colors: uint8 (up to IMAGE_COLORS, 3) where the sheet shows its input image.

    Raises:
        UsageError: there is no such colormap.
    """
    levels = LEVELS if image_colors is None else LEVELS_BESIDE_IMAGE
    colors = np.zeros((256, 3), np.uint8)
    colors[:levels] = colormap(cmap, levels)
    if image_colors is not None:
        colors[levels : levels + len(image_colors)] = image_colors
    colors[FLAT] = FLAT_COLOR
    colors[MISSING] = MISSING_COLOR
    colors[BLACK:] = np.rint(np.linspace(0, 255, 256 - BLACK))[:, np.newaxis]
    return Palette(levels, colors)


@lru_cache(maxsize=32)
def colormap(name: str, levels: int) -> Colors:
    """Return `levels` colors evenly spaced over a colormap, uint8 (levels, 3).

    `gray` needs no matplotlib, which takes a quarter of a second to import.

    Raises:
        UsageError: there is no such colormap; the message names the nearest ones.
    """
    even = np.linspace(0, 1, levels)
    if name == "gray":
        return np.rint(np.repeat(even[:, np.newaxis], 3, axis=1) * 255).astype(np.uint8)
    from matplotlib import colormaps

    if name not in colormaps:
        near = difflib.get_close_matches(name.lower(), list(colormaps), n=3, cutoff=0.5)
        known = f"did you mean {' or '.join(near)}?" if near else "gray, viridis and coolwarm are three of them"
        raise UsageError(f"--cmap {name}: expected gray or the name of a matplotlib colormap, got {name!r}; {known}")
    colors: Colors = np.rint(np.asarray(colormaps[name](even))[:, :3] * 255).astype(np.uint8)
    return colors
