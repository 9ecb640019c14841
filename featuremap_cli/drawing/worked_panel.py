"""The worked pixel below an anatomy: the image with the window framed, the terms, and the sum of it all."""

from __future__ import annotations

from dataclasses import dataclass

from featuremap_cli.arrays import Image
from featuremap_cli.convolution.anatomy import MapAnatomy, Parts
from featuremap_cli.convolution.worked_pixel import WorkedPixel
from featuremap_cli.drawing.canvas import HAIRLINE, SOFT, Canvas
from featuremap_cli.drawing.equation import Span, draw_mark, small_type
from featuremap_cli.drawing.input_image import input_picture
from featuremap_cli.drawing.page import Measures
from featuremap_cli.drawing.shading import Shading, Size, fitted_size
from featuremap_cli.drawing.text import line_height, text_width
from featuremap_cli.drawing.worked_terms import Term, Writing, equation_parts, make_terms

_IMAGE_PART = 0.2
_STACKED = 3


@dataclass(frozen=True, eq=False)
class FramedImage:
    """The image, with what the value sees of it.

    Attributes:
        image: as the filter, or the network, was given it.
        span: the part that is framed, in the image's pixels; None where it lies outside.
        caption: below it.
    """

    image: Image
    span: Span | None
    caption: str


@dataclass(frozen=True, eq=False)
class WorkedPanel:
    """All that stands below the anatomy of a map when one of its values is worked out.

    Attributes:
        heading: which value.
        terms: one a channel shown.
        equation: the sum, written out, in parts that stay together.
        note: what had to be left out, or an empty text.
        framed: the image; None where it is not shown.
        measures: of the page.
        width: of the panel, in pixels.
    """

    heading: str
    terms: tuple[Term, ...]
    equation: tuple[str, ...]
    note: str
    framed: FramedImage | None
    measures: Measures
    width: int

    @property
    def fits(self) -> bool:
        """Whether the terms are no wider than the room for them."""
        return max((term.width for term in self.terms), default=0) <= self.width - self._terms_left

    @property
    def height(self) -> int:
        """Of the panel, in pixels."""
        texts = (len(self._lines) + bool(self.note)) * self._leading
        return self._head + self._body + 2 * self.measures.gap + texts

    def draw(self, canvas: Canvas, left: int, top: int) -> None:
        """Draw the panel with its top left corner at (left, top)."""
        measures = self.measures
        canvas.fill(left, top, self.width, measures.line, HAIRLINE)
        canvas.write(self.heading, left, top + 2 * measures.gap, measures.detail)
        top += self._head
        if self.framed is not None:
            self._draw_image(canvas, self.framed, left, top)
        step = self._widest + self._between
        for number, term in enumerate(self.terms):
            row, column = divmod(number, self._per_line)
            term.draw(canvas, left + self._terms_left + column * step, top + row * (term.height + 2 * measures.gap))
        top += self._body + 2 * measures.gap
        for line in self._lines:
            canvas.write(line, left, top, measures.detail)
            top += self._leading
        if self.note:
            canvas.write(self.note, left, top, measures.label, SOFT)

    @property
    def _head(self) -> int:
        return 3 * self.measures.gap + line_height(self.measures.detail)

    @property
    def _leading(self) -> int:
        return round(1.3 * line_height(self.measures.detail))

    @property
    def _between(self) -> int:
        return 5 * self.measures.gap

    @property
    def _widest(self) -> int:
        return max((term.width for term in self.terms), default=0)

    @property
    def _per_line(self) -> int:
        room = self.width - self._terms_left
        possible = max(1, (room + self._between) // (self._widest + self._between))
        return 1 if possible < len(self.terms) <= _STACKED else possible

    @property
    def _body(self) -> int:
        """The height of image and terms, whichever is greater."""
        rows = -(-len(self.terms) // self._per_line)
        terms = rows * (self.terms[0].height + 2 * self.measures.gap) if self.terms else 0
        if self.framed is None:
            return terms
        return max(terms, self._image_top + self._image_size[0] + line_height(self.measures.label) + self.measures.gap)

    @property
    def _lines(self) -> list[str]:
        """The equation, broken between its parts where it is wider than the panel."""
        lines: list[str] = []
        for part in self.equation:
            longer = f"{lines[-1]} {part}" if lines else part
            if lines and text_width(longer, self.measures.detail) <= self.width:
                lines[-1] = longer
            else:
                lines.append(part)
        return lines

    @property
    def _terms_left(self) -> int:
        return self._image_size[1] + self._between if self.framed is not None else 0

    @property
    def _image_top(self) -> int:
        return line_height(self.measures.label) + self.measures.gap // 2

    @property
    def _image_size(self) -> Size:
        assert self.framed is not None
        side = round(_IMAGE_PART * self.width)
        return fitted_size((self.framed.image.height, self.framed.image.width), (2 * side, side))

    def _draw_image(self, canvas: Canvas, framed: FramedImage, left: int, top: int) -> None:
        size, line = self._image_size, self.measures.line
        top += self._image_top
        canvas.frame(left, top, size[1], size[0], line)
        canvas.paste(input_picture(framed.image, *size), left, top)
        if framed.span is not None:
            draw_mark(canvas, framed.span, (framed.image.height, framed.image.width), (left, top), size, line)
        canvas.write(framed.caption, left, top + size[0] + self.measures.gap // 2, self.measures.label, SOFT)


def worked_panel(
    anatomy: MapAnatomy,
    parts: Parts,
    worked: WorkedPixel,
    shadings: tuple[Shading, Shading],
    framed: FramedImage | None,
    measures: Measures,
    width: int,
) -> WorkedPanel:
    """Return the panel of a worked pixel.

    Numbers are written as large and with as many digits as fit; not at all where not even the smallest do.

    Args:
        anatomy: of the map.
        parts: the channels that are shown.
        worked: the value.
        shadings: of the input and of the kernels.
        framed: the image beside the numbers.
        measures: of the page.
        width: of the panel, in pixels.
    """
    heading = f"The value at row {worked.row}, column {worked.column}: window times kernel, cell by cell, added up"
    equation = equation_parts(anatomy, parts, worked)
    note = "" if worked.inside.all() else "Hatched: outside the image."
    if not worked.inside.size:
        note = "No pixel of the image reaches this value."
    for writing in _writings(len(parts.shown), measures):
        terms = make_terms(anatomy, parts, worked, shadings, measures, writing)
        panel = WorkedPanel(heading, terms, equation, note, framed, measures, width)
        if panel.fits:
            return panel
    rows, columns = worked.inside.shape
    note = f"{note} Windows of {rows} x {columns} are too large for numbers here; --json gives all of them.".lstrip()
    terms = make_terms(anatomy, parts, worked, shadings, measures, None)
    return WorkedPanel(heading, terms, equation, note, framed, measures, width)


def _writings(terms: int, measures: Measures) -> list[Writing]:
    """The ways to write the numbers of so many terms, the most legible first."""
    small = small_type(measures)
    large = [measures.title, measures.detail, measures.label] if terms <= _STACKED else []
    return [*(Writing(size, 3) for size in (*large, small)), Writing(small, 2)]
