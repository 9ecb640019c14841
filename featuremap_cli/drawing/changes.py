"""Filters of two checkpoints side by side, with the maps that they make of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.drawing.canvas import SOFT, Canvas, color_canvas
from featuremap_cli.drawing.extents import join, measure
from featuremap_cli.drawing.grid import Box
from featuremap_cli.drawing.marks import draw_silent_mark
from featuremap_cli.drawing.page import Heading, Measures, Sheet
from featuremap_cli.drawing.palette import FLAT_COLOR, MISSING_COLOR
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area
from featuremap_cli.drawing.scaling import to_levels
from featuremap_cli.drawing.text import line_height, shorten, shorten_parts
from featuremap_cli.errors import UsageError

Pixels = NDArray[np.uint8]

MOST_CHANNELS = 16
_SIDE, _UNIT, _PANEL_GAP = 220, 1.6, 4
_CAPTIONS = ("filter before", "filter after", "map before", "map after")
_GRAYS = np.concatenate([np.repeat(np.arange(255)[:, np.newaxis], 3, axis=1), [MISSING_COLOR]]).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Pair:
    """One filter before and after.

    Attributes:
        name: its layer and index.
        words: how far it moved.
        filters: float32 (filter_height, filter_width, input_channels), before and after; None where not known.
        maps: float32 (height, width), before and after.
    """

    name: str
    words: str
    filters: tuple[Float32, Float32] | None
    maps: tuple[Float32, Float32]


def draw_changes(pairs: Sequence[Pair], title: str, details: tuple[str, ...]) -> Sheet:
    """Draw filters and maps before and after, each pair on one scale.

    Filters of three input channels are in color. Of others, the (up to 16) input channels are drawn in which the
    weights moved most, on a scale symmetric about zero.

    Args:
        pairs: what changed, the most changed first.
        title: the first line: what and of what.
        details: parts of the second line.

    Raises:
        UsageError: nothing changed.
    """
    if not pairs:
        raise UsageError("expected filters that changed, got two checkpoints that are the same")
    measures = Measures.at(_UNIT)
    columns = min(2, len(pairs))
    wide = 4 * _SIDE + 5 * measures.gap
    high = 2 * line_height(measures.label) + _SIDE + line_height(measures.label) + 3 * measures.gap
    width = 2 * measures.margin + columns * wide + (columns - 1) * 4 * measures.gap
    heading = Heading(title, (*details, *_scale_words(pairs)), any(map(_unreal, pairs)))
    top = measures.margin + heading.height(measures, width - 2 * measures.margin)
    canvas = color_canvas(width, top + -(-len(pairs) // columns) * high + measures.margin - 2 * measures.gap)
    heading.draw(canvas, measures, width - 2 * measures.margin)
    for place, pair in enumerate(pairs):
        row, column = divmod(place, columns)
        left = measures.margin + column * (wide + 4 * measures.gap)
        _draw_pair(canvas, pair, left, top + row * high, wide, measures)
    return Sheet(canvas.picture(), shown=tuple(range(len(pairs))), total=len(pairs))


def _scale_words(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return the scale in words, and that not all input channels are shown where they are not."""
    most = max((pair.filters[0].shape[2] for pair in pairs if pair.filters), default=0)
    words = ("each pair on one scale",)
    return (*words, f"{MOST_CHANNELS} input channels that moved most") if most > MOST_CHANNELS else words


def _draw_pair(canvas: Canvas, pair: Pair, left: int, top: int, width: int, measures: Measures) -> None:
    size, leading = measures.label, line_height(measures.label)
    canvas.write(shorten_parts(pair.name, size, width), left, top, size)
    canvas.write(shorten(pair.words, size, width), left, top + leading, size, SOFT)
    top += 2 * leading + measures.gap // 2
    pictures = [*(_filter_pictures(*pair.filters) if pair.filters else (None, None)), *_map_pictures(*pair.maps)]
    silent = (False, False, *(measure(values).silent for values in pair.maps))
    for place, picture in enumerate(pictures):
        if picture is None:
            continue
        # A wider gap keeps filters and maps apart.
        x = left + place * (_SIDE + measures.gap) + (2 * measures.gap if place > 1 else 0)
        height, wide = picture.shape[:2]
        canvas.frame(x, top, wide, height, measures.line)
        canvas.paste(picture, x, top)
        if silent[place]:
            draw_silent_mark(canvas, Box(x, top, wide, height), size)
        canvas.write(_CAPTIONS[place], x, top + _SIDE + measures.gap // 2, size, SOFT)


def _filter_pictures(before: Float32, after: Float32) -> tuple[Pixels, Pixels]:
    """Return both as RGB, at most (_SIDE, _SIDE, 3), enlarged by whole factors."""
    extent = join((measure(before), measure(after)))
    if before.shape[2] == 3:
        return _fitted(_color(before, extent.low, extent.high)), _fitted(_color(after, extent.low, extent.high))
    greatest = max(abs(extent.low), abs(extent.high))
    with np.errstate(invalid="ignore"):
        moved = np.nan_to_num(np.abs(after - before).sum(axis=(0, 1)), nan=np.inf)
    channels = np.sort(np.argsort(-moved, kind="stable")[:MOST_CHANNELS])
    return _panels(before[..., channels], greatest), _panels(after[..., channels], greatest)


def _panels(weights: Float32, greatest: float) -> Pixels:
    """Return the channels of a filter as a grid of gray panels, RGB."""
    height, width, count = weights.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    factor = max(
        1,
        min(
            (_SIDE - (columns - 1) * _PANEL_GAP) // (columns * width),
            (_SIDE - (rows - 1) * _PANEL_GAP) // (rows * height),
        ),
    )
    page = np.full(
        (rows * (height * factor + _PANEL_GAP) - _PANEL_GAP, columns * (width * factor + _PANEL_GAP) - _PANEL_GAP, 3),
        255,
        np.uint8,
    )
    for channel in range(count):
        row, column = divmod(channel, columns)
        top, left = row * (height * factor + _PANEL_GAP), column * (width * factor + _PANEL_GAP)
        panel = enlarge(_gray(weights[..., channel], -greatest, greatest), factor)
        page[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return page[:_SIDE, :_SIDE]


def _map_pictures(before: Float32, after: Float32) -> tuple[Pixels, Pixels]:
    extent = join((measure(before), measure(after)))

    def drawn(values: Float32) -> Pixels:
        if measure(values).silent:
            return _fitted(np.full((*values.shape, 3), FLAT_COLOR, np.uint8))
        scale = min(1.0, _SIDE / max(values.shape))
        small = reduce_by_area(values, *(max(1, round(side * scale)) for side in values.shape)) if scale < 1 else values
        return _fitted(_gray(small, extent.low, extent.high))

    return drawn(before), drawn(after)


def _gray(values: Float32, low: float, high: float) -> Pixels:
    picture: Pixels = _GRAYS[to_levels(values, low, high, 255, 255)]
    return picture


def _color(weights: Float32, low: float, high: float) -> Pixels:
    levels = to_levels(weights.reshape(len(weights), -1), low, high, 255, 255).reshape(weights.shape)
    picture: Pixels = levels.copy()
    picture[(levels == 255).any(axis=2)] = MISSING_COLOR
    return picture


def _fitted(picture: Pixels) -> Pixels:
    return enlarge(picture, max(1, _SIDE // max(picture.shape[:2])))


def _unreal(pair: Pair) -> bool:
    return any(measure(values).unreal for values in (*(pair.filters or ()), *pair.maps))
