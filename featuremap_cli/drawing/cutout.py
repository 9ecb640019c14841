"""Parts cut out of pictures, where a receptive field lies; what lies outside the picture is hatched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.drawing.canvas import Canvas, Pixels
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area

Size = tuple[int, int]
"""(height, width), in pixels."""

CLIPPED = 0.005
"""The part of a projection's values, not counting zeros, that is beyond full brightness."""

_HATCH_LINE, _HATCH_PAPER = 200, 238
_ZERO, _REACH = 128, 127
_FRAME, _FRAME_EDGE = (255, 220, 0), (32, 32, 32)


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture's pixels, which may leave the picture; `bottom` and `right` are the first outside it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def within(self, picture: Size) -> Window:
        """Return the window, where it is larger than the picture along an axis cut down to the picture there."""
        rows, columns = (self.top, self.bottom), (self.left, self.right)
        if rows[1] - rows[0] >= picture[0]:
            rows = (0, picture[0])
        if columns[1] - columns[0] >= picture[1]:
            columns = (0, picture[1])
        return Window(rows[0], columns[0], rows[1], columns[1])

    def visible(self, picture: Size) -> Window:
        """Return the part of the window that lies in the picture; at least a pixel, the nearest where none does."""
        top, bottom = _clipped(self.top, self.bottom, picture[0])
        left, right = _clipped(self.left, self.right, picture[1])
        return Window(top, left, bottom, right)


def whole(picture: Size) -> Window:
    """Return the window that is all of a picture."""
    return Window(0, 0, *picture)


def cutout(pixels: Pixels, window: Window, size: Size) -> Pixels:
    """Return what a window shows, hatched where it leaves the picture.

    Args:
        pixels: uint8 (height, width, 3).
        window: what to show.
        size: (height, width) of the result: whole multiples of the window's, or smaller than it.
    """
    shown: Pixels = np.rint(_part(pixels.astype(np.float32), window, size)).astype(np.uint8)
    return _hatched(shown, _outside(window, pixels.shape[:2], size))


