"""One filter's activation projected back to pixels, beside the image and the map that it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Float32, Image
from featuremap_cli.drawing.canvas import SOFT, Canvas, Pixels, color_canvas
from featuremap_cli.drawing.cutout import (
    Size,
    Window,
    cutout,
    outline,
    projection_cutout,
    scaled_window,
    whole,
)
from featuremap_cli.drawing.extents import measure
from featuremap_cli.drawing.input_image import input_picture
from featuremap_cli.drawing.numerals import short, value_range
from featuremap_cli.drawing.page import MISSING_WORDS, REFERENCE_WIDTH, Heading, Measures, Sheet
from featuremap_cli.drawing.palette import MISSING_COLOR
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area
from featuremap_cli.drawing.scaling import to_levels
from featuremap_cli.drawing.text import line_height, wrap

_PANEL = 672
_IN_A_ROW = 3
_CLOSE_UP = 0.5
_GRAYS, _MISSING = 255, 255


@dataclass(frozen=True, eq=False)
class Projected:
    """What there is to show of one projection.

    Attributes:
        picture: the image as the network saw it.
        values: the filter's map, float32 (height, width).
        place: (row, column) of the projected activation in the map; None for the whole map.
        projection: float32 (height, width, channels), of the picture's height and width.
        window: the receptive field of the place, in pixels of the picture; None for the whole map, or where it is not
            known.
        method: what the projection is called.
    """

    picture: Image
    values: Float32
    place: tuple[int, int] | None
    projection: Float32
    window: Window | None
    method: str


@dataclass(frozen=True, eq=False)
class _Panel:
    """A picture on the page, uint8 (height, width, 3), the frame on it, and what is written below."""

    pixels: Pixels
    frame: Window | None
    caption: str


def draw_projection(
    projected: Projected, title: str, details: tuple[str, ...], text: Mapping[str, str], notes: Sequence[str] = ()
) -> Sheet:
    """Return the picture: image, map and projection side by side; below, where the field is small, both close up.

    Args:
        projected: what to show.
        title: the first line.
        details: parts of the second.
        text: for the PNG's text chunks.
        notes: lines for stderr.
    """
    panels = [*_overview(projected), *_close_up(projected)]
    measures = Measures.at(1)
    for _ in range(3):
        page = _Page(panels, Heading(title, details), measures)
        measures = Measures.at(max(1.0, page.width / REFERENCE_WIDTH))
    return Sheet(page.draw().picture(), text, notes=tuple(notes))


def map_caption(values: Float32) -> str:
    """Return what a filter's map, float32 (height, width), spans, in words."""
    extent = measure(values)
    caption = f"the filter's map, {values.shape[0]} x {values.shape[1]}"
    if extent.empty:
        return f"{caption}, {MISSING_WORDS} everywhere"
    if extent.constant or extent.silent:
        caption += ", silent" if extent.silent else f", constant {short(extent.low)}"
    else:
        caption += f", {value_range(extent.low, extent.high)}"
    return f"{caption}, {MISSING_WORDS} in pink" if extent.unreal else caption


def draw_values(projection: Float32, window: Window, size: Size) -> tuple[Pixels, str]:
    """Return what a window shows of a projection, with NaN and infinity in their color, and words for the scale.

    Args:
        projection: float32 (height, width, channels).
        window: what to show.
        size: (height, width) of the result, as for `cutout`.

    Returns:
        uint8 (height, width, 3), hatched outside the picture, and its scale in words.
    """
    unreal = ~np.isfinite(projection).all(axis=2, keepdims=True)
    colors, limit = projection_cutout(np.where(unreal, np.float32(0), projection), window, size)
    if not unreal.any():
        return colors, _scale_words(limit)
    marks = cutout(unreal.repeat(3, axis=2) * np.uint8(255), window, size)
    # Both are hatched outside the picture.
    marked = (marks != cutout(np.zeros_like(marks, shape=(*unreal.shape[:2], 3)), window, size)).any(axis=2)
    colors[marked] = MISSING_COLOR
    if not marked.any():
        return colors, _scale_words(limit)
    return colors, f"{_scale_words(limit)}, {MISSING_WORDS} in pink" if limit else f"{MISSING_WORDS}, in pink"


def _overview(projected: Projected) -> list[_Panel]:
    picture = projected.picture
    size = _panel_size((picture.height, picture.width))
    frame = None
    if projected.window is not None:
        seen = projected.window.visible((picture.height, picture.width))
        frame = scaled_window(seen, (picture.height, picture.width), size)
    field = ", what the activation sees is framed" if frame else ""
    everything = whole((picture.height, picture.width))
    shown, scale = draw_values(projected.projection, everything, size)
    caption = f"{projected.method} projection, {scale}"
    return [
        _Panel(input_picture(picture, *size), frame, f"input {picture.height} x {picture.width}{field}"),
        _Panel(shown, frame, caption),
        _map_panel(projected),
    ]


