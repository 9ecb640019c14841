"""What sheets are painted on: an array of palette indices or of RGB colors, with a pen for text and rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featuremap_cli.drawing.palette import BLACK, PAPER, Palette
from featuremap_cli.drawing.text import coverage

Pixels = NDArray[np.uint8]

INK = 255
SOFT = 165
HAIRLINE = 45


@dataclass(frozen=True, eq=False)
class Canvas:
    """A white page.

    Attributes:
        pixels: uint8 (height, width) of palette indices, or uint8 (height, width, 3) of RGB where `palette` is None.
        palette: what the indices mean.
    """

    pixels: Pixels
    palette: Palette | None

    def write(self, text: str, left: int, top: int, size: int, ink: int = INK) -> None:
        """Write one line of text with its top left corner at (left, top); on an indexed canvas the page must be white.

        Args:
            text: the line.
            left, top: pixels.
            size: of the typeface, in pixels.
            ink: 255 for black, less for gray.
        """
        self.stamp(coverage(text, size), left, top, ink)

    def stamp(self, mask: Pixels, left: int, top: int, ink: int = INK, color: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Lay ink on the page where `mask` (height, width) has coverage, 255 for full.

        `color` is for RGB canvases; an indexed one has gray ink only and takes what is below for white.
        """
        bottom, right = min(self.pixels.shape[0], top + mask.shape[0]), min(self.pixels.shape[1], left + mask.shape[1])
        mask = mask[: bottom - top, : right - left]
        part = self.pixels[top:bottom, left:right]
        if self.palette is not None:
            part[...] = _INKS[(mask.astype(np.uint16) * ink) // 255]
        else:
            strength = mask[..., np.newaxis].astype(np.float32) * (ink / 255 / 255)
            part[...] = np.rint(part * (1 - strength) + np.array(color, np.float32) * strength)

    def fill(self, left: int, top: int, width: int, height: int, ink: int = INK) -> None:
        """Fill a rectangle with even ink."""
        value = _INKS[ink] if self.palette is not None else np.uint8(255 - ink)
        self.pixels[max(0, top) : top + height, max(0, left) : left + width] = value

    def paste(self, tile: Pixels, left: int, top: int) -> None:
        """Put `tile`, of the canvas's own kind of pixels, at (left, top)."""
        self.pixels[top : top + tile.shape[0], left : left + tile.shape[1]] = tile

    def frame(self, left: int, top: int, width: int, height: int, line: int) -> None:
        """Draw a hairline around a rectangle, outside it, so that a white tile shows its edge on the white page."""
        self.fill(left - line, top - line, width + 2 * line, height + 2 * line, HAIRLINE)

    def picture(self) -> Image.Image:
        """Return the page as a Pillow image, of mode P or RGB."""
        picture = Image.fromarray(self.pixels)
        if self.palette is not None:
            picture.putpalette(self.palette.colors.tobytes())
        return picture


def indexed_canvas(width: int, height: int, palette: Palette) -> Canvas:
    """Return a white page of palette indices."""
    return Canvas(np.full((height, width), PAPER, np.uint8), palette)


def color_canvas(width: int, height: int) -> Canvas:
    """Return a white page of RGB pixels."""
    return Canvas(np.full((height, width, 3), 255, np.uint8), None)


_INKS: Pixels = np.rint(PAPER - np.arange(256) * (PAPER - BLACK) / 255).astype(np.uint8)
