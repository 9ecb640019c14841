"""Feature maps of a layer as one picture: a grid of tiles with title, labels and, on a shared scale, a color bar."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image as Picture

from featuremap_cli.analysis.map_facts import FactsReader, MapFacts, read_maps, survey
from featuremap_cli.arrays import FeatureMaps, Float32, Image, LayerMaps
from featuremap_cli.drawing.canvas import SOFT, Canvas, indexed_canvas
from featuremap_cli.drawing.choice import choose
from featuremap_cli.drawing.color_bar import ColorBar
from featuremap_cli.drawing.extents import Extent
from featuremap_cli.drawing.grid import Box, Grid, Order, lay_out
from featuremap_cli.drawing.input_image import input_colors, input_indices, input_words
from featuremap_cli.drawing.labels import Label, map_label
from featuremap_cli.drawing.marks import draw_silent_mark
from featuremap_cli.drawing.page import Heading, Sheet, limits_text
from featuremap_cli.drawing.palette import FLAT, MISSING, Palette, sheet_palette
from featuremap_cli.drawing.resampling import enlarge
from featuremap_cli.drawing.scaling import Levels, MapValues, SharedLimits, shared_limits, to_levels
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.text import shorten, text_width
from featuremap_cli.drawing.tiles import KeptTiles, put_tiles
from featuremap_cli.errors import UsageError


@dataclass(frozen=True, eq=False)
class MapView:
    """The maps that a sheet shows, and how.

    Attributes:
        maps: the whole layer.
        style: as asked for.
        shown: indices of the maps to draw, in order.
        extents: by index, of the maps that matter for the scale.
        limits: of a shared scale, or None.
    """

    maps: LayerMaps
    style: SheetStyle
    shown: tuple[int, ...]
    extents: dict[int, Extent]
    limits: SharedLimits | None

    def limits_of(self, index: int) -> tuple[float, float]:
        """Return the values of the first and the last colormap level for one map."""
        if self.limits is not None:
            return self.limits.low, self.limits.high
        extent = self.extents[index]
        return (extent.low, extent.low) if extent.constant else (extent.low, extent.high)

    def levels_of(self, index: int, values: Float32, levels: int) -> Levels:
        """Return values of one map as levels, uint8 (height, width)."""
        if self.extents[index].silent and self.limits is None:
            return np.full(values.shape, FLAT, np.uint8)
        low, high = self.limits_of(index)
        return to_levels(values, low, high, levels, MISSING)

    @property
    def missing(self) -> tuple[int, ...]:
        """Indices of the maps shown that hold NaN or infinite values."""
        return tuple(index for index in self.shown if self.extents[index].unreal)

    def text(self) -> dict[str, str]:
        """Return what a PNG says of scale and choice."""
        return {
            "Scale": str(self.style.scale),
            "Limits": limits_text({index: self.limits_of(index) for index in self.shown}),
            "Colormap": self.style.cmap,
            "Shown": f"{len(self.shown)} of {self.maps.filters}",
        }

    def notes(self) -> tuple[str, ...]:
        """Return the lines for stderr: that not all maps are drawn, that some hold NaN."""
        lines = []
        if len(self.shown) < self.maps.filters:
            count = f"{len(self.shown)} of {self.maps.filters} shown"
            cut = self.style.limit is not None and len(self.shown) == self.style.limit
            lines.append(f"{self.maps.layer}: {count}" + ("; --limit all draws every map" if cut else ""))
        if self.missing:
            which = ", ".join(map(str, self.missing[:8])) + (", ..." if len(self.missing) > 8 else "")
            lines.append(f"{self.maps.layer}: NaN or infinite values in map {which}, drawn in pink")
        return tuple(lines)


def view_maps(maps: LayerMaps, style: SheetStyle, facts: Sequence[MapFacts] | None = None) -> MapView:
    """Return which maps a sheet shows and with which limits.

    Args:
        maps: the layer.
        style: how it is drawn.
        facts: of each map, where they are known already; with squares where maps are sorted by `std`.

    Raises:
        UsageError: there is no map or no pixel, or the selection does not fit the layer.
    """
    if not (maps.filters and maps.size[0] and maps.size[1]):
        raise UsageError(
            f"{maps.layer}: expected maps with pixels, got {maps.filters} of {maps.size[0]} x {maps.size[1]}"
        )
    facts = survey(maps, squares=style.sort == "std") if facts is None else facts
    shown = choose(facts, maps.layer, style)
    wanted = range(maps.filters) if style.scale.shared else shown
    extents = {index: Extent.of(facts[index]) for index in wanted}
    limits = shared_limits(MapValues(maps), list(extents.values()), style.scale) if style.scale.shared else None
    return MapView(maps, style, shown, extents, limits)


def draw_maps(
    maps: LayerMaps,
    style: SheetStyle,
    title: str,
    image: Image | None = None,
    detail: str = "",
    reading: Reading | None = None,
) -> Sheet:
    """Return a sheet of feature maps.

    Args:
        maps: the layer, `FeatureMaps` or others; those that are not held in memory are read a band at a time.
        style: how it is drawn.
        title: the first line: what and of what, in parts separated by middle dots.
        image: the input image, drawn at the sheet's start at twice a tile's height, or None.
        detail: a last part for the second line, such as the operation.
        reading: what is known of the maps already.

    Raises:
        UsageError: an unknown colormap, a selection that does not fit, or a sheet too large to open.
    """
    view = view_maps(maps, style, reading.facts if reading is not None else None)
    heading = Heading(title, (*describe(view), detail), bool(view.missing))
    picture, grid = draw_view(view, view_labels(view), heading, image, reading.tiles if reading is not None else None)
    text = {**view.text(), "Tiles": _places_text(view, grid)}
    return Sheet(picture, text, view.shown, maps.filters, view.notes())


@dataclass(frozen=True, eq=False)
class Reading:
    """What one reading of maps gave.

    Attributes:
        facts: of each map.
        tiles: the maps in the size that their sheet will most likely need, where reading them again would be dear.
    """

    facts: Sequence[MapFacts]
    tiles: KeptTiles | None = None


def read_for_sheet(maps: LayerMaps, style: SheetStyle, title: str, image: Image | None = None) -> Reading:
    """Read maps once for the sheet that `draw_maps` will draw of them.

    How large its tiles are depends on the labels, and they on the maps' ranges. For maps that are made anew each time
    they are read, it is guessed from labels of a usual length, and seldom wrong: then they are read once more.
    """
    squares = style.sort == "std"
    expected = None if isinstance(maps, FeatureMaps) else _expected(maps, style, title, image)
    if expected is None:
        return Reading(survey(maps, squares))
    facts, tiles = FactsReader(maps, squares), KeptTiles(maps, *expected)
    read_maps(maps, facts, tiles)
    return Reading(facts.facts, tiles)


def _expected(
    maps: LayerMaps, style: SheetStyle, title: str, image: Image | None
) -> tuple[tuple[int, ...], tuple[int, int]] | None:
    """Return which maps a sheet will show and in which size, or None where it cannot be told."""
    if style.sort != "index" or style.scale.kind in ("percentile", "limits") or style.tile == "full":
        return None
    usual = [MapFacts(low=-18.88, high=18.88, size=2)] * maps.filters
    view = view_maps(maps, style, usual)
    try:
        grid = lay_out(_order(view, view_labels(view), Heading(title, describe(view)), image))
    except UsageError:  # too large, perhaps by a hair
        return None
    return view.shown, grid.map_size


def view_labels(view: MapView) -> tuple[Label, ...]:
    """Return the label of each map shown."""
    return tuple(map_label(index, view.maps.names[index], view.extents[index]) for index in view.shown)


def _order(view: MapView, labels: tuple[Label, ...], heading: Heading, image: Image | None) -> Order:
    return Order(
        count=len(view.shown),
        size=view.maps.size,
        tile=view.style.tile,
        columns=view.style.columns,
        heading=heading,
        labels=labels if view.style.labels else (),
        bar=ColorBar(view.limits.low, view.limits.high).texts if view.limits is not None else (),
        image_size=(image.height, image.width) if image is not None else None,
    )


def draw_view(
    view: MapView,
    labels: tuple[Label, ...],
    heading: Heading,
    image: Image | None,
    tiles: KeptTiles | None = None,
) -> tuple[Picture, Grid]:
    """Return the picture of a sheet, mode P, and its plan.

    Args:
        view: the maps and how they are scaled.
        labels: one for each map shown.
        heading: the lines above.
        image: the input image, or None.
        tiles: what was kept of an earlier reading of the maps.
    """
    palette = sheet_palette(view.style.cmap, input_colors(image) if image is not None else None)
    order = _order(view, labels, heading, image)
    grid = lay_out(order)
    canvas = indexed_canvas(grid.width, grid.height, palette)
    heading.draw(canvas, grid.measures, grid.width - 2 * grid.measures.margin)
    if image is not None and grid.image is not None:
        _draw_image(canvas, grid, grid.image, image, palette)
    if view.limits is not None and grid.bar is not None:
        bar = ColorBar(view.limits.low, view.limits.high)
        bar.draw(canvas, grid.bar, grid.measures, np.arange(palette.levels, dtype=np.uint8))
    _draw_tiles(canvas, grid, view, palette.levels, tiles)
    draw_words(canvas, grid, view, order)
    return canvas.picture(), grid


def _places_text(view: MapView, grid: Grid) -> str:
    """Return for pages and scripts where each map is, and its range: `{"17": [left, top, width, height, low, high]}`.

    Places are in pixels; a range is null where no value of a map is finite.
    """
    found = {}
    for position, index in enumerate(view.shown):
        box, extent = grid.box(position), view.extents[index]
        ends = [None, None] if extent.empty else [extent.low + 0.0, extent.high + 0.0]
        found[str(index)] = [box.left, box.top, box.width, box.height, *ends]
    return json.dumps(found, separators=(",", ":"))


def describe(view: MapView) -> tuple[str, ...]:
    """Return the parts of the second line: how many maps of which size, how many shown in which order, the scale."""
    count, (height, width) = view.maps.filters, view.maps.size
    shape = f"{count} map{'s' if count > 1 else ''} of {height} x {width}"
    if len(view.shown) < count:
        shape += f", {len(view.shown)} of {count} shown"
    if view.style.sort != "index":
        shape += f" by {view.style.sort}"
    own = "each tile scaled to its own range" if len(view.shown) > 1 else "scaled to its own range"
    return shape, view.limits.words if view.limits is not None else own


def _draw_image(canvas: Canvas, grid: Grid, box: Box, image: Image, palette: Palette) -> None:
    canvas.frame(box.left, box.top, box.width, box.height, grid.measures.line)
    canvas.paste(input_indices(image, box.height, box.width, palette.image_start), box.left, box.top)
    draw_caption(canvas, grid, input_words(image), box)


def _draw_tiles(canvas: Canvas, grid: Grid, view: MapView, levels: int, tiles: KeptTiles | None) -> None:
    boxes = {index: grid.box(position) for position, index in enumerate(view.shown)}
    for box in boxes.values():
        canvas.frame(box.left, box.top, box.width, box.height, grid.measures.line)

    def put(index: int, top: int, values: Float32) -> None:
        tile = enlarge(view.levels_of(index, values, levels), grid.factor)
        canvas.paste(tile, boxes[index].left, boxes[index].top + top * grid.factor[0])

    put_tiles(view.maps, view.shown, grid.map_size, put, tiles)


def draw_words(canvas: Canvas, grid: Grid, view: MapView, order: Order) -> None:
    """Draw the marks of silent maps and the labels."""
    for position, index in enumerate(view.shown):
        box = grid.box(position)
        if view.extents[index].silent:
            draw_silent_mark(canvas, box, grid.measures.label)
        if grid.lettering is not None:
            grid.lettering.draw(canvas, order.labels[position], box.left, box.top + box.height, grid.label_width)


def draw_caption(canvas: Canvas, grid: Grid, text: str, box: Box) -> None:
    """Write a caption below `box`, set as the labels are, if the sheet has labels and most of it fits."""
    if grid.lettering is not None:
        size = grid.lettering.size
        if text_width(text, size) <= 2 * box.width:
            canvas.write(shorten(text, size, box.width), box.left, box.top + box.height + size // 4, size, SOFT)
