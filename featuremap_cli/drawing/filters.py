"""Filters as one picture: kernels with their numbers, color filters, strips of many input channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from featuremap_cli.analysis.map_facts import facts_of
from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution.engine import layer_name
from featuremap_cli.drawing.canvas import color_canvas
from featuremap_cli.drawing.choice import choose, picked
from featuremap_cli.drawing.color_bar import ColorBar
from featuremap_cli.drawing.columns import default_columns
from featuremap_cli.drawing.extents import Extent
from featuremap_cli.drawing.filter_tiles import (
    MOST_CHANNELS,
    FilterTile,
    cell_width,
    draw_filter,
    filter_tiles,
)
from featuremap_cli.drawing.grid import Order, lay_out
from featuremap_cli.drawing.labels import Label, map_label
from featuremap_cli.drawing.marks import draw_silent_mark
from featuremap_cli.drawing.numerals import same_digits
from featuremap_cli.drawing.page import Heading, Measures, Sheet, limits_text
from featuremap_cli.drawing.palette import colormap
from featuremap_cli.drawing.scaling import SharedLimits, shared_limits
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.errors import UsageError

if TYPE_CHECKING:
    from featuremap_cli.drawing.summary import Summary

_COLUMN_WIDTH, _LARGEST_TILE, _SMALLEST_TILE = 1100, 320, 120
_STRIP_PANEL = 48


@dataclass(frozen=True, eq=False)
class FilterView:
    """The filters that a sheet shows, and how.

    Attributes:
        tiles: all filters of all banks.
        style: as asked for.
        shown: indices of those to draw, in order.
        limits: of a shared scale, or None.
        source: what notes call the filters.
    """

    tiles: tuple[FilterTile, ...]
    style: SheetStyle
    shown: tuple[int, ...]
    limits: SharedLimits | None
    source: str

    @property
    def drawn(self) -> list[FilterTile]:
        """The filters to draw, in order."""
        return [self.tiles[index] for index in self.shown]

    @property
    def mixed(self) -> bool:
        """Whether some of the tiles are in color and some are not."""
        return len({tile.kind == "color" for tile in self.drawn}) == 2

    def limits_of(self, tile: FilterTile) -> tuple[float, float]:
        """Return the weights that are darkest and brightest in one tile."""
        return tile.own_limits if self.limits is None else (self.limits.low, self.limits.high)

    def label(self, tile: FilterTile) -> Label:
        """Return a filter's label: index, name, bias where it is not zero, and its scale where that is its own."""
        name = tile.name
        if tile.bias != 0:
            bias = f"bias {same_digits((tile.bias,))[0]}"
            name = f"{name}, {bias}" if name else bias
        extent = tile.extent
        label = map_label(tile.index, name, extent)
        if tile.kind == "color" or extent.silent or extent.unreal:
            return label
        if tile.cells is not None:
            return Label(str(tile.index), name)
        if self.limits is not None:
            return label
        ranges = tuple(f"±{same_digits((tile.own_limits[1],), digits)[0]}" for digits in (3, 2))
        return Label(str(tile.index), name, (*ranges, ""))

    def describe(self) -> tuple[str, ...]:
        """Return the parts of the second line: how many filters of which sizes, how many are shown, the scale."""
        total = len(self.tiles)
        noun = "kernel" if all(tile.cells is not None for tile in self.tiles) else "filter"
        shape = f"{total} {noun}{'s' if total > 1 else ''} {_sizes(self.tiles)}"
        if len(self.shown) < total:
            shape += f", {len(self.shown)} of {total} shown"
        if self.style.sort != "index":
            shape += f" by {self.style.sort}"
        scale = self.limits.words if self.limits else _own_words(self.drawn)
        if self.limits and self.mixed and self.style.cmap != "gray":
            scale += ", in color tiles from dark to bright"
        return shape, *_channel_words(self.drawn), scale

    def text(self) -> dict[str, str]:
        """Return what a PNG says of scale and choice."""
        return {
            "Scale": str(self.style.scale),
            "Limits": limits_text({tile.index: self.limits_of(tile) for tile in self.drawn}),
            "Colormap": self.style.cmap,
            "Shown": f"{len(self.shown)} of {len(self.tiles)}",
        }

    def notes(self) -> tuple[str, ...]:
        """Return the lines for stderr: that not all filters or input channels are drawn."""
        lines = []
        if len(self.shown) < len(self.tiles):
            count = f"{len(self.shown)} of {len(self.tiles)} shown"
            cut = self.style.limit is not None and len(self.shown) == self.style.limit
            lines.append(f"{self.source}: {count}" + ("; --limit all draws every filter" if cut else ""))
        others = any(len(tile.channels) < tile.weights.shape[2] for tile in self.drawn if tile.kind == "strip")
        remedy = "; --channels 16:32 draws others" if others and self.style.channels is None else ""
        lines += [f"{self.source}: {words}{remedy}" for words in _channel_words(self.drawn)]
        return tuple(lines)


