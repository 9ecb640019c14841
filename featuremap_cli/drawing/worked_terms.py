"""The terms of a worked pixel: for each channel the window, the kernel, and what their product adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.anatomy import MapAnatomy, Parts
from featuremap_cli.convolution.worked_pixel import WorkedPixel
from featuremap_cli.drawing.canvas import Canvas
from featuremap_cli.drawing.equation import channel_title
from featuremap_cli.drawing.number_grid import NumberGrid, blank_grid, number_grid, number_texts
from featuremap_cli.drawing.numerals import same_digits
from featuremap_cli.drawing.page import Measures
from featuremap_cli.drawing.shading import Shading
from featuremap_cli.drawing.text import line_height, text_width

TIMES, EQUALS = "×", "="

_SUM_DIGITS = 4
_BLANK = 14


@dataclass(frozen=True)
class Writing:
    """How the numbers of a window are written: type size in pixels, significant digits of the greatest."""

    size: int
    digits: int


@dataclass(frozen=True, eq=False)
class Term:
    """One channel's part of a value.

    Attributes:
        name: the channel's.
        window: what lies under the kernel.
        kernel: its weights.
        result: the two multiplied cell by cell and added up, as text.
        measures: of the page.
    """

    name: str
    window: NumberGrid
    kernel: NumberGrid
    result: str
    measures: Measures

    @property
    def width(self) -> int:
        """Pixels."""
        operators = self._room(TIMES) + self._room(EQUALS)
        return self.window.width + self.kernel.width + operators + text_width(self.result, self.measures.detail)

    @property
    def height(self) -> int:
        """Pixels, the name above included."""
        return self._head + self.window.height

    @property
    def _head(self) -> int:
        return line_height(self.measures.label) + self.measures.gap // 2

    def draw(self, canvas: Canvas, left: int, top: int) -> None:
        """Draw it with its top left corner at (left, top)."""
        canvas.write(self.name, left, top, self.measures.label)
        top += self._head
        middle = top + self.window.height // 2
        self.window.draw(canvas, left, top)
        left = self._write(canvas, TIMES, left + self.window.width, middle)
        self.kernel.draw(canvas, left, top)
        left = self._write(canvas, EQUALS, left + self.kernel.width, middle)
        canvas.write(self.result, left, middle - line_height(self.measures.detail) // 2, self.measures.detail)

    def _room(self, glyph: str) -> int:
        return text_width(glyph, self.measures.title) + 2 * self.measures.gap

    def _write(self, canvas: Canvas, glyph: str, left: int, middle: int) -> int:
        """Write an operator and return where what follows it begins."""
        top = middle - line_height(self.measures.title) // 2
        canvas.write(glyph, left + self.measures.gap, top, self.measures.title)
        return left + self._room(glyph)


def make_terms(
    anatomy: MapAnatomy,
    parts: Parts,
    worked: WorkedPixel,
    shadings: tuple[Shading, Shading],
    measures: Measures,
    writing: Writing | None,
) -> tuple[Term, ...]:
    """Return the terms of the channels that are shown; none where no pixel reaches the value.

    Args:
        anatomy: of the map.
        parts: which channels are shown.
        worked: the value.
        shadings: of the input and of the kernels.
        measures: of the page.
        writing: how the numbers are written; None for colors alone.
    """
    if not worked.inside.size:
        return ()
    shown = parts.shown
    windows = [worked.window[..., position] for position in shown]
    kernels = [worked.weights[..., position] for position in shown]
    sums = sum_texts(worked, parts)
    grids = _grids(windows, shadings[0], ~worked.inside, writing, measures)
    laid = _grids(kernels, shadings[1], np.zeros_like(worked.inside), writing, measures)
    names = [channel_title(anatomy.channel_names[position]) for position in shown]
    return tuple(
        Term(name, window, kernel, result, measures)
        for name, window, kernel, result in zip(names, grids, laid, sums, strict=False)
    )


def _grids(
    values: Sequence[Float32],
    shading: Shading,
    outside: NDArray[np.bool_],
    writing: Writing | None,
    measures: Measures,
) -> list[NumberGrid]:
    """Return the grids of all channels, with cells of one size."""
    if writing is None:
        side = max(_BLANK * measures.label // max(values[0].shape), 1)
        return [blank_grid(shading.paint(one), outside, side) for one in values]
    grids = [
        number_grid(texts, shading.paint(one), outside, writing.size, measures.line)
        for texts, one in zip(number_texts(values, writing.digits), values, strict=True)
    ]
    widest = max(grid.cell[1] for grid in grids)
    return [grid.resized((grid.cell[0], widest)) for grid in grids]


def sum_texts(worked: WorkedPixel, parts: Parts) -> tuple[str, ...]:
    """Return, with the same decimals: the shown channels' sums, the others', the bias, the value before and after."""
    shown = [float(worked.sums[position]) for position in parts.shown]
    others = float(np.delete(worked.sums, list(parts.shown)).sum())
    return same_digits((*shown, others, worked.bias, worked.before, worked.after), _SUM_DIGITS)


def equation_parts(anatomy: MapAnatomy, parts: Parts, worked: WorkedPixel) -> tuple[str, ...]:
    """Return the sum as text, in parts that stay together in a line: the channels, the bias, the activation."""
    *shown, others, bias, before, after = sum_texts(worked, parts)
    terms = [shown[0], *(_signed(number) for number in shown[1:])]
    if parts.others:
        terms.append(f"{_signed(others)} (the other {parts.others:,} channels)")
    if anatomy.met.bias:
        terms.append(f"{_signed(bias)} (bias)")
    activation = anatomy.stage("activation")
    whole = [*terms, f"= {before}"] if len(terms) > 1 else []
    if activation is None:
        return tuple(whole)
    if whole:
        whole[-1] += ","
    return (*whole, f"{activation.words}({before}) = {after}")


def _signed(number: str) -> str:
    return f"- {number[1:]}" if number.startswith("-") else f"+ {number}"
