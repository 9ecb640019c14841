"""Each map as a picture of its own, pixels only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from featuremap_cli.analysis.map_facts import MapFacts
from featuremap_cli.arrays import Float32, LayerMaps
from featuremap_cli.drawing.canvas import Canvas
from featuremap_cli.drawing.grid import Box
from featuremap_cli.drawing.marks import draw_silent_mark
from featuremap_cli.drawing.page import Measures, Sheet, limits_text
from featuremap_cli.drawing.palette import sheet_palette
from featuremap_cli.drawing.resampling import enlarge
from featuremap_cli.drawing.scaling import Levels
from featuremap_cli.drawing.sheet import MapView, view_maps
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.tile_size import single_tile
from featuremap_cli.drawing.tiles import put_tiles

_BYTES_AT_ONCE = 256 << 20
"""Maps that are not held in memory are made anew for each group of tiles of this size."""


def draw_tiles(
    maps: LayerMaps, style: SheetStyle, facts: Sequence[MapFacts] | None = None
) -> Iterator[tuple[int, Sheet]]:
    """Yield (index, picture) for each map that a sheet of `style` shows, in the sheet's order.

    The pictures have no title, label or margin, so that they can be set into a figure; scale and colors are the
    sheet's. `auto` keeps every pixel of a map up to 2,400 on a side and enlarges small maps by a whole factor. A silent
    map has its mark.

    Args:
        maps: the layer.
        style: how it is drawn.
        facts: as in `view_maps`.

    Raises:
        UsageError: an unknown colormap, or a selection that does not fit the layer.
    """
    view = view_maps(maps, style, facts)
    palette = sheet_palette(style.cmap)
    size, factor = single_tile(maps.size, style.tile)
    at_once = max(1, _BYTES_AT_ONCE // (size[0] * size[1]))
    for start in range(0, len(view.shown), at_once):
        some = view.shown[start : start + at_once]
        for index, levels in _tiles(view, some, (size[0] // factor[0], size[1] // factor[1]), palette.levels).items():
            canvas = Canvas(enlarge(levels, factor), palette)
            if view.extents[index].silent:
                draw_silent_mark(canvas, Box(0, 0, size[1], size[0]), Measures.at(1).label)
            text = {**view.text(), "Limits": limits_text({index: view.limits_of(index)}), "Shown": f"map {index}"}
            yield index, Sheet(canvas.picture(), text, (index,), maps.filters)


def _tiles(view: MapView, shown: Sequence[int], size: tuple[int, int], levels: int) -> dict[int, Levels]:
    """Return some maps as levels, uint8 (height, width) of `size`."""
    tiles = {index: np.empty(size, np.uint8) for index in shown}

    def put(index: int, top: int, values: Float32) -> None:
        tiles[index][top : top + len(values)] = view.levels_of(index, values, levels)

    put_tiles(view.maps, shown, size, put)
    return tiles
