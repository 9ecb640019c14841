"""Marks on tiles."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=16)
def silent_mark(side: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
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
