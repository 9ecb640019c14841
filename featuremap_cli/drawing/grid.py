"""Where everything on a sheet of tiles lies: the arithmetic of rows, columns and sizes, in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from featuremap_cli.drawing.columns import CROWDED, CROWDED_ROWS, SMALLEST_TILE, automatic_columns, default_columns
from featuremap_cli.drawing.labels import Label, Lettering, lettering
from featuremap_cli.drawing.page import AUTO_LIMIT, REFERENCE_WIDTH, SMALLEST_WIDTH, Heading, Measures, widest
from featuremap_cli.drawing.style import Tile
from featuremap_cli.drawing.text import line_height
from featuremap_cli.errors import UsageError

SMALL = 64
# from here on Pillow takes a PNG for a decompression bomb and refuses to open it
LARGEST_SHEET = 178_956_970

_LARGEST_ENLARGED = 448
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
        image_size: (height, width) of the input image where the sheet shows it.
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
        tile: (height, width) of a tile.
        factor: how many times each pixel is enlarged; 1 where it is not, or where the tile is smaller than the map.
        pitch: width from one tile to the next.
        left: of the first tile.
        rows: (top, height) of the tiles of each row.
        lettering: how labels are set, or None.
        image, bar: where the input image and the color bar lie.
        width, height: of the sheet.
    """

    measures: Measures
    columns: int
    tile: tuple[int, int]
    factor: int
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
        row, column = divmod(position, self.columns)
        top, height = self.rows[row]
        return Box(self.left + column * self.pitch, top, self.tile[1], height)

    @property
    def map_size(self) -> tuple[int, int]:
        """(height, width) of what is drawn in a tile, before it is enlarged."""
        return self.tile[0] // self.factor, self.tile[1] // self.factor

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

    @property
    def columns(self) -> int:
        order = self.order
        if order.columns is None and order.tile == "auto":
            return automatic_columns(order.count, order.size, labeled=bool(order.labels))
        return min(order.count, order.columns or default_columns(order.count, order.size))

    @property
    def measures(self) -> Measures:
        return Measures.at(self.unit, crowding=max(1.0, self.columns / CROWDED, self.rows / CROWDED_ROWS))

    @property
    def rows(self) -> int:
        return math.ceil(self.order.count / self.columns)

    @property
    def image_tiles(self) -> int:
        """The height of the input image, in tiles: two, but no higher than the grid."""
        return 0 if self.order.image_size is None else min(2, self.rows)

    @property
    def bar_width(self) -> int:
        """The width of the color bar with its texts and the white before it."""
        if not self.order.bar:
            return 0
        return 6 * self.measures.gap + widest(self.order.bar, self.measures.label)

    def plan(self) -> Grid:
        tile, factor = self.tile_size()
        letters = self.letters(tile[1]) if self.order.labels else None
        cell_width = tile[1]
        if letters is not None:
            cell_width = max(cell_width, widest(tuple(label.index for label in self.order.labels), letters.size))
        gap = self.measures.gap
        strip = letters.height if letters else 0
        pitch = cell_width + gap
        image = self.image_box(tile)
        left = self.measures.margin + (image.width + 3 * gap if image else 0)
        right = left + self.columns * pitch - gap
        margin = self.measures.margin
        heading = self.order.heading.natural_width(self.measures, SMALLEST_WIDTH - 2 * margin)
        width = max(heading + 2 * margin, right + self.bar_width + margin)
        top = self.measures.margin + self.order.heading.height(self.measures, width - 2 * self.measures.margin)
        rows = self.row_places(top, tile[0], strip + gap)
        bottom = sum(rows[-1]) + strip
        bar = self.bar_box(right, top, bottom - strip) if self.order.bar else None
        if image is not None:
            image = replace(image, top=top)
            bottom = max(bottom, top + image.height + strip)
        if bar is not None:
            bottom = max(bottom, bar.top + bar.height)
        return Grid(
            measures=self.measures,
            columns=self.columns,
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
        heights = self.order.heights or (height,) * self.order.count
        places = []
        for start in range(0, len(heights), self.columns):
            places.append((top, max(heights[start : start + self.columns])))
            top = sum(places[-1]) + between
        return tuple(places)

    def image_box(self, tile: tuple[int, int]) -> Box | None:
        if self.order.image_size is None:
            return None
        height = self.image_tiles * tile[0]
        return Box(
            left=self.measures.margin,
            top=0,
            width=max(1, round(height * self.order.image_size[1] / self.order.image_size[0])),
            height=height,
        )

    def bar_box(self, right: int, top: int, bottom: int) -> Box:
        gap = self.measures.gap
        height = max(bottom - top, 5 * line_height(self.measures.label))
        return Box(right + 3 * gap, top, 2 * gap, height)

    def tile_size(self) -> tuple[tuple[int, int], int]:
        """Return the (height, width) of a tile and the factor by which pixels are enlarged in it."""
        room = self.room() if self.order.tile == "auto" else math.inf
        wished = max(SMALLEST_TILE, min(_LARGEST_ENLARGED, (REFERENCE_WIDTH - 100) // self.columns))
        return fit_tile(self.order.size, self.order.tile, room, wished if self.order.enlarge else 1)

    def room(self) -> float:
        """Return the greatest scale at which the sheet stays within the limit of `auto`."""
        gap, margin = self.measures.gap, self.measures.margin
        height, width = self.order.size
        across = AUTO_LIMIT - 2 * margin - self.bar_width - (self.columns - 1) * gap
        wide = float(self.columns * width)
        if self.order.image_size is not None:
            across -= 3 * gap
            wide += self.image_tiles * height * self.order.image_size[1] / self.order.image_size[0]
        scale = max(_SMALLEST_SCALE, across / wide)
        down = AUTO_LIMIT - 2 * margin - self.order.heading.height(self.measures, AUTO_LIMIT - 2 * margin)
        # labels take the more height the narrower their tiles are, so the first answer may still be too great
        for _ in range(2):
            strip = self.letters(int(width * scale)).height if self.order.labels else 0
            scale = min(scale, max(_SMALLEST_SCALE, (down / self.rows - strip - gap) / height))
        return scale

    def letters(self, tile_width: int) -> Lettering:
        """Return how labels are set below tiles of a width."""
        return lettering(self.order.labels, self.measures, tile_width)


def fit_tile(size: tuple[int, int], tile: Tile, room: float, wished: int) -> tuple[tuple[int, int], int]:
    """Return the (height, width) of a tile, and the whole factor by which pixels are enlarged in it, at least 1.

    Args:
        size: (height, width) of what it shows.
        tile: as asked for; a box is filled as far as whole factors go, and what is larger is reduced into it.
        room: the greatest scale that the sheet has room for.
        wished: small maps are enlarged to about so many pixels on their longer side; maps of 64 pixels and more to 256
            at the most, so that a few of them fill a slide and larger ones stay as they are.
    """
    longer = max(size)
    if isinstance(tile, tuple):
        scale = min(tile[0] / size[1], tile[1] / size[0])
    else:
        wished = wished if longer < SMALL else min(wished, 4 * SMALL)
        scale = min(room, max(1, wished // longer))
    if scale >= 1:
        return (size[0] * int(scale), size[1] * int(scale)), int(scale)
    return (max(1, int(size[0] * scale)), max(1, int(size[1] * scale))), 1


def single_tile(size: tuple[int, int], tile: Tile) -> tuple[tuple[int, int], int]:
    """Return what `fit_tile` does for a map that is a picture of its own."""
    return fit_tile(size, tile, AUTO_LIMIT / max(size) if tile == "auto" else math.inf, _LARGEST_ENLARGED)
