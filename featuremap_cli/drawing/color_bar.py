"""The color bar of a scale that all tiles share: exactly the mapping used, with its end values and zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.drawing.canvas import Canvas
from featuremap_cli.drawing.grid import Box
from featuremap_cli.drawing.numerals import same_digits
from featuremap_cli.drawing.page import Measures
from featuremap_cli.drawing.text import line_height


@dataclass(frozen=True)
class ColorBar:
    """A bar from `low`, at its foot, to `high`."""

    low: float
    high: float

    @property
    def values(self) -> tuple[float, ...]:
        """The values written beside it, from the top down."""
        if self.low == self.high:
            return (self.low,)
        return (self.high, 0.0, self.low) if self.low < 0 < self.high else (self.high, self.low)

    @property
    def texts(self) -> tuple[str, ...]:
        """The same as texts."""
        return same_digits(self.values)

    def ramp(self, height: int, steps: int) -> NDArray[np.uint8]:
        """Return for each row of the bar, from the top down, its level among `steps`, uint8 (height,)."""
        if self.low == self.high:
            return np.full(height, (steps - 1) // 2, np.uint8)
        return np.rint(np.linspace(steps - 1, 0, height)).astype(np.uint8)

    def draw(self, canvas: Canvas, box: Box, measures: Measures, colors: NDArray[np.uint8]) -> None:
        """Draw the bar.

        Args:
            canvas: the page.
            box: where the bar is, without its texts.
            measures: of the page.
            colors: the canvas's pixel for each level: uint8 (levels,) of indices or (levels, 3).
        """
        canvas.frame(box.left, box.top, box.width, box.height, measures.line)
        rows = colors[self.ramp(box.height, len(colors))]
        canvas.paste(rows[:, np.newaxis].repeat(box.width, axis=1), box.left, box.top)
        right, tall = box.left + box.width, line_height(measures.label)
        for value, text in zip(self.values, self.texts, strict=True):
            row = self._row(value, box)
            canvas.fill(right, row, measures.gap // 2, measures.line)
            top = min(max(row - tall // 2, self._highest(value, box, tall)), self._lowest(value, box, tall))
            canvas.write(text, right + measures.gap, top, measures.label)

    def _row(self, value: float, box: Box) -> int:
        part = 0.5 if self.low == self.high else (self.high - value) / (self.high - self.low)
        return box.top + round(part * (box.height - 1))

    def _highest(self, value: float, box: Box, tall: int) -> int:
        """Return the least top of a text; zero stays clear of the text at the upper end."""
        return box.top + (tall if value == 0 and value not in (self.low, self.high) else 0)

    def _lowest(self, value: float, box: Box, tall: int) -> int:
        """Return the greatest top of a text; zero stays clear of the text at the lower end."""
        return box.top + box.height - tall * (2 if value == 0 and value not in (self.low, self.high) else 1)
