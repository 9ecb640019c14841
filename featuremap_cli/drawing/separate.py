"""Each map as a picture of its own, pixels only."""

from __future__ import annotations

from collections.abc import Iterator

from featuremap_cli.arrays import FeatureMaps
from featuremap_cli.drawing.canvas import Canvas
from featuremap_cli.drawing.grid import Box, single_tile
from featuremap_cli.drawing.marks import draw_silent_mark
from featuremap_cli.drawing.page import Measures, Sheet, limits_text
from featuremap_cli.drawing.palette import sheet_palette
from featuremap_cli.drawing.sheet import view_maps
from featuremap_cli.drawing.style import SheetStyle


def draw_tiles(maps: FeatureMaps, style: SheetStyle) -> Iterator[tuple[int, Sheet]]:
    """Yield (index, picture) for each map that a sheet of `style` shows, in the sheet's order.

    The pictures have no title, label or margin, so that they can be set into a figure; scale and colors are the
    sheet's. `auto` keeps every pixel of a map up to 2,400 on a side and enlarges small maps by a whole factor. A silent
    map has its mark.

    Raises:
        UsageError: an unknown colormap, or a selection that does not fit the layer.
    """
    view = view_maps(maps, style)
    palette = sheet_palette(style.cmap)
    size, factor = single_tile(maps.size, style.tile)
    for index in view.shown:
        canvas = Canvas(view.tile(index, size, factor, palette.levels), palette)
        if view.extents[index].silent:
            draw_silent_mark(canvas, Box(0, 0, size[1], size[0]), Measures.at(1).label)
        text = {**view.text(), "Limits": limits_text({index: view.limits_of(index)}), "Shown": f"map {index}"}
        yield index, Sheet(canvas.picture(), text, (index,), maps.filters)