def projection_cutout(projection: Float32, window: Window, size: Size) -> tuple[Pixels, float]:
    """Return what a window shows of a projection, as colors, and the magnitude from which on they are full.

    Zero is gray; a channel is brighter above it and darker below. A few values are far greater than all others, so the
    greatest `CLIPPED` of those that are drawn and not zero are cut off. Where the result is smaller than the window, a
    pixel shows the strongest of the values that it covers: neighbors have opposite signs, and averages would cancel.

    Args:
        projection: float32 (height, width, channels); one channel is drawn gray, of more than three the mean.
        window: what to show.
        size: (height, width) of the result, as for `cutout`.

    Returns:
        uint8 (height, width, 3), hatched outside the picture, and the magnitude; 0 where all is zero.
    """
    channels = projection if projection.shape[2] in (1, 3) else projection.mean(axis=2, keepdims=True)
    # Colors are found before pixels are enlarged by a whole factor: nine times fewer of them on most panels.
    factor = _whole_factor(window.size, size)
    inner = window.size if factor > 1 else size
    shown, outside = _strongest(channels, window, inner), _outside(window, projection.shape[:2], inner)
    magnitudes = np.abs(shown[~outside])
    drawn = magnitudes[magnitudes > 0]
    limit = 0.0
    if drawn.size:
        # The quantile of the enlarged pixels, each of which is there factor * factor times.
        place = math.ceil((drawn.size * factor**2 - 1) * (1 - CLIPPED)) // factor**2
        limit = float(np.partition(drawn, place)[place])
    scaled = shown * (_REACH / limit) if limit else np.zeros_like(shown)
    colors: Pixels = np.clip(np.rint(scaled) + _ZERO, _ZERO - _REACH, _ZERO + _REACH).astype(np.uint8)
    colors = enlarge(np.repeat(colors, 3 // colors.shape[2], axis=2), factor)
    return _hatched(colors, np.kron(outside, np.ones((factor, factor), np.bool_))), limit


def _whole_factor(size: Size, enlarged: Size) -> int:
    """By which whole factor one size is another one enlarged; 1 where it is not."""
    factor = enlarged[0] // size[0]
    return factor if factor > 1 and (size[0] * factor, size[1] * factor) == tuple(enlarged) else 1


def hatching(size: Size) -> Pixels:
    """Return light gray with darker diagonals, uint8 (height, width, 3): what stands outside a picture."""
    step = max(6, min(size) // 12)
    down, right = np.indices(size)
    gray = np.where((down + right) % step < max(1, step // 4), _HATCH_LINE, _HATCH_PAPER).astype(np.uint8)
    return gray[..., np.newaxis].repeat(3, axis=2)


def outline(canvas: Canvas, part: Window, size: Size, left: int, top: int, line: int) -> None:
    """Draw a frame on the page around a part of what is drawn at (left, top): a yellow line between two dark ones.

    It lies outside the part, so that a part of a few pixels stays visible, but not outside what is drawn there.

    Args:
        canvas: a page of RGB.
        part: in pixels of what is drawn there.
        size: (height, width) of what is drawn there.
        left, top: where that is on the page.
        line: width of one of the three lines in pixels.
    """
    outset = 3 * line
    first_row, end_row = max(0, part.top - outset), min(size[0], part.bottom + outset)
    first_column, end_column = max(0, part.left - outset), min(size[1], part.right + outset)
    here = canvas.pixels[top : top + size[0], left : left + size[1]]
    for inset, color in ((0, _FRAME_EDGE), (line, _FRAME), (2 * line, _FRAME_EDGE)):
        rows = first_row + inset, end_row - inset
        columns = first_column + inset, end_column - inset
        here[rows[0] : rows[0] + line, columns[0] : columns[1]] = color
        here[rows[1] - line : rows[1], columns[0] : columns[1]] = color
        here[rows[0] : rows[1], columns[0] : columns[0] + line] = color
        here[rows[0] : rows[1], columns[1] - line : columns[1]] = color


def scaled_window(window: Window, picture: Size, size: Size) -> Window:
    """Return where a window of a picture lies when the picture is drawn at `size` (height, width)."""
    vertical, horizontal = size[0] / picture[0], size[1] / picture[1]
    return Window(
        round(window.top * vertical),
        round(window.left * horizontal),
        round(window.bottom * vertical),
        round(window.right * horizontal),
    )


def _clipped(first: int, end: int, length: int) -> tuple[int, int]:
    start = min(max(first, 0), length - 1)
    return start, max(start + 1, min(end, length))


def _part(values: Float32, window: Window, size: Size) -> Float32:
    """What a window shows of (height, width, channels) at a size: enlarged, or averaged over areas."""
    part = _padded(values, window)
    if size[0] >= part.shape[0]:
        return enlarge(part, size[0] // part.shape[0])
    channels = [reduce_by_area(np.ascontiguousarray(part[..., place]), *size) for place in range(part.shape[2])]
    return np.stack(channels, axis=2)


def _strongest(values: Float32, window: Window, size: Size) -> Float32:
    """The same, but reduced to the value of greatest magnitude in each area."""
    part = _padded(values, window)
    if size[0] >= part.shape[0]:
        return enlarge(part, size[0] // part.shape[0])
    starts = [np.arange(count) * length // count for count, length in zip(size, part.shape, strict=False)]
    highest, lowest = (
        extreme.reduceat(extreme.reduceat(part, starts[0], axis=0), starts[1], axis=1)
        for extreme in (np.maximum, np.minimum)
    )
    return np.where(highest >= -lowest, highest, lowest)


def _padded(values: Float32, window: Window) -> Float32:
    """A window of (height, width, channels); outside the picture its edge is repeated."""
    rows = np.clip(np.arange(window.top, window.bottom), 0, values.shape[0] - 1)
    columns = np.clip(np.arange(window.left, window.right), 0, values.shape[1] - 1)
    return values[np.ix_(rows, columns)]


def _outside(window: Window, picture: tuple[int, ...], size: Size) -> NDArray[np.bool_]:
    """Which pixels of a window drawn at a size have their centers outside the picture."""
    rows = _axis_outside(window.top, window.bottom, size[0], picture[0])
    return rows[:, np.newaxis] | _axis_outside(window.left, window.right, size[1], picture[1])


def _axis_outside(first: int, end: int, count: int, length: int) -> NDArray[np.bool_]:
    centers = first + (np.arange(count) + 0.5) * (end - first) / count
    return (centers < 0) | (centers >= length)


def _hatched(shown: Pixels, outside: NDArray[np.bool_]) -> Pixels:
    shown[outside] = hatching((shown.shape[0], shown.shape[1]))[outside]
    return shown
