"""Where everything on a sheet of tiles lies: the arithmetic of rows, columns and sizes, in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from featuremap_cli.drawing.columns import CROWDED, CROWDED_ROWS, SMALLEST_TILE, automatic_columns, default_columns
from featuremap_cli.drawing.labels import Label, Lettering, lettering
from featuremap_cli.drawing.page import AUTO_LIMIT, REFERENCE_WIDTH, Heading, Measures, text_size, widest
from featuremap_cli.drawing.style import Tile
from featuremap_cli.drawing.text import line_height
from featuremap_cli.drawing.tile_size import LARGEST_ENLARGED, LEAST_SIDE, fit_tile
from featuremap_cli.errors import UsageError

# from here on Pillow takes a PNG for a decompression bomb and refuses to open it
LARGEST_SHEET = 178_956_970

_TILES_BESIDE_IMAGE = 2
_SMALLEST_SCALE = 1e-4


@dataclass(frozen=True)
class Order:
    """What a sheet of equal tiles has to hold.

    Attributes:
        count: tiles.
        size: (height, width) of what is drawn in one, in its own pixels.
        tile: the tile size asked for.
        columns: tiles in a row, or None.
        heading: the lines above.
        labels: one a tile, or none at all.
        bar: the texts beside the color bar; none without a bar.
        image_size: (height, width) of the input image where the sheet shows it, in a corner of the grid.
        enlarge: whether what is smaller than 64 pixels is enlarged.
        heights: of what stands in each tile, in pixels, where rows are only as high as that; none for equal rows.
    """

    count: int
    size: tuple[int, int]
    tile: Tile
    columns: int | None
    heading: Heading
    labels: tuple[Label, ...] = ()
    bar: tuple[str, ...] = ()
    image_size: tuple[int, int] | None = None
    enlarge: bool = True
    heights: tuple[int, ...] = ()


@dataclass(frozen=True)
class Box:
    """A rectangle on the sheet, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Grid:
    """A sheet's plan.

    Attributes:
        measures: type sizes and gaps.
        columns: tiles in a row.
        taken: (rows, columns) of the grid's upper left corner that the input image takes.
        tile: (height, width) of a tile.
        factor: how many times each pixel is enlarged down and across; 1 where it is not, or where the tile is smaller
            than the map.
        pitch: width from one tile to the next.
        left: of the first tile.
        rows: (top, height) of the tiles of each row.
        lettering: how labels are set, or None.
        image, bar: where the input image and the color bar lie.
        width, height: of the sheet.
    """

    measures: Measures
    columns: int
    taken: tuple[int, int]
    tile: tuple[int, int]
    factor: tuple[int, int]
    pitch: int
    left: int
    rows: tuple[tuple[int, int], ...]
    lettering: Lettering | None
    image: Box | None
    bar: Box | None
    width: int
    height: int

    def box(self, position: int) -> Box:
        """Return where the tile at `position`, counted from 0 row by row, lies."""
        row, column = self._cell(position)
        top, height = self.rows[row]
        return Box(self.left + column * self.pitch, top, self.tile[1], height)

    def _cell(self, position: int) -> tuple[int, int]:
        rows, columns = self.taken
        beside = rows * (self.columns - columns)
        if position < beside:
            row, column = divmod(position, self.columns - columns)
            return row, column + columns
        row, column = divmod(position - beside, self.columns)
        return row + rows, column

    @property
    def map_size(self) -> tuple[int, int]:
        """(height, width) of what is drawn in a tile, before it is enlarged."""
        return self.tile[0] // self.factor[0], self.tile[1] // self.factor[1]

    @property
    def label_width(self) -> int:
        """The width in pixels that a label may have."""
        return self.pitch - self.measures.gap


