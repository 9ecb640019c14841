"""Marks on tiles."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.drawing.canvas import Canvas
from featuremap_cli.drawing.grid import Box
from featuremap_cli.drawing.palette import PAPER
from featuremap_cli.drawing.text import line_height


def draw_silent_mark(canvas: Canvas, box: Box, label_size: int) -> None:
    """Draw the empty-set sign in the middle of a tile, on white paper so that it shows on any color."""
    side = min(box.width, box.height, max(line_height(label_size), min(box.width, box.height) // 8))
    left, top = box.left + (box.width - side) // 2, box.top + (box.height - side) // 2
    mark, disc = _empty_set(side)
    below = canvas.pixels[top : top + side, left : left + side].copy()
    canvas.paste(np.full_like(below, PAPER), left, top)
    canvas.stamp(mark, left, top)
    canvas.pixels[top : top + side, left : left + side][~disc] = below[~disc]


@lru_cache(maxsize=16)
def _empty_set(side: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the mark of a silent map, an empty-set sign on a disc of white paper.

    A ring with a bar through it, smoothed at its edges: coverage falls over one pixel around each outline.

    Returns:
        Coverage (side, side), 0 to 255, and where the disc is, bool (side, side).
    """
    at = np.arange(side) - (side - 1) / 2
    down, right = np.meshgrid(at, at, indexing="ij")
    stroke = max(1.0, side / 12)
    radius = side / 2 * 0.72
    ring = np.abs(np.hypot(down, right) - radius)
    bar = np.abs(down + right) / np.sqrt(2)
    along = np.abs(right - down) / np.sqrt(2)
    bar = np.maximum(bar, along - side / 2 + stroke)
    distance = np.minimum(ring, bar) - stroke / 2
    return np.rint(np.clip(0.5 - distance, 0, 1) * 255).astype(np.uint8), np.hypot(down, right) <= side / 2