def draw_filters(
    banks: Sequence[FilterBank], style: SheetStyle, title: str, detail: str = "", summary: Summary | None = None
) -> Sheet:
    """Return a sheet of filters.

    Three input channels make a color tile for each filter, from its own minimum to its maximum (Krizhevsky et al.,
    "ImageNet classification with deep convolutional neural networks", 2012, figure 3). One makes a gray tile on a
    scale symmetric about zero, with the numbers in the cells of small kernels written by hand. Any other number makes
    a strip of gray tiles, one for each of the first 16 input channels or those that the style names, on one symmetric
    scale. Filters are counted
    over all banks, as the maps they make are.

    Args:
        banks: filters of any sizes.
        style: how they are drawn.
        title: the first line: what and of what, in parts separated by middle dots.
        detail: a last part for the second line.
        summary: one tile instead of a strip: `mean` or `max` over the input channels, or `pca`, their first three
            principal components in color.

    Raises:
        UsageError: no filter, an unknown colormap, a selection that does not fit, or a summary of filters of one
            input channel.
    """
    view = view_filters(banks, style, summary)
    bar = ColorBar(view.limits.low, view.limits.high) if view.limits is not None else None
    labels = tuple(view.label(tile) for tile in view.drawn)
    order = Order(
        count=len(view.shown),
        size=_room(view),
        tile=style.tile,
        columns=style.columns or _columns(view),
        heading=Heading(title, (*view.describe(), detail), any(tile.extent.unreal for tile in view.drawn)),
        labels=labels if style.labels else (),
        bar=bar.texts if bar is not None else (),
        enlarge=False,
    )
    grid = lay_out(order)
    heights, width = _filled(view.drawn, grid.tile)
    order = replace(order, size=(max(heights), width), tile="full", heights=heights)
    grid = lay_out(order)
    canvas = color_canvas(grid.width, grid.height)
    order.heading.draw(canvas, grid.measures, grid.width - 2 * grid.measures.margin)
    if bar is not None and grid.bar is not None:
        gray = all(tile.kind == "color" for tile in view.drawn)
        bar.draw(canvas, grid.bar, grid.measures, colormap("gray" if gray else style.cmap, 255))
    for position, tile in enumerate(view.drawn):
        box = grid.box(position)
        place = draw_filter(canvas, tile, box, view.limits_of(tile), style.cmap, grid.measures.line)
        if tile.extent.silent:
            draw_silent_mark(canvas, place, grid.measures.label)
        if grid.lettering is not None:
            grid.lettering.draw(canvas, labels[position], box.left, box.top + box.height, grid.label_width)
    return Sheet(canvas.picture(), view.text(), view.shown, len(view.tiles), view.notes())


def view_filters(banks: Sequence[FilterBank], style: SheetStyle, summary: Summary | None = None) -> FilterView:
    """Return which filters a sheet shows and with which limits.

    Raises:
        UsageError: there is no filter, the selection does not fit, or there is nothing to summarize.
    """
    if summary is not None and banks and all(bank.input_channels == 1 for bank in banks):
        raise UsageError(
            f"--summary {summary}: expected filters of several input channels, got {layer_name(banks)} with one; "
            "leave --summary out"
        )
    if summary is not None and style.channels is not None:
        raise UsageError(f"--summary {summary} is of all input channels and --channels chooses some: leave out one")
    tiles: list[FilterTile] = []
    for bank in banks:
        drawn = bank if summary is None else _summarized(bank, summary)
        summarized = summary if drawn is not bank else None
        tiles += filter_tiles(drawn, len(tiles), bank.weights.shape[:3], summarized, _chosen_channels(bank, style))
    source = layer_name(banks)
    if not tiles or any(tile.weights.size == 0 for tile in tiles):
        raise UsageError(f"{source or 'filters'}: expected at least one filter with weights, got none")
    weights = [tile.weights for tile in tiles]
    shown = choose([facts_of(one, squares=style.sort == "std") for one in weights], source, style)
    limits = None
    if style.scale.shared:
        extents: list[Extent] = [tile.extent for tile in tiles]
        limits = shared_limits(weights, extents, style.scale)
    return FilterView(tuple(tiles), style, shown, limits, source)


