"""A window or a kernel with its numbers written out, each in a cell of its own color."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.drawing.canvas import Canvas, Pixels
from featuremap_cli.drawing.numerals import same_digits, short
from featuremap_cli.drawing.text import coverage, line_height, text_width

Texts = tuple[tuple[str, ...], ...]

_HATCH_STEP, _HATCH_COLOR, _HATCH_PAPER = 8, 205, 240
_DARK = 125_000


@dataclass(frozen=True, eq=False)
class NumberGrid:
    """Numbers in rows and columns.

    Attributes:
        texts: the numbers; empty texts where none are written.
        colors: uint8 (rows, columns, 3), what lies below each.
        outside: bool (rows, columns): cells that lie outside the image, hatched instead.
        size: of the typeface, in pixels; 0 writes no numbers.
        cell: (height, width) of a cell in pixels.
        line: white between two cells, in pixels.
    """

    texts: Texts
    colors: Pixels
    outside: NDArray[np.bool_]
    size: int
    cell: tuple[int, int]
    line: int

    @property
    def height(self) -> int:
        """Of the grid, in pixels."""
        return len(self.texts) * (self.cell[0] + self.line) - self.line

    @property
    def width(self) -> int:
        """Of the grid, in pixels."""
        return len(self.texts[0]) * (self.cell[1] + self.line) - self.line

    def resized(self, cell: tuple[int, int]) -> NumberGrid:
        """Return the grid with cells of another (height, width), in pixels."""
        return replace(self, cell=cell)

    def draw(self, canvas: Canvas, left: int, top: int) -> None:
        """Draw the grid with its top left corner at (left, top)."""
        canvas.frame(left, top, self.width, self.height, self.line)
        height, width = self.cell
        for row, texts in enumerate(self.texts):
            for column, text in enumerate(texts):
                x, y = left + column * (width + self.line), top + row * (height + self.line)
                cell = canvas.pixels[y : y + height, x : x + width]
                cell[...] = _hatched(height, width) if self.outside[row, column] else self.colors[row, column]
                if self.size:
                    self._write(canvas, text, x, y)

    def _write(self, canvas: Canvas, text: str, left: int, top: int) -> None:
        mask = coverage(text, self.size)
        x = left + (self.cell[1] - mask.shape[1]) // 2
        y = top + (self.cell[0] - mask.shape[0]) // 2
        below = canvas.pixels[top + 1, left + 1].astype(int)
        dark = int(below @ np.array([299, 587, 114])) < _DARK
        canvas.stamp(mask, x, y, color=(255, 255, 255) if dark else (0, 0, 0))


def number_grid(texts: Texts, colors: Pixels, outside: NDArray[np.bool_], size: int, line: int) -> NumberGrid:
    """Return a grid whose cells are as wide as their widest number wants."""
    width = max(text_width(text, size) for row in texts for text in row) + size // 2
    return NumberGrid(texts, colors, outside, size, (line_height(size) + size // 6, max(width, 2 * size)), line)


def blank_grid(colors: Pixels, outside: NDArray[np.bool_], side: int) -> NumberGrid:
    """Return a grid without numbers, for what would not be legible, its cells `side` pixels wide and high."""
    texts = tuple(("",) * colors.shape[1] for _ in range(colors.shape[0]))
    return NumberGrid(texts, colors, outside, 0, (side, side), 0)


def number_texts(values: Sequence[NDArray[np.floating]], digits: int) -> list[Texts]:
    """Return the texts of several grids, with the same decimals in all; whole and short numbers as they are.

    What is not finite is `NaN`, `inf` or `-inf`.

    Args:
        values: (rows, columns) each.
        digits: significant digits of the greatest value.
    """
    flat = tuple(float(value) for grid in values for value in np.ravel(grid))
    plain = tuple(short(value) for value in flat)
    # compared as float32, where 0.1 is the number nearest to it
    written = np.array([float(text) for text in plain], np.float32)
    exact = np.array_equal(written, np.array(flat, np.float32), equal_nan=True)
    texts = iter(plain if exact else map(_without_lone_sign, same_digits(flat, digits)))
    return [tuple(tuple(next(texts) for _ in range(grid.shape[1])) for _ in range(grid.shape[0])) for grid in values]


def _without_lone_sign(text: str) -> str:
    """Return `0.00` for what was rounded to `-0.00`."""
    return text.removeprefix("-") if not text.strip("-0.") else text


def _hatched(height: int, width: int) -> Pixels:
    """Return light gray with darker diagonals, uint8 (height, width, 3): what stands outside the image."""
    down, right = np.indices((height, width))
    gray = np.where((down + right) % _HATCH_STEP < 2, _HATCH_COLOR, _HATCH_PAPER).astype(np.uint8)
    return gray[..., np.newaxis].repeat(3, axis=2)