def lay_out(order: Order) -> Grid:
    """Return the plan of a sheet.

    Type and gaps grow with the sheet's width; where the sheet's size is bounded they take from the tiles. The plan is
    the one at which width and type agree.

    Raises:
        UsageError: the sheet would have more pixels than image viewers open.
    """
    grid = _Planner(order, 1.0).plan()
    small, large = 1.0, grid.width / REFERENCE_WIDTH
    while order.tile != "auto" and _Planner(order, large).plan().width > large * REFERENCE_WIDTH:
        large *= 1.25
    while large - small > 0.03 * small:
        unit = (small + large) / 2
        grid = _Planner(order, unit).plan()
        small, large = (unit, large) if grid.width > unit * REFERENCE_WIDTH else (small, unit)
    if grid.width * grid.height > LARGEST_SHEET:
        raise UsageError(
            f"a sheet of {order.count:,} tiles of {grid.tile[0]:,} x {grid.tile[1]:,} pixels would have "
            f"{grid.width * grid.height / 1e6:,.0f} megapixels, more than the {LARGEST_SHEET / 1e6:.0f} that image "
            "viewers open; use --tile auto, or draw fewer with --limit"
        )
    return grid


@dataclass(frozen=True)
class _Planner:
    """One round of planning, at one size of type: `unit` times that of a sheet of the reference width."""

    order: Order
    unit: float

    @cached_property
    def columns(self) -> int:
        """Tiles in a row, those that the image takes counted."""
        return self._cells[0]

    @cached_property
    def taken(self) -> tuple[int, int]:
        """(rows, columns) that the image takes."""
        return self._cells[1]

    @cached_property
    def _cells(self) -> tuple[int, tuple[int, int]]:
        """How many columns there are, and what the image takes of the grid.

        In one or two rows the image stands beside the tiles. In more it takes the place of some, since the rest of a
        column below it would be empty.
        """
        order = self.order
        columns = self._columns_of(order.count)
        if order.image_size is None:
            return columns, (0, 0)
        rows = min(_TILES_BESIDE_IMAGE, math.ceil(order.count / columns))
        shapes = [width / height for height, width in (order.image_size, order.size)]
        across = max(1, min(2 * _TILES_BESIDE_IMAGE, round(rows * shapes[0] / shapes[1])))
        if order.count <= rows * columns:
            return columns + across, (rows, across)
        columns = self._columns_of(order.count + rows * across, order.count)
        return (columns, (rows, across)) if columns > across else (columns + across, (rows, across))

    def _columns_of(self, cells: int, most: int | None = None) -> int:
        order, size = self.order, self.shape
        if order.columns is None and order.tile == "auto":
            return automatic_columns(cells, size, labeled=bool(order.labels))
        return min(most or cells, order.columns or default_columns(cells, size))

    @cached_property
    def shape(self) -> tuple[int, int]:
        """(height, width) that stands for a tile's proportions: lines are drawn thicker than they are."""
        height, width = self.order.size
        if not self.order.enlarge:
            return height, width
        thick = LEAST_SIDE / REFERENCE_WIDTH
        return max(height, round(width * thick)), max(width, round(height * thick))

    @property
    def measures(self) -> Measures:
        return Measures.at(self.unit, crowding=max(1.0, self.columns / CROWDED, self.rows / CROWDED_ROWS))

    @property
    def rows(self) -> int:
        taken = self.taken[0] * self.taken[1]
        return max(self.taken[0], math.ceil((self.order.count + taken) / self.columns))

    @property
    def bar_width(self) -> int:
        """The width of the color bar with its texts and the white before it."""
        if not self.order.bar:
            return 0
        return 6 * self.measures.gap + widest(self.order.bar, self.measures.label)

    def plan(self) -> Grid:
        tile, factor = self.tile_size()
        cell_width = max(tile[1], self.words_width)
        letters = self.letters(cell_width) if self.order.labels else None
        if letters is not None:
            cell_width = max(cell_width, widest(tuple(label.index for label in self.order.labels), letters.size))
        gap = self.measures.gap
        strip = letters.height if letters else 0
        pitch = cell_width + gap
        left = self.measures.margin
        right = left + self.columns * pitch - gap
        margin = self.measures.margin
        heading = self.order.heading.natural_width(self.measures, self.measures.narrowest - 2 * margin)
        width = max(heading + 2 * margin, right + self.bar_width + margin)
        top = self.measures.margin + self.order.heading.height(self.measures, width - 2 * self.measures.margin)
        rows = self.row_places(top, tile[0], strip + gap)
        bottom = sum(rows[-1]) + strip
        bar = self.bar_box(right, top, bottom - strip) if self.order.bar else None
        image = self.image_box(rows, pitch)
        if image is not None:
            bottom = max(bottom, top + image.height + strip)
        if bar is not None:
            bottom = max(bottom, bar.top + bar.height)
        return Grid(
            measures=self.measures,
            columns=self.columns,
            taken=self.taken,
            tile=tile,
            factor=factor,
            pitch=pitch,
            left=left,
            rows=rows,
            lettering=letters,
            image=image,
            bar=bar,
            width=width,
            height=bottom + self.measures.margin,
        )

    def row_places(self, top: int, height: int, between: int) -> tuple[tuple[int, int], ...]:
        """Return the (top, height) of the tiles of each row, the first at `top`, with so many pixels between them."""
        heights = self.order.heights or (height,) * (self.rows * self.columns)
        places = []
        for start in range(0, len(heights), self.columns):
            places.append((top, max(heights[start : start + self.columns])))
            top = sum(places[-1]) + between
        return tuple(places)

    def image_box(self, rows: tuple[tuple[int, int], ...], pitch: int) -> Box | None:
        """Return where the image lies: as large as the cells that it takes allow."""
        if self.order.image_size is None:
            return None
        top = rows[0][0]
        room = sum(rows[self.taken[0] - 1]) - top, self.taken[1] * pitch - self.measures.gap
        scale = min(place / side for place, side in zip(room, self.order.image_size, strict=True))
        least = min(LEAST_SIDE, *room)
        height, width = (max(least, round(side * scale)) for side in self.order.image_size)
        return Box(left=self.measures.margin, top=top, width=width, height=height)

    def bar_box(self, right: int, top: int, bottom: int) -> Box:
        gap = self.measures.gap
        height = max(bottom - top, 5 * line_height(self.measures.label))
        return Box(right + 3 * gap, top, 2 * gap, height)

    def tile_size(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the (height, width) of a tile and the factors by which pixels are enlarged in it."""
        room, most = self.room() if self.order.tile == "auto" else (math.inf, (math.inf, math.inf))
        wished = max(SMALLEST_TILE, min(LARGEST_ENLARGED, (REFERENCE_WIDTH - 100) // self.columns), self.words_width)
        if not self.order.enlarge:
            return fit_tile(self.order.size, self.order.tile, room, 1, (1, 1))
        least = int(min(LEAST_SIDE, most[0])), int(min(LEAST_SIDE, most[1]))
        return fit_tile(self.order.size, self.order.tile, room, wished, least)

    def room(self) -> tuple[float, tuple[float, float]]:
        """Return the greatest scale at which the sheet stays within the limit of `auto`, and a tile's room then.

        Returns:
            The scale, and (height, width) in pixels.
        """
        gap, margin = self.measures.gap, self.measures.margin
        height, width = self.shape
        across = AUTO_LIMIT - 2 * margin - self.bar_width - (self.columns - 1) * gap
        scale = max(_SMALLEST_SCALE, across / (self.columns * width))
        down = AUTO_LIMIT - 2 * margin - self.order.heading.height(self.measures, AUTO_LIMIT - 2 * margin)
        # labels take the more height the narrower their tiles are, so the first answer may still be too great
        for _ in range(2):
            strip = self.letters(max(int(width * scale), self.words_width)).height if self.order.labels else 0
            most = max(1.0, down / self.rows - strip - gap), max(1.0, across / self.columns)
            scale = min(scale, max(_SMALLEST_SCALE, most[0] / height))
        return scale, most

    @property
    def words_width(self) -> int:
        """The width in pixels of the widest label in two lines, where their size is asked for: tiles make way then."""
        if text_size() is None:
            return 0
        words = {word for label in self.order.labels for word in (label.head, label.remarks[0])}
        return widest(tuple(words), self.measures.label)

    def letters(self, tile_width: int) -> Lettering:
        """Return how labels are set below tiles of a width."""
        return lettering(self.order.labels, self.measures, tile_width)
