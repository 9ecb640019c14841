"""The page a sheet is set on: its sizes, its title, and the finished `Sheet`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from PIL import Image

from featuremap_cli.drawing.canvas import SOFT, Canvas
from featuremap_cli.drawing.palette import MISSING, MISSING_COLOR
from featuremap_cli.drawing.text import line_height, shorten_parts, text_width, wrap, wrap_words

# a sheet is legible when shown 1,200 pixels wide; everything on it grows with its width from there on
REFERENCE_WIDTH = 1200
AUTO_LIMIT = 2400
# narrow tiles do not make a title narrower than this
SMALLEST_WIDTH = 720
SMALLEST_TYPE = 13
_LABEL = 15
MISSING_WORDS = "NaN or infinite"


@dataclass(frozen=True)
class PageStyle:
    """What a user wants of every page.

    Attributes:
        title: the first line; None for one that says what is drawn.
        text_size: of labels, in pixels; None for one that grows with the page.
    """

    title: str | None = None
    text_size: int | None = None


# Pages are planned in many places, each from its measures and its heading, which look here.
_style: ContextVar[PageStyle] = ContextVar("page style", default=PageStyle())  # noqa: B039  (frozen)


@contextmanager
def page_style(style: PageStyle) -> Iterator[None]:
    """Have pages that this thread draws meanwhile look so."""
    token = _style.set(style)
    try:
        yield
    finally:
        _style.reset(token)


def text_size() -> int | None:
    """The size of labels that is asked for, in pixels."""
    return _style.get().text_size


@dataclass(frozen=True, eq=False)
class Sheet:
    """A finished picture and what there is to say of it.

    Attributes:
        picture: mode P or RGB.
        text: for the PNG's text chunks: `Scale`, `Limits` (as `limits_text`), `Colormap`, `Shown`.
            The caller adds version, command, image and layer.
        shown: indices of the maps or filters drawn, in the order drawn.
        total: how many there are.
        notes: lines for stderr, `conv2: 64 of 96 shown; ...`.
    """

    picture: Image.Image
    text: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[int, ...] = ()
    total: int = 0
    notes: tuple[str, ...] = ()


def limits_text(limits: Mapping[int, tuple[float, float]] | Mapping[str, tuple[float, float]]) -> str:
    """Return for scripts what each tile's scale spans: `{"17": [0.0, 4.21]}`.

    Args:
        limits: the values of the first and the last level, by a map's index or by the name of what is drawn of maps.
    """
    # 0.0 is added since a negative zero plus zero is zero
    return json.dumps({str(key): [low + 0.0, high + 0.0] for key, (low, high) in limits.items()})


@dataclass(frozen=True)
class Measures:
    """The sizes on a sheet, in pixels.

    Attributes:
        title, detail, label: type sizes.
        margin: white all round.
        gap: between tiles.
        line: a hairline.
    """

    title: int
    detail: int
    label: int
    margin: int
    gap: int
    line: int

    @property
    def narrowest(self) -> int:
        """The width in pixels that a page with these sizes may always have."""
        return round(SMALLEST_WIDTH * max(1.0, self.label / _LABEL)) if text_size() is not None else SMALLEST_WIDTH

    @classmethod
    def at(cls, unit: float, crowding: float = 1.0) -> Measures:
        """Return the sizes for a sheet of `unit` times the reference width.

        `crowding` above 1 makes labels and gaps smaller by so much, for sheets of very many tiles. A size of labels
        that is asked for (`PageStyle`) counts more than both.
        """
        if (size := text_size()) is not None:
            unit, crowding = size / _LABEL, 1.0
            return cls(round(23 * unit), round(17 * unit), size, round(24 * unit), round(8 * unit), max(1, round(unit)))
        return cls(
            title=round(23 * unit),
            detail=round(17 * unit),
            label=max(SMALLEST_TYPE, round(15 * unit / crowding)),
            margin=round(24 * unit),
            gap=max(3, round(8 * unit / crowding)),
            line=max(1, round(unit)),
        )


@dataclass(frozen=True)
class Heading:
    """The lines above a sheet's tiles.

    Attributes:
        title: what and of what, `Feature maps · china.jpg · alexnet conv2`.
        details: parts of the second line: shape, scale and so on.
        missing: whether the sheet shows NaN or infinite values, whose color is then explained.
    """

    title: str
    details: tuple[str, ...]
    missing: bool = False

    @property
    def first_line(self) -> str:
        """The title, or the one that is asked for."""
        wanted = _style.get().title
        return self.title if wanted is None else " ".join(wanted.split())

    def title_lines(self, measures: Measures, width: int) -> list[str]:
        """Return the first line as it fits into `width` pixels: shortened, or what a user wrote in several lines."""
        if _style.get().title is None:
            return [shorten_parts(self.title, measures.title, width)]
        return wrap_words(self.first_line, measures.title, width)

    def lines(self, measures: Measures, width: int) -> list[str]:
        """Return the second line, broken between its parts where it is wider than `width` pixels."""
        return wrap([part for part in self.details if part], measures.detail, width)

    def natural_width(self, measures: Measures, most: int) -> int:
        """Return the width in pixels that the heading fills where it may have `most`."""
        titles = tuple(self.title_lines(measures, most))
        rest = [*self.lines(measures, most), *([f"{MISSING_WORDS}    "] if self.missing else [])]
        return max(widest(titles, measures.title), widest(tuple(rest), measures.detail))

    def height(self, measures: Measures, width: int) -> int:
        """Return the height in pixels that the heading takes, with the white below it."""
        rows = len(self.lines(measures, width)) + self.missing
        titles = len(self.title_lines(measures, width))
        return titles * line_height(measures.title) + rows * _leading(measures) + 2 * measures.gap

    def draw(self, canvas: Canvas, measures: Measures, width: int) -> None:
        """Write the heading at the page's top margin."""
        left, top = measures.margin, measures.margin
        for line in self.title_lines(measures, width):
            canvas.write(line, left, top, measures.title)
            top += line_height(measures.title)
        top += measures.gap // 2
        for line in self.lines(measures, width):
            canvas.write(line, left, top, measures.detail, SOFT)
            top += _leading(measures)
        if self.missing:
            self._draw_key(canvas, measures, left, top)

    @staticmethod
    def _draw_key(canvas: Canvas, measures: Measures, left: int, top: int) -> None:
        """Draw a swatch of the color of NaN and infinite values, and say so."""
        side = round(0.8 * measures.detail)
        swatch = canvas.pixels[top + measures.detail // 5 :, left:][:side, :side]
        swatch[...] = MISSING if canvas.palette is not None else MISSING_COLOR
        canvas.write(MISSING_WORDS, left + side + measures.gap, top, measures.detail, SOFT)


def _leading(measures: Measures) -> int:
    return round(1.25 * measures.detail)


def widest(texts: tuple[str, ...], size: int) -> int:
    """Return the width in pixels of the widest of some texts, 0 for none."""
    return max((text_width(text, size) for text in texts), default=0)
