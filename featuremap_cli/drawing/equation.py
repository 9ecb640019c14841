"""Columns of a picture that reads like a sum: tiles, and the operators between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.drawing.canvas import INK, SOFT, Canvas, Pixels
from featuremap_cli.drawing.extents import measure
from featuremap_cli.drawing.grid import Box
from featuremap_cli.drawing.marks import draw_silent_mark
from featuremap_cli.drawing.number_grid import Texts, number_grid
from featuremap_cli.drawing.page import Measures, widest
from featuremap_cli.drawing.shading import Shading, Size, bar_height
from featuremap_cli.drawing.text import line_height, text_width

Span = tuple[int, int, int, int]
"""(top, left, bottom, right), bottom and right not included, in a map's own pixels."""

MARK = (255, 196, 0)


@dataclass(frozen=True)
class Rows:
    """Where the rows of the sum are, in pixels from the page's top.

    Attributes:
        top: of the first.
        height: of each.
        gap: between two.
        count: how many.
    """

    top: int
    height: int
    gap: int
    count: int

    def center(self, row: int) -> int:
        """The middle of a row."""
        return self.top + row * (self.height + self.gap) + self.height // 2

    @property
    def bottom(self) -> int:
        """The foot of the last."""
        return self.top + self.count * (self.height + self.gap) - self.gap

    @property
    def middle(self) -> int:
        """The middle of all."""
        return (self.top + self.bottom) // 2


class Column(Protocol):
    """What stands between two x positions, over all rows."""

    @property
    def width(self) -> int:
        """Pixels."""

    def draw(self, canvas: Canvas, left: int, rows: Rows) -> None:
        """Draw it from `left` on."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A map or a kernel.

    Attributes:
        values: float32 (height, width).
        size: (height, width) on the page.
        name: written below; often empty.
        cells: its numbers, where they are written into it.
        marked: a part of it that is framed, in its own pixels.
        shading: its own scale; None where it has its column's.
    """

    values: Float32
    size: Size
    name: str = ""
    cells: Texts | None = None
    marked: Span | None = None
    shading: Shading | None = None


