"""How large a map becomes on a sheet: small ones enlarged by whole factors, large ones reduced, lines drawn thick."""

from __future__ import annotations

import math

from featuremap_cli.drawing.page import AUTO_LIMIT
from featuremap_cli.drawing.style import Tile

SMALL = 64
LARGEST_ENLARGED = 448
# A side of less than a quarter of the other is drawn so many pixels thick, where there is room.
LEAST_SIDE, _SLENDER = 32, 4


def fit_tile(
    size: tuple[int, int], tile: Tile, room: float, wished: int, least: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the (height, width) of a tile, and the whole factors by which pixels are enlarged down and across.

    Args:
        size: (height, width) of what it shows.
        tile: as asked for; a box is filled as far as whole factors go, and what is larger is reduced into it.
        room: the greatest scale that the sheet has room for.
        wished: small maps are enlarged to about so many pixels on their longer side; maps of 64 pixels and more to 256
            at the most, so that a few of them fill a slide and larger ones stay as they are.
        least: a side much shorter than the other is enlarged by a factor of its own to about so many pixels, down and
            across, so that a map of few rows is seen as more than a line; these rows are not reduced.
    """
    longer = max(size)
    if isinstance(tile, tuple):
        scale = min(tile[0] / size[1], tile[1] / size[0])
    else:
        wished = wished if longer < SMALL else min(wished, 4 * SMALL)
        scale = min(room, max(1, wished // longer))
    pixels = [side if scale >= 1 else max(1, int(side * scale)) for side in size]
    factors = [max(1, int(scale))] * 2
    slender = max(pixels) * factors[0] // _SLENDER
    for axis, wanted in enumerate(least):
        wanted = min(wanted, slender)
        if pixels[axis] * factors[axis] < wanted:
            pixels[axis] = min(size[axis], wanted)
            factors[axis] = wanted // pixels[axis]
    return (pixels[0] * factors[0], pixels[1] * factors[1]), (factors[0], factors[1])


def single_tile(size: tuple[int, int], tile: Tile) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return what `fit_tile` does for a map that is a picture of its own."""
    room = AUTO_LIMIT / max(size) if tile == "auto" else math.inf
    return fit_tile(size, tile, room, LARGEST_ENLARGED, (LEAST_SIDE, LEAST_SIDE))