def _map_panel(projected: Projected) -> _Panel:
    values = projected.values
    size, extent = _panel_size((values.shape[0], values.shape[1])), measure(values)
    grays = np.repeat(np.arange(_GRAYS + 1, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    grays[_MISSING] = MISSING_COLOR
    shown = values if size[0] >= values.shape[0] else reduce_by_area(values, *size)
    levels = to_levels(shown, extent.low, extent.high, _GRAYS, _MISSING)
    pixels = enlarge(grays[levels.ravel()].reshape(*levels.shape, 3), max(1, size[0] // values.shape[0]))
    caption = map_caption(values)
    if projected.place is None:
        return _Panel(pixels, None, caption)
    row, column = projected.place
    frame = scaled_window(Window(row, column, row + 1, column + 1), values.shape, pixels.shape[:2])
    return _Panel(pixels, frame, caption)


def _close_up(projected: Projected) -> list[_Panel]:
    """The field enlarged, where it is a small part of the picture."""
    picture, window = projected.picture, projected.window
    if window is None or max(window.size) > _CLOSE_UP * min(picture.height, picture.width):
        return []
    size = _panel_size(window.size)
    colors, scale = draw_values(projected.projection, window, size)
    pixels = input_picture(picture, picture.height, picture.width)
    height, width = window.size
    return [
        _Panel(cutout(pixels, window, size), None, f"what the activation sees, {height} x {width}"),
        _Panel(colors, None, f"its {projected.method} projection, {scale}"),
    ]


def _scale_words(limit: float) -> str:
    return f"gray is zero, full from {short(limit)} on" if limit else "zero everywhere"


def _panel_size(size: Size) -> Size:
    """Return the (height, width) at which something is drawn: a whole multiple, or reduced to fit."""
    factor = _PANEL / max(size)
    if factor >= 1:
        return size[0] * int(factor), size[1] * int(factor)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


class _Page:
    """Panels in rows, each with its caption, below a heading."""

    def __init__(self, panels: Sequence[_Panel], heading: Heading, measures: Measures) -> None:
        self._panels, self._heading, self._measures = panels, heading, measures
        self._pitch = max(int(panel.pixels.shape[1]) for panel in panels) + 3 * measures.gap
        columns = min(len(panels), _IN_A_ROW)
        self.width = max(measures.narrowest, 2 * measures.margin + columns * self._pitch - 3 * measures.gap)
        self._rows = [panels[start : start + _IN_A_ROW] for start in range(0, len(panels), _IN_A_ROW)]

    def draw(self) -> Canvas:
        """Return the page."""
        top = self._measures.margin + self._heading.height(self._measures, self._text_width)
        heights = [self._row_height(row) for row in self._rows]
        canvas = color_canvas(self.width, top + sum(heights) + self._measures.margin - 2 * self._measures.gap)
        self._heading.draw(canvas, self._measures, self._text_width)
        for row, height in zip(self._rows, heights, strict=True):
            for column, panel in enumerate(row):
                self._draw_panel(canvas, panel, self._measures.margin + column * self._pitch, top)
            top += height
        return canvas

    @property
    def _text_width(self) -> int:
        return self.width - 2 * self._measures.margin

    def _lines(self, panel: _Panel) -> list[str]:
        parts = wrap(panel.caption.split(", "), self._measures.detail, self._pitch - 3 * self._measures.gap)
        return [line.replace(" · ", ", ") for line in parts]

    def _row_height(self, row: Sequence[_Panel]) -> int:
        captions = max(len(self._lines(panel)) for panel in row) * line_height(self._measures.detail)
        return max(int(panel.pixels.shape[0]) for panel in row) + captions + 3 * self._measures.gap

    def _draw_panel(self, canvas: Canvas, panel: _Panel, left: int, top: int) -> None:
        height, width = panel.pixels.shape[:2]
        canvas.frame(left, top, width, height, self._measures.line)
        canvas.paste(panel.pixels, left, top)
        if panel.frame is not None:
            outline(canvas, panel.frame, (height, width), left, top, 2 * self._measures.line)
        for number, line in enumerate(self._lines(panel)):
            below = top + height + self._measures.gap // 2 + number * line_height(self._measures.detail)
            canvas.write(line, left, below, self._measures.detail, SOFT)