@dataclass(frozen=True, eq=False)
class TileColumn:
    """Tiles of one kind, one below the other.

    Attributes:
        tiles: one a row, as many as there are rows, or fewer where the last have none.
        caption: above them.
        shape: below them.
        shading: their scale, shown as a bar at the foot.
        measures: of the page.
        alone: its one tile stands in the middle of all rows.
        width: as wide as its widest line of text, at least.
    """

    tiles: tuple[Tile, ...]
    caption: str
    shape: str
    shading: Shading
    measures: Measures
    alone: bool = False
    width: int = field(init=False)

    def __post_init__(self) -> None:
        label = self.measures.label
        texts = widest((self.caption, self.shape, *(tile.name for tile in self.tiles)), label)
        tiles = max(tile.size[1] for tile in self.tiles)
        width = max(texts, tiles, self.shading.bar_width(small_type(self.measures)))
        object.__setattr__(self, "width", width)

    def draw(self, canvas: Canvas, left: int, rows: Rows) -> None:
        """Draw the column."""
        centers = [rows.middle] if self.alone else [rows.center(row) for row in range(rows.count)]
        height = max(tile.size[0] for tile in self.tiles)
        head, foot = rows.top, rows.bottom
        if self.alone:
            head, foot = rows.middle - height // 2, rows.middle - height // 2 + height
        label, line, gap = self.measures.label, self.measures.line, self.measures.gap
        middle = left + self.width // 2
        write_centered(canvas, self.caption, middle, head - line_height(label) - gap // 2, label)
        for tile, center in zip(self.tiles, centers, strict=False):
            self._draw_tile(canvas, tile, middle, center)
        write_centered(canvas, self.shape, middle, foot + gap // 2, label, SOFT)
        bar = max(max(tile.size[1] for tile in self.tiles), self.shading.bar_width(small_type(self.measures)))
        top = foot + gap + line_height(label)
        self.shading.draw_bar(canvas, middle - bar // 2, top, (label // 2, bar), small_type(self.measures), line)

    def _draw_tile(self, canvas: Canvas, tile: Tile, middle: int, center: int) -> None:
        label, line = self.measures.label, self.measures.line
        height, width = tile.size
        below = line_height(label) + self.measures.gap // 4 if tile.name else 0
        left, top = middle - width // 2, center - (height + below) // 2
        canvas.frame(left, top, width, height, line)
        canvas.paste((tile.shading or self.shading).picture(tile.values, tile.size), left, top)
        if tile.cells is not None:
            self._draw_numbers(canvas, tile, left, top)
        elif measure(tile.values).silent:
            draw_silent_mark(canvas, Box(left, top, width, height), label)
        if tile.marked is not None:
            draw_mark(canvas, tile.marked, (tile.values.shape[0], tile.values.shape[1]), (left, top), tile.size, line)
        if tile.name:
            write_centered(canvas, tile.name, middle, top + height + self.measures.gap // 4, label)

    def _draw_numbers(self, canvas: Canvas, tile: Tile, left: int, top: int) -> None:
        """Write the numbers into a tile's cells, where they are legible there."""
        assert tile.cells is not None
        colors = self.shading.paint(tile.values)
        grid = number_grid(tile.cells, colors, np.zeros(tile.values.shape, np.bool_), small_type(self.measures), 0)
        side = tile.size[0] // tile.values.shape[0]
        if grid.cell[0] <= side and grid.cell[1] <= side:
            grid.resized((side, side)).draw(canvas, left, top)


@dataclass(frozen=True)
class Operator:
    """An operator between two columns.

    Attributes:
        glyph: `×`, `=`, `+` or an arrow.
        measures: of the page.
        above, below: small words over and under it.
        rows: in which rows it stands; None for the middle of all.
        width: pixels.
    """

    glyph: str
    measures: Measures
    above: str = ""
    below: str = ""
    rows: int | None = None

    @property
    def size(self) -> int:
        """Of the glyph's typeface, in pixels."""
        return round(1.6 * self.measures.title)

    @property
    def width(self) -> int:
        """Pixels."""
        words = widest((self.above, self.below), self.measures.label)
        return max(text_width(self.glyph, self.size), words) + 2 * self.measures.gap

    def draw(self, canvas: Canvas, left: int, rows: Rows) -> None:
        """Draw it in the middle, or once in each of its rows."""
        centers = [rows.middle] if self.rows is None else [rows.center(row) for row in range(self.rows)]
        middle, label = left + self.width // 2, self.measures.label
        for center in centers:
            write_centered(canvas, self.glyph, middle, center - line_height(self.size) // 2, self.size)
        reach = self.size // 2
        write_centered(canvas, self.above, middle, rows.middle - reach - line_height(label), label)
        write_centered(canvas, self.below, middle, rows.middle + reach, label)


@dataclass(frozen=True)
class Bracket:
    """A bracket that takes all rows together."""

    measures: Measures

    @property
    def width(self) -> int:
        """Pixels."""
        return 3 * self.measures.gap

    def draw(self, canvas: Canvas, left: int, rows: Rows) -> None:
        """Draw a line over all rows with its ends turned towards them."""
        line, reach = 2 * self.measures.line, self.measures.gap
        left += reach
        canvas.fill(left + reach, rows.top, line, rows.bottom - rows.top, SOFT)
        for top in (rows.top, rows.bottom - line):
            canvas.fill(left, top, reach, line, SOFT)


@dataclass(frozen=True)
class RowNames:
    """Names before the rows, with the color of those that have one.

    Attributes:
        names: one a row; the last rows may have none.
        colors: one a name, or None.
        measures: of the page.
    """

    names: tuple[str, ...]
    colors: tuple[tuple[int, int, int] | None, ...]
    measures: Measures

    @property
    def width(self) -> int:
        """Pixels."""
        return widest(self.names, self.measures.label) + 2 * self.measures.gap

    def draw(self, canvas: Canvas, left: int, rows: Rows) -> None:
        """Write the names, right-aligned, with a stripe of color between name and tile."""
        label, gap = self.measures.label, self.measures.gap
        right = left + self.width - 2 * gap
        for row, (name, color) in enumerate(zip(self.names, self.colors, strict=True)):
            center = rows.center(row)
            canvas.write(name, right - text_width(name, label), center - line_height(label) // 2, label)
            if color is not None:
                top = center - rows.height // 2
                canvas.pixels[top : top + rows.height, right + gap // 2 : right + gap + gap // 4] = color


def small_type(measures: Measures) -> int:
    """The size of the smallest type on the page: 13 pixels when it is shown 1,200 pixels wide."""
    return round(measures.label * 13 / 15)


def foot_height(measures: Measures) -> int:
    """How much stands below the tiles of a column: shape and bar."""
    return line_height(measures.label) + measures.gap + bar_height(small_type(measures), measures.line)


def channel_title(name: str) -> str:
    """What a channel is called before its row: `Red` for `R`, `channel 17` for `17`."""
    colors = {"R": "Red", "G": "Green", "B": "Blue", "gray": "Gray"}
    return colors.get(name, f"channel {name}")


def write_centered(canvas: Canvas, text: str, middle: int, top: int, size: int, ink: int = INK) -> None:
    """Write one line of text around `middle`."""
    if text:
        canvas.write(text, middle - text_width(text, size) // 2, top, size, ink)


def draw_mark(canvas: Canvas, span: Span, of: Size, corner: tuple[int, int], size: Size, line: int) -> None:
    """Frame a part of a picture in yellow between two black lines, outside the part, which stays to be seen.

    Args:
        canvas: the page, RGB.
        span: the part, in the map's own pixels.
        of: (height, width) of the map.
        corner: (left, top) of the picture on the page.
        size: (height, width) of the picture on the page.
        line: width of a hairline.
    """
    top, bottom = (corner[1] + round(edge * size[0] / of[0]) for edge in (span[0], span[2]))
    left, right = (corner[0] + round(edge * size[1] / of[1]) for edge in (span[1], span[3]))
    for inner, outer, color in ((0, line, (0, 0, 0)), (line, 3 * line, MARK), (3 * line, 4 * line, (0, 0, 0))):
        _ring(canvas.pixels, (top, left, bottom, right), inner, outer, color)


def _ring(pixels: Pixels, span: Span, inner: int, outer: int, color: tuple[int, int, int]) -> None:
    """Fill what lies between `inner` and `outer` pixels outside a span."""
    top, left, bottom, right = span[0] - outer, span[1] - outer, span[2] + outer, span[3] + outer
    width = outer - inner
    for rows, columns in (
        (slice(top, top + width), slice(left, right)),
        (slice(bottom - width, bottom), slice(left, right)),
        (slice(top, bottom), slice(left, left + width)),
        (slice(top, bottom), slice(right - width, right)),
    ):
        pixels[rows, columns] = color
