"""Values as colors on a page of RGB: a scale, the pictures it makes, and the bar that explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.drawing.canvas import Canvas, Pixels
from featuremap_cli.drawing.extents import finite_values, join, measure
from featuremap_cli.drawing.numerals import same_digits, short
from featuremap_cli.drawing.palette import MISSING_COLOR, Colors, colormap
from featuremap_cli.drawing.resampling import enlarge, reduce_by_area
from featuremap_cli.drawing.scaling import clipped_fraction, to_levels
from featuremap_cli.drawing.text import line_height, text_width

Size = tuple[int, int]
"""(height, width), in pixels."""

_LEVELS = 255
_NEARLY_ALL, _FAR_BELOW = 0.995, 0.6


@dataclass(frozen=True, eq=False)
class Shading:
    """A scale that several pictures share.

    Attributes:
        low, high: the values of the first and the last color.
        colors: uint8 (levels + 1, 3); the last is for NaN and infinite values.
        clipped: the part of a map's values that lies beyond the limits, of the map with most of them, 0 to 1.
        empty: whether no value is finite; the limits are 0 then.
        one_sided: no value is below zero: the bar begins there, with the color that zero has.
    """

    low: float
    high: float
    colors: Colors
    clipped: float = 0.0
    empty: bool = False
    one_sided: bool = False

    @property
    def begin(self) -> float:
        """The value at the left end of its bar."""
        return 0.0 if self.one_sided else self.low

    def paint(self, values: Float32) -> Pixels:
        """Return values (height, width) as colors, uint8 (height, width, 3)."""
        return self.colors[to_levels(values, self.low, self.high, _LEVELS, missing=_LEVELS)]

    def picture(self, values: Float32, size: Size) -> Pixels:
        """Return values as colors at a size of `fitted_size`: enlarged sharp, or averaged over areas."""
        if size[0] >= values.shape[0] and size[1] >= values.shape[1]:
            return enlarge(self.paint(values), size[0] // values.shape[0])
        return self.paint(reduce_by_area(values, *size))

    @property
    def marks(self) -> tuple[float, ...]:
        """The values written below its bar, from left to right."""
        if self.empty:
            return (math.nan,)
        if self.begin == self.high:
            return (self.begin,)
        return (self.begin, 0.0, self.high) if self.begin < 0 < self.high else (self.begin, self.high)

    @property
    def texts(self) -> tuple[str, ...]:
        """The same as texts."""
        plain = tuple(short(value) for value in self.marks)
        return plain if all(text.removeprefix("-").isdecimal() for text in plain) else same_digits(self.marks)

    def bar_width(self, size: int) -> int:
        """Return how wide the bar has to be for its texts, in pixels."""
        return sum(text_width(text, size) + size for text in self.texts) - size

    def draw_bar(self, canvas: Canvas, left: int, top: int, extent: Size, size: int, line: int) -> None:
        """Draw the bar with its values below.

        Args:
            canvas: the page, RGB.
            left, top: of the bar.
            extent: (height, width) of the bar.
            size: of the typeface.
            line: width of a hairline.
        """
        height, width = extent
        canvas.frame(left, top, width, height, line)
        ramp = np.full(width, np.nan) if self.empty else np.linspace(self.begin, self.high, width)
        canvas.paste(self.paint(ramp[np.newaxis].astype(np.float32)).repeat(height, axis=0), left, top)
        for at, start, text in self.places(width, size):
            canvas.fill(left + at, top + height, line, 4 * line)
            canvas.write(text, left + start, top + height + 4 * line, size)

    def places(self, width: int, size: int) -> list[tuple[int, int, str]]:
        """Return where the marks of a bar are, in pixels from its left: tick, start of the text, text.

        Zero is left out where it would touch the text of an end.
        """
        found = []
        for value, text in zip(self.marks, self.texts, strict=True):
            part = 0.5 if self.begin == self.high else (value - self.begin) / (self.high - self.begin)
            at, wide = round(part * (width - 1)), text_width(text, size)
            found.append((at, min(max(at - wide // 2, 0), width - wide), text))
        room = size // 2
        for before, after in pairwise(found):
            if before[1] + text_width(before[2], size) + room > after[1]:
                return [found[0], found[-1]]
        return found


def bar_height(size: int, line: int) -> int:
    """Return the height of a bar with its values, in pixels."""
    return size // 2 + 4 * line + line_height(size)


def gray_shading(arrays: Sequence[Float32]) -> Shading:
    """Return the scale of an input: 0 to 1 for an image, otherwise from the least value to the greatest, in gray."""
    extent = join(measure(values) for values in arrays)
    low, high = (0.0, 1.0) if extent.low >= 0 and 0.5 < extent.high <= 1 else (extent.low, extent.high)
    return Shading(low, high, _with_missing(colormap("gray", _LEVELS)), empty=extent.empty)


def signed_shading(arrays: Sequence[Float32], cmap: str, clip: bool = False) -> Shading:
    """Return a symmetric scale, zero in the middle of the colormap.

    Args:
        arrays: the maps drawn on it, one by one.
        cmap: a diverging colormap.
        clip: end the scale below the greatest values where few are far above the others (the edges that a zero border
            makes, mostly), so that the others are seen. The picture has to say so.

    Raises:
        UsageError: there is no such colormap.
    """
    extent = join(measure(values) for values in arrays)
    greatest, clipped = max(abs(extent.low), abs(extent.high)), 0.0
    if clip and greatest > 0:
        sizes = np.concatenate([np.abs(finite_values(values)).ravel() for values in arrays])
        nearly = float(np.quantile(sizes, _NEARLY_ALL))
        if 0 < nearly < _FAR_BELOW * greatest:
            greatest = nearly
            clipped = max(clipped_fraction([values], -greatest, greatest) for values in arrays)
    # 0 less the greatest, as its negative would be -0
    return Shading(0.0 - greatest, greatest, _with_missing(colormap(cmap, _LEVELS)), clipped, extent.empty)


def fitted_size(size: Size, box: Size) -> Size:
    """Return the size at which a map of `size` fits into `box`: a whole multiple where that fits, else smaller."""
    factor = min(box[0] // size[0], box[1] // size[1])
    if factor >= 1:
        return size[0] * factor, size[1] * factor
    scale = min(box[0] / size[0], box[1] / size[1])
    return max(1, min(size[0], round(size[0] * scale))), max(1, min(size[1], round(size[1] * scale)))


def _with_missing(colors: Colors) -> Colors:
    return np.concatenate([colors, np.array([MISSING_COLOR], np.uint8)])
