"""What tests read off finished sheets, by looking at pixels alone."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from featuremap_cli.drawing.palette import FLAT, LEVELS, MISSING


def tiles_of(picture: Image.Image, levels: int = LEVELS) -> list[np.ndarray]:
    """Cut out every connected area of colormap or mark entries of an indexed sheet, row by row."""
    indices = np.asarray(picture)
    inside = (indices < levels) | (indices == FLAT) | (indices == MISSING)
    # a mark's white disc lies inside its tile
    regions = ndimage.find_objects(ndimage.label(ndimage.binary_fill_holes(inside))[0])
    large = [region for region in regions if inside[region].size > 400]
    return [indices[region] for region in sorted(large, key=lambda region: (region[0].start // 8, region[1].start))]


def rgb(picture: Image.Image) -> np.ndarray:
    """Return a sheet's pixels as RGB, uint8 (height, width, 3)."""
    return np.asarray(picture.convert("RGB"))