def _chosen_channels(bank: FilterBank, style: SheetStyle) -> list[int] | None:
    if style.channels is None:
        return None
    return picked(style.channels, bank.input_channels, bank.source or "the kernel", "--channels", "input channels")


def _summarized(bank: FilterBank, summary: Summary) -> FilterBank:
    # Seldom asked for, and a part of each start otherwise.
    from featuremap_cli.drawing.summary import summarize_bank

    return summarize_bank(bank, summary)


def _columns(view: FilterView) -> int:
    """Return how many filters stand in a row."""
    if any(tile.kind == "strip" for tile in view.drawn):
        return default_columns(len(view.shown), _room(view))
    return default_columns(len(view.shown), (1, 1))


def _room(view: FilterView) -> tuple[int, int]:
    """Return the (height, width) in pixels that holds every filter of the sheet at a good size."""
    columns = view.style.columns or default_columns(len(view.shown), (1, 1))
    wished = max(_SMALLEST_TILE, min(_LARGEST_TILE, _COLUMN_WIDTH // columns))
    sizes = []
    for tile in view.drawn:
        longer = max(tile.weights.shape[:2])
        side = _STRIP_PANEL if tile.kind == "strip" else wished
        sizes.append(tile.size(max(1, side // longer, cell_width(tile, Measures.at(1).label))))
    return max(height for height, _ in sizes), max(width for _, width in sizes)


def _filled(tiles: Sequence[FilterTile], room: tuple[int, int]) -> tuple[tuple[int, ...], int]:
    """Return how much of the room (height, width) filters fill, enlarged by whole factors: each height, one width."""
    sizes = [tile.size(factor) if (factor := tile.factor(room)) else room for tile in tiles]
    firm = [size for tile, size in zip(tiles, sizes, strict=True) if not tile.stretches]
    if firm:
        room = max(height for height, _ in firm), max(width for _, width in firm)
        sizes = [tile.stretched(room) if tile.stretches else size for tile, size in zip(tiles, sizes, strict=True)]
    return tuple(height for height, _ in sizes), max(width for _, width in sizes)


def _sizes(tiles: Sequence[FilterTile]) -> str:
    """Return the sizes of filters in words: `of 11 x 11 x 3`, or for several sizes `from 3 x 3 to 7 x 7`."""
    shapes = sorted({tile.shape[: 2 if tile.shape[2] == 1 else 3] for tile in tiles}, key=np.prod)
    words = [" x ".join(map(str, shape)) for shape in shapes]
    return f"of {words[0]}" if len(words) == 1 else f"from {words[0]} to {words[-1]}"


def _channel_words(tiles: Sequence[FilterTile]) -> tuple[str, ...]:
    """Return how many input channels are drawn of strips that do not show all."""
    most = max((tile.weights.shape[2] for tile in tiles if tile.kind == "strip"), default=0)
    summaries = {tile.summary for tile in tiles if tile.summary}
    if summaries:
        return (f"{summaries.pop()} of all input channels",)
    if most == 0:
        return ()
    shown = max((tile.channels for tile in tiles if tile.kind == "strip"), key=len)
    order = "left to right" if len(shown) <= MOST_CHANNELS else "row by row"
    if len(shown) == most:
        return (f"{most} input channels, {order}",)
    if shown == tuple(range(len(shown))):
        return (f"first {len(shown)} of {most} input channels, {order}",)
    return (f"input channels {_listed(shown)} of {most}, {order}",)


def _listed(indices: Sequence[int]) -> str:
    """Return indices in words: `16 to 31`, or `3, 5, 12` and how many more."""
    if len(indices) > 2 and list(indices) == list(range(indices[0], indices[-1] + 1)):
        return f"{indices[0]} to {indices[-1]}"
    return ", ".join(map(str, indices[:8])) + (f" and {len(indices) - 8} more" if len(indices) > 8 else "")


def _own_words(tiles: Sequence[FilterTile]) -> str:
    """Return in words the scale of filters that each have their own."""
    color = any(tile.kind == "color" for tile in tiles)
    gray = any(tile.kind != "color" for tile in tiles)
    each = "each " if len(tiles) > 1 else ""
    words = []
    if color:
        words.append(f"{each}scaled to its own range")
    if gray:
        words.append(f"{each}on its own symmetric scale, zero in the middle")
    return "; ".join(words) if len(words) < 2 else "color scaled to its own range, gray symmetric about zero"
