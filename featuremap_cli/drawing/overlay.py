"""Feature maps laid over the image that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.analysis.map_facts import MapFacts
from featuremap_cli.arrays import Float32, Image, LayerMaps
from featuremap_cli.drawing.canvas import Canvas, color_canvas
from featuremap_cli.drawing.color_bar import ColorBar
from featuremap_cli.drawing.grid import Grid, Order, lay_out
from featuremap_cli.drawing.input_image import input_picture
from featuremap_cli.drawing.page import Heading, Sheet, limits_text
from featuremap_cli.drawing.palette import MISSING_COLOR, colormap
from featuremap_cli.drawing.scaling import to_levels
from featuremap_cli.drawing.sheet import MapView, describe, draw_words, view_labels, view_maps
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.tiles import put_tiles

_LEVELS = 255
_POSITIVE, _NEGATIVE = (215, 25, 28), (26, 82, 200)
_MOST_OPAQUE = 0.85
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# the image is drawn in the upper part of the grays, so that ink on its dark parts still shows
_DARKEST, _CONTRAST = 70.0, 0.7


@dataclass(frozen=True, eq=False)
class Film:
    """The transparent film of one scale: for each level a color and how opaque it is.

    Attributes:
        colors: float32 (levels + 1, 3), 0 to 255; the last is that of NaN and infinite values.
        opacity: float32 (levels + 1,), 0 to 1.
    """

    colors: Float32
    opacity: Float32

    def over(self, gray: Float32, levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return RGB, uint8 (height, width, 3): `levels` (height, width) laid over `gray` (height, width), 0 to 255."""
        opacity = self.opacity[levels][..., np.newaxis]
        mixed = gray[..., np.newaxis] * (1 - opacity) + self.colors[levels] * opacity
        laid: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
        return laid


def draw_overlay(
    maps: LayerMaps,
    style: SheetStyle,
    title: str,
    image: Image,
    detail: str = "",
    facts: Sequence[MapFacts] | None = None,
) -> Sheet:
    """Return a sheet of maps over their image: the stronger the value, the more of its color covers the gray image.

    Opacity is straight in the value: none at zero where a scale has both signs, else at its lower end. With the gray
    colormap positive values are red and negative ones blue; any other colormap gives its own colors. Each map is
    stretched over the whole image, with sharp pixels.

    Args:
        maps: the layer.
        style: how it is drawn; tile sizes are those of the image.
        title: the first line.
        image: what the maps lie over.
        detail: a last part for the second line.
        facts: as in `view_maps`.

    Raises:
        UsageError: an unknown colormap, a selection that does not fit, or a sheet too large to open.
    """
    view = view_maps(maps, style, facts)
    bar = ColorBar(view.limits.low, view.limits.high) if view.limits is not None else None
    order = Order(
        count=len(view.shown),
        size=(image.height, image.width),
        tile=style.tile,
        columns=style.columns,
        heading=Heading(title, (*_words(view), detail), bool(view.missing)),
        labels=view_labels(view) if style.labels else (),
        bar=bar.texts if bar is not None else (),
    )
    grid = lay_out(order)
    canvas = color_canvas(grid.width, grid.height)
    order.heading.draw(canvas, grid.measures, grid.width - 2 * grid.measures.margin)
    gray = input_picture(image, *grid.tile) @ _LUMINANCE * _CONTRAST + _DARKEST
    if bar is not None and grid.bar is not None:
        film = _film((bar.low, bar.high), style.cmap)
        paper = np.full((_LEVELS, 1), 255.0, np.float32)
        bar.draw(
            canvas, grid.bar, grid.measures, film.over(paper, np.arange(_LEVELS, dtype=np.uint8)[:, np.newaxis])[:, 0]
        )
    _draw_tiles(canvas, grid, view, gray)
    draw_words(canvas, grid, view, order)
    text = {**view.text(), "Limits": limits_text({index: _limits(view, index) for index in view.shown})}
    return Sheet(canvas.picture(), text, view.shown, maps.filters, view.notes())


def _draw_tiles(canvas: Canvas, grid: Grid, view: MapView, gray: Float32) -> None:
    """Draw each map over the gray image (height, width): averaged where it is larger, with sharp pixels where not."""
    boxes = {index: grid.box(position) for position, index in enumerate(view.shown)}
    films = {index: _film(_limits(view, index), view.style.cmap) for index in view.shown}
    for box in boxes.values():
        canvas.frame(box.left, box.top, box.width, box.height, grid.measures.line)
    (height, width), (map_height, map_width) = gray.shape, view.maps.size
    size = min(height, map_height), min(width, map_width)
    # Which row and column of the map lies under each of the tile.
    rows, columns = (np.arange(tile) * length // tile for tile, length in zip((height, width), size, strict=True))

    def put(index: int, top: int, values: Float32) -> None:
        first, last = np.searchsorted(rows, (top, top + len(values)))
        stretched = values[rows[first:last, np.newaxis] - top, columns]
        levels = to_levels(stretched, *_limits(view, index), _LEVELS, missing=_LEVELS)
        canvas.paste(films[index].over(gray[first:last], levels), boxes[index].left, boxes[index].top + int(first))

    put_tiles(view.maps, view.shown, size, put)


def _limits(view: MapView, index: int) -> tuple[float, float]:
    """Return the limits of one map; of its own range too, zero is in the middle where both signs occur."""
    low, high = view.limits_of(index)
    if view.limits is None and low < 0 < high:
        return -max(-low, high), max(-low, high)
    return low, high


def _film(limits: tuple[float, float], cmap: str) -> Film:
    """Return the film for a scale with these limits."""
    low, high = limits
    values = np.linspace(low, high, _LEVELS)
    strongest = max(abs(low), abs(high)) if low < 0 < high else high - low
    strength = np.abs(values) if low < 0 < high else values - low
    opacity = _MOST_OPAQUE * strength / strongest if strongest > 0 else np.zeros(_LEVELS)
    if cmap == "gray":
        signs = (values < 0)[:, np.newaxis] if low < 0 < high else np.zeros((_LEVELS, 1), bool)
        colors = np.where(signs, _NEGATIVE, _POSITIVE)
    else:
        colors = colormap(cmap, _LEVELS)
    return Film(np.vstack([colors, MISSING_COLOR]).astype(np.float32), np.append(opacity, 1).astype(np.float32))


def _words(view: MapView) -> tuple[str, ...]:
    """Return the parts of the second line: how many maps, their scale, what the colors mean."""
    shape, scale = describe(view)
    signed = any(low < 0 < high for low, high in (_limits(view, index) for index in view.shown))
    if view.limits is None and signed:
        scale = "each tile scaled to its own greatest magnitude"
    if view.style.cmap != "gray":
        return shape, scale, "the stronger, the more opaque"
    return (
        shape,
        scale,
        "red positive, blue negative, the stronger the more opaque" if signed else "the stronger, the redder",
    )
