"""A page of blocks, each a filter's: groups of small tiles beside each other, the filter's index above."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from featuremap_cli.drawing.canvas import SOFT, Canvas, Pixels, color_canvas
from featuremap_cli.drawing.grid import LARGEST_SHEET
from featuremap_cli.drawing.page import AUTO_LIMIT, REFERENCE_WIDTH, Heading, Measures, text_size
from featuremap_cli.drawing.style import Tile
from featuremap_cli.drawing.text import line_height, text_width
from featuremap_cli.errors import UsageError

Size = tuple[int, int]
"""(height, width), in pixels."""

_SHAPE = 1.6
_LARGEST_ENLARGED = 352
_SMALLEST_TILE = 16
_CROWDED = 24
_LABEL = 14
_SPACE = "   "


@dataclass(frozen=True)
class BlockLabel:
    """What stands above a block: the filter's index, and what there is to say of it, the longest wording first."""

    index: str
    remarks: tuple[str, ...] = ("",)

    def remark(self, wording: int) -> str:
        """Return one wording; the shortest for those beyond it."""
        return self.remarks[min(wording, len(self.remarks) - 1)]


@dataclass(frozen=True)
class BlockOrder:
    """What a page of blocks has to hold.

    Attributes:
        heading: the lines above.
        labels: one a block.
        groups: groups of tiles in a block, beside each other.
        places: one a block, the tiles in each of its groups.
        size: (height, width) of what is drawn in a tile, in its own pixels.
        columns: blocks in a row, or None.
        tile: the tile size asked for.
    """

    heading: Heading
    labels: tuple[BlockLabel, ...]
    groups: int
    places: tuple[int, ...]
    size: Size
    columns: int | None = None
    tile: Tile = "auto"


@dataclass(frozen=True)
class _Arrangement:
    """How blocks and their tiles are arranged.

    Attributes:
        columns: blocks in a row.
        across: tiles in a row of a group.
        down: for each row of blocks, how many rows of tiles its groups have, at least 1.
    """

    columns: int
    across: int
    down: tuple[int, ...]


class BlockPage:
    """The page, painted tile by tile so that no more than the page itself is kept.

    Attributes:
        tile: (height, width) of a tile.
        canvas: the page.
        line: a hairline's width.

    Raises:
        UsageError: the page would have more pixels than image viewers open.
    """

    def __init__(self, order: BlockOrder) -> None:
        plan = _plan(order)
        self._order, self._plan = order, plan
        self.tile, self.line = plan.tile, plan.measures.line
        if plan.width * plan.height > LARGEST_SHEET:
            raise UsageError(
                f"a sheet of {len(order.labels):,} filters would have {plan.width * plan.height / 1e6:,.0f} "
                f"megapixels, more than the {LARGEST_SHEET / 1e6:.0f} that image viewers open; draw fewer with --limit"
            )
        self.canvas: Canvas = color_canvas(plan.width, plan.height)
        order.heading.draw(self.canvas, plan.measures, plan.width - 2 * plan.measures.margin)
        wording = self._wording()
        for block, label in enumerate(order.labels):
            self._write(block, label, wording)

    def corner(self, block: int, group: int, place: int) -> tuple[int, int]:
        """Return (left, top) of a tile on the page; places of a group go row by row."""
        left, top = self._plan.block(block)
        row, column = divmod(place, self._plan.across)
        step = self._plan.step
        left += group * self._plan.group_pitch + column * (self.tile[1] + step)
        return left, top + self._plan.strip + row * (self.tile[0] + step)

    def put(self, block: int, group: int, place: int, tile: Pixels) -> None:
        """Paint one tile, uint8 (height, width, 3) of the page's tile size."""
        left, top = self.corner(block, group, place)
        self.canvas.frame(left, top, self.tile[1], self.tile[0], self.line)
        self.canvas.paste(tile, left, top)

    def _write(self, block: int, label: BlockLabel, wording: int | None) -> None:
        left, top = self._plan.block(block)
        size = self._plan.measures.label
        self.canvas.write(label.index, left, top, size)
        if wording is not None:
            self.canvas.write(label.remark(wording), left + text_width(label.index + _SPACE, size), top, size, SOFT)

    def _wording(self) -> int | None:
        """Return the first of the wordings that fits above every block; None where none does."""
        labels, size, room = self._order.labels, self._plan.measures.label, self._plan.block_width
        for wording in range(max(len(label.remarks) for label in labels)):
            texts = (label.index + _SPACE + label.remark(wording) for label in labels)
            if all(text_width(text, size) <= room for text in texts):
                return wording
        return None


@dataclass(frozen=True)
class _Plan:
    """Where everything lies, in pixels.

    Attributes:
        measures: type sizes and gaps.
        tile: (height, width) of a tile.
        across: tiles in a row of a group.
        step: between the tiles of a group.
        strip: height of a block's label.
        group_pitch: from one group of a block to the next.
        block_width: of a block.
        lefts, tops: where each column and each row of blocks begins.
        width, height: of the page.
    """

    measures: Measures
    tile: Size
    across: int
    step: int
    strip: int
    group_pitch: int
    block_width: int
    lefts: tuple[int, ...]
    tops: tuple[int, ...]
    width: int
    height: int

    def block(self, number: int) -> tuple[int, int]:
        """Return (left, top) of a block."""
        row, column = divmod(number, len(self.lefts))
        return self.lefts[column], self.tops[row]


