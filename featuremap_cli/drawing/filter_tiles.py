"""Filters as tiles: one panel in color or gray, or a strip of panels, one for each input channel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank, Float32
from featuremap_cli.drawing.canvas import Canvas
from featuremap_cli.drawing.extents import Extent, measure
from featuremap_cli.drawing.grid import Box
from featuremap_cli.drawing.numerals import short
from featuremap_cli.drawing.palette import FLAT_COLOR, MISSING_COLOR, colormap
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area
from featuremap_cli.drawing.scaling import to_levels
from featuremap_cli.drawing.text import coverage, line_height, text_width

Pixels = NDArray[np.uint8]
Cells = tuple[tuple[str, ...], ...]

MOST_CHANNELS = 16
LARGEST_NUMBERED = 7
PANEL_GAP = 3

_LEVELS = 255
_SMALLEST_NUMBER = 9
_LONG_NUMBER = 5
_DECIMAL = re.compile(r"[+-]?\d*\.\d+")


@dataclass(frozen=True, eq=False)
class FilterTile:
    """One filter as it is drawn.

    Attributes:
        index: counted over all banks of the sheet.
        kind: `color` for three input channels, `gray` for one, `strip` for any other number.
        weights: float32 (filter_height, filter_width, input_channels).
        name: its name, or an empty text.
        bias: its bias.
        shape: (filter_height, filter_width, input_channels) of the filter itself, also where a summary is drawn.
        summary: what of its input channels is drawn, or None for the weights themselves.
        cells: the weights as texts, (filter_height, filter_width), where they are written into the tile.
        channels: the input channels that are drawn, in order: of color, red first.
    """

    index: int
    kind: Literal["color", "gray", "strip"]
    weights: Float32
    name: str
    bias: float
    shape: tuple[int, int, int]
    summary: str | None
    cells: Cells | None
    channels: tuple[int, ...] = ()

    @property
    def extent(self) -> Extent:
        """What the weights span."""
        return measure(self.weights)

    @property
    def panels(self) -> list[Float32]:
        """What is drawn side by side: float32 (height, width, 3) in color, otherwise (height, width)."""
        if self.kind == "color":
            return [self.weights[..., self.channels]]
        return [self.weights[..., channel] for channel in self.channels]

    @property
    def own_limits(self) -> tuple[float, float]:
        """The limits of the filter's own scale: its range in color, symmetric about zero in gray."""
        extent = self.extent
        if self.kind == "color":
            return extent.low, extent.high
        greatest = max(abs(extent.low), abs(extent.high))
        return -greatest, greatest

    def size(self, factor: int) -> tuple[int, int]:
        """Return the (height, width) in pixels at which each weight is `factor` x `factor` pixels."""
        height, width = self.weights.shape[:2]
        down, across = self.panel_grid
        return down * height * factor + (down - 1) * PANEL_GAP, across * width * factor + (across - 1) * PANEL_GAP

    @property
    def panel_grid(self) -> tuple[int, int]:
        """How many panels stand below each other and in a row: 16 in a row at the most."""
        count = len(self.panels)
        return -(-count // MOST_CHANNELS), min(count, MOST_CHANNELS)

    @property
    def stretches(self) -> bool:
        """Whether it is one flat area, which needs no whole factor and is drawn as large as its neighbors."""
        return self.kind != "strip" and self.extent.silent

    def stretched(self, room: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) in pixels of a flat area that fills `room` (height, width) in its proportions."""
        rows, columns = self.weights.shape[:2]
        scale = min(room[0] / rows, room[1] / columns)
        return max(1, round(rows * scale)), max(1, round(columns * scale))

    def factor(self, box: tuple[int, int]) -> int:
        """Return the whole factor by which the weights fit into `box` (height, width); 0 where they do not."""
        height, width, _ = map(int, self.weights.shape)
        down, across = self.panel_grid
        room = box[0] - (down - 1) * PANEL_GAP, box[1] - (across - 1) * PANEL_GAP
        return max(0, min(room[0] // (down * height), room[1] // (across * width)))


def filter_tiles(
    bank: FilterBank,
    first: int,
    shape: tuple[int, int, int],
    summary: str | None = None,
    channels: Sequence[int] | None = None,
) -> list[FilterTile]:
    """Return the filters of a bank as tiles.

    Args:
        bank: the filters, or a summary of them.
        first: the index of the first one on the sheet.
        shape: (filter_height, filter_width, input_channels) of the filters themselves.
        summary: what of their input channels `bank` holds, or None.
        channels: the input channels to draw, side by side; None for color, gray, or the first 16.
    """
    kind: Literal["color", "gray", "strip"] = "strip"
    if channels is None and bank.input_channels in (1, 3):
        kind = "gray" if bank.input_channels == 1 else "color"
    if channels is None:
        channels = range(min(MOST_CHANNELS, bank.input_channels))
        if kind == "color" and bank.prepares is not None and bank.prepares.order == "bgr":
            channels = channels[::-1]
    return [
        FilterTile(
            index=first + position,
            kind=kind,
            weights=bank.weights[..., position],
            name=bank.names[position],
            bias=float(bank.bias[position]),
            shape=shape,
            summary=summary,
            cells=_cells(bank, position),
            channels=tuple(channels),
        )
        for position in range(bank.filters)
    ]


def _cells(bank: FilterBank, position: int) -> Cells | None:
    """Return the texts for the cells of a small kernel written by hand, or None."""
    if not bank.every_channel or max(bank.size) > LARGEST_NUMBERED:
        return None
    if bank.cells is not None:
        return bank.cells[position]
    return tuple(tuple(short(float(weight)) for weight in row) for row in bank.weights[..., 0, position])


def cell_width(tile: FilterTile, size: int) -> int:
    """Return how wide a cell has to be for the numbers of `tile`, in pixels, at a type size."""
    if tile.cells is None:
        return 1
    return max(3 * size, max(text_width(text, size) for row in tile.cells for text in row) + size)


def draw_filter(canvas: Canvas, tile: FilterTile, box: Box, limits: tuple[float, float], cmap: str, line: int) -> Box:
    """Draw a filter at the lower left of `box`, right above its label.

    Args:
        canvas: the page, RGB.
        tile: the filter.
        box: the room for it.
        limits: the weights that are darkest and brightest.
        cmap: the colormap for gray panels.
        line: width of the hairline around each panel.

    Returns:
        Where it was drawn.
    """
    if tile.stretches:
        return _draw_silent(canvas, tile, box, line)
    factor = tile.factor((box.height, box.width))
    height, width = tile.size(factor) if factor else (box.height, box.width)
    left, top = box.left, box.top + box.height - height
    panels = tile.panels
    down, across = tile.panel_grid
    steps = (height + PANEL_GAP) // down, (width + PANEL_GAP) // across
    for position, weights in enumerate(panels):
        picture = _picture(weights, limits, cmap, flat=tile.extent.silent)
        picture = enlarge(picture, factor) if factor else _reduced(picture, steps[0] - PANEL_GAP, steps[1] - PANEL_GAP)
        row, column = divmod(position, across)
        x, y = left + column * steps[1], top + row * steps[0]
        canvas.frame(x, y, picture.shape[1], picture.shape[0], line)
        canvas.paste(picture, x, y)
    if tile.cells is not None and factor and not tile.extent.silent:
        _draw_numbers(canvas, tile.cells, left, top, factor)
    return Box(left, top, width, height)


def _draw_silent(canvas: Canvas, tile: FilterTile, box: Box, line: int) -> Box:
    height, width = tile.stretched((box.height, box.width))
    place = Box(box.left, box.top + box.height - height, width, height)
    canvas.frame(place.left, place.top, width, height, line)
    canvas.paste(np.full((height, width, 3), FLAT_COLOR, np.uint8), place.left, place.top)
    return place


def _picture(weights: Float32, limits: tuple[float, float], cmap: str, flat: bool) -> Pixels:
    """Return weights as RGB, uint8 (height, width, 3), one pixel a weight."""
    if flat:
        return np.full((*weights.shape[:2], 3), FLAT_COLOR, np.uint8)
    plane = weights.reshape(weights.shape[0], -1)
    levels = to_levels(plane, *limits, _LEVELS, missing=_LEVELS)
    if weights.ndim == 2:
        return np.concatenate([colormap(cmap, _LEVELS), np.array([MISSING_COLOR], np.uint8)])[levels]
    levels = levels.reshape(weights.shape)
    picture: Pixels = np.rint(levels * np.float32(255 / (_LEVELS - 1))).clip(0, 255).astype(np.uint8)
    picture[(levels == _LEVELS).any(axis=2)] = MISSING_COLOR
    return picture


def _reduced(picture: Pixels, height: int, width: int) -> Pixels:
    channels = [reduce_by_area(picture[..., channel].astype(np.float32), height, width) for channel in range(3)]
    reduced: Pixels = np.rint(np.stack(channels, axis=2)).astype(np.uint8)
    return reduced


def _draw_numbers(canvas: Canvas, cells: Cells, left: int, top: int, side: int) -> None:
    """Write a number into the middle of each cell, in black or white, whichever shows."""
    cells, size = _legible(cells, side)
    if size < _SMALLEST_NUMBER:
        return
    for row, texts in enumerate(cells):
        for column, text in enumerate(texts):
            mask = coverage(text, size)
            x = left + column * side + (side - mask.shape[1]) // 2
            y = top + row * side + (side - line_height(size)) // 2
            dark = int(canvas.pixels[top + row * side, left + column * side] @ np.array([299, 587, 114])) < 110_000
            canvas.stamp(mask, x, y, color=(255, 255, 255) if dark else (0, 0, 0))


def _number_size(cells: Cells, side: int) -> int:
    """Return the type size at which the widest number leaves a little room in a cell of `side` pixels."""
    texts = {text for row in cells for text in row}
    size = round(0.28 * side)
    while size >= _SMALLEST_NUMBER and max(text_width(text, size) for text in texts) > side - max(4, size // 4):
        size -= 1
    return size


def _legible(cells: Cells, side: int) -> tuple[Cells, int]:
    """Return the texts for cells of `side` pixels and their type size, decimals cut to two digits if they get small."""
    size = _number_size(cells, side)
    if size < 0.25 * side and max(len(text) for row in cells for text in row) > _LONG_NUMBER:
        cells = tuple(tuple(_two_digits(text) for text in row) for row in cells)
        size = _number_size(cells, side)
    return cells, size


def _two_digits(text: str) -> str:
    """Return a decimal number with two significant digits; fractions and whole numbers stay as they were written."""
    return f"{float(text):.2g}" if _DECIMAL.fullmatch(text) else text
