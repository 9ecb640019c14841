"""Are two outputs equal? What fails here is never timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Gray = NDArray[np.uint8]

LEVELS = 2
"""How far brightness may differ, of 255: a sheet has somewhat fewer than 256 levels."""

_PROBES = 64


class OutputsDifferError(Exception):
    """Two contestants did not do the same work."""


def equal_values(what: str, first: NDArray[Any], second: NDArray[Any], tolerance: float) -> None:
    """Check that two arrays agree.

    Args:
        what: for the message.
        first, second: of one shape.
        tolerance: the largest difference allowed, as a part of the largest magnitude in `first`.

    Raises:
        OutputsDifferError: they do not.
    """
    if first.shape != second.shape:
        raise OutputsDifferError(f"{what}: shapes {first.shape} and {second.shape}")
    largest = float(np.max(np.abs(first), initial=0.0))
    difference = float(np.max(np.abs(first - second), initial=0.0))
    if not difference <= tolerance * largest:
        raise OutputsDifferError(f"{what}: values up to {largest:g} differ by up to {difference:g}")


def brightness(picture: Image.Image) -> Gray:
    """Return the brightness of a gray picture, indexed or not."""
    return np.asarray(picture.convert("L"))


def find_tile(what: str, sheet: Gray, tile: Gray, above: int = 0) -> int:
    """Check that a tile is drawn somewhere on a sheet, and return the row of its top.

    Args:
        what: for the message.
        sheet: brightness of the whole.
        tile: brightness of the part.
        above: a row that the tile does not begin before.

    Raises:
        OutputsDifferError: nowhere do all pixels agree within LEVELS.
    """
    height, width = tile.shape
    searched = sheet[above : above + 3 * height].astype(np.int16)
    tops, lefts = searched.shape[0] - height + 1, searched.shape[1] - width + 1
    if tops < 1 or lefts < 1:
        raise OutputsDifferError(f"{what}: a sheet of {sheet.shape} has no room for {tile.shape} below row {above}")
    random = np.random.default_rng(0)
    row, column = random.integers(height), random.integers(width)
    near = np.abs(searched[row : row + tops, column : column + lefts] - int(tile[row, column])) <= LEVELS
    top, left = np.nonzero(near)
    for row, column in zip(random.integers(height, size=_PROBES), random.integers(width, size=_PROBES), strict=True):
        near = np.abs(searched[top + row, left + column] - int(tile[row, column])) <= LEVELS
        top, left = top[near], left[near]
    for row, column in zip(top, left, strict=True):
        if np.all(np.abs(searched[row : row + height, column : column + width] - tile.astype(np.int16)) <= LEVELS):
            return above + int(row)
    raise OutputsDifferError(f"{what}: not on the sheet within {LEVELS} of 255 levels")


def find_tiles(what: str, sheet: Gray, tiles: Sequence[Gray]) -> None:
    """Check that a sheet shows tiles, in rows from the top down."""
    top = 0
    for index, tile in enumerate(tiles):
        top = find_tile(f"{what}, tile {index}", sheet, tile, top)