def _plan(order: BlockOrder) -> _Plan:
    """Return the plan at which the page's width and the size of its type agree."""
    arrangement = min(_arrangements(order), key=lambda one: _distance(one, order))
    unit = 1.0
    crowding = max(1.0, arrangement.columns * arrangement.across * order.groups / _CROWDED)
    for _ in range(4):
        # Tiles may crowd, labels must stay legible.
        measures = replace(Measures.at(unit, crowding), label=text_size() or round(_LABEL * unit))
        plan = _plan_at(order, arrangement, measures)
        unit = max(1.0, plan.width / REFERENCE_WIDTH)
    return plan


def _arrangements(order: BlockOrder) -> Iterator[_Arrangement]:
    """Yield the arrangements there are: any number of columns that was not asked for, groups as square as can be.

    Where most groups are less than half full, narrower ones are tried too.
    """
    count, most = len(order.labels), max(order.places)
    square = max(1, math.ceil(math.sqrt(most)))
    narrowest = max(1, square - 1) if 2 * sum(order.places) <= count * most else square
    for columns in range(1, count + 1) if order.columns is None else (min(order.columns, count),):
        rows = tuple(max(order.places[start : start + columns]) for start in range(0, count, columns))
        for across in range(narrowest, square + 1):
            yield _Arrangement(columns, across, tuple(max(1, math.ceil(places / across)) for places in rows))


def _distance(arrangement: _Arrangement, order: BlockOrder) -> float:
    """How far a page is from the shape of a slide without empty places; an unfinished last row counts most."""
    wide = arrangement.columns * arrangement.across * order.groups * order.size[1]
    blocks = arrangement.columns * len(arrangement.down)
    tiles = arrangement.columns * arrangement.across * sum(arrangement.down)
    return (
        1.5 * abs(math.log(wide / (sum(arrangement.down) * order.size[0]) / _SHAPE))
        + 2 * math.log(blocks / len(order.labels))
        + math.log(tiles / max(1, sum(order.places)))
    )


def _plan_at(order: BlockOrder, arrangement: _Arrangement, measures: Measures) -> _Plan:
    columns, rows = arrangement.columns, arrangement.down
    between, step = 3 * measures.gap, max(2, measures.gap // 3)
    strip = _strip(measures)
    tile = _tile_size(order.size, order.tile, _room(order, arrangement, measures))
    group_pitch = arrangement.across * (tile[1] + step) - step + 2 * measures.gap
    block_width = order.groups * group_pitch - 2 * measures.gap
    width = max(measures.narrowest, 2 * measures.margin + columns * (block_width + between) - between)
    tops = [measures.margin + order.heading.height(measures, width - 2 * measures.margin)]
    for down in rows:
        tops.append(tops[-1] + strip + down * (tile[0] + step) - step + between)
    height = tops.pop() - between + measures.margin
    lefts = tuple(measures.margin + column * (block_width + between) for column in range(columns))
    across = arrangement.across
    return _Plan(measures, tile, across, step, strip, group_pitch, block_width, lefts, tuple(tops), width, height)


def _strip(measures: Measures) -> int:
    """Return the height of a block's label with the white below it."""
    return line_height(measures.label) + measures.gap // 2


def _room(order: BlockOrder, arrangement: _Arrangement, measures: Measures) -> float:
    """Return the greatest scale of the tiles at which the page keeps to the limit of `auto`."""
    columns, rows, across = arrangement.columns, arrangement.down, arrangement.across
    between, step = 3 * measures.gap, max(2, measures.gap // 3)
    inside = order.groups * (across - 1) * step + (order.groups - 1) * 2 * measures.gap
    beside = 2 * measures.margin + (columns - 1) * between + columns * inside
    heading = order.heading.height(measures, AUTO_LIMIT - 2 * measures.margin)
    above = 2 * measures.margin + heading + len(rows) * (_strip(measures) + between) + sum(rows) * step
    wide = columns * order.groups * across * order.size[1]
    return min((AUTO_LIMIT - beside) / wide, (AUTO_LIMIT - above) / (sum(rows) * order.size[0]))


def _tile_size(size: Size, tile: Tile, room: float) -> Size:
    """Return the (height, width) of a tile: a whole multiple of `size`, or smaller than it."""
    if tile == "full":
        return size
    if tile == "auto":
        wish = max(1.0, _LARGEST_ENLARGED / max(size))
        scale = max(min(room, wish), _SMALLEST_TILE / max(size))
    else:
        scale = min(tile[0] / size[1], tile[1] / size[0])
    if scale >= 1:
        return size[0] * int(scale), size[1] * int(scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
