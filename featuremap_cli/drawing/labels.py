"""Labels below tiles: what they say, and how much of it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featuremap_cli.drawing.canvas import SOFT, Canvas
from featuremap_cli.drawing.extents import Extent
from featuremap_cli.drawing.numerals import short, value_range
from featuremap_cli.drawing.page import SMALLEST_TYPE, Measures
from featuremap_cli.drawing.text import line_height, shorten, text_width

_SPACE = "   "
_ROOMY = 4


@dataclass(frozen=True)
class Label:
    """What one tile's label says.

    Attributes:
        index: the original index of the map or filter.
        name: its name, or an empty text.
        remarks: what else there is to say, from the longest wording to the shortest; the last is empty.
        word: whether the remark is a word about this tile, such as `silent`, not a range as the others have.
    """

    index: str
    name: str = ""
    remarks: tuple[str, ...] = ("",)
    word: bool = False

    @property
    def head(self) -> str:
        """Index and name."""
        return f"{self.index}{_SPACE}{self.name}" if self.name else self.index


@dataclass(frozen=True)
class Lettering:
    """How all labels of a sheet are set, so that they look alike.

    Attributes:
        size: of the typeface, in pixels.
        lines: 1, or 2 with the remark below index and name.
        wording: which of its remarks a label shows, 0 for the longest.
    """

    size: int
    lines: int
    wording: int

    @property
    def height(self) -> int:
        """Pixels that the labels take below their tiles."""
        return self.lines * line_height(self.size) + self.size // 4

    def draw(self, canvas: Canvas, label: Label, left: int, top: int, width: int) -> None:
        """Write `label` from (left, top) on, no wider than `width` pixels."""
        top += self.size // 4
        remark = self.remark(label, width)
        head = self._head(label, width)
        canvas.write(head, left, top, self.size)
        if self.lines == 2:
            canvas.write(remark, left, top + line_height(self.size), self.size, SOFT)
        elif remark and text_width(head + _SPACE + remark, self.size) <= width:
            canvas.write(remark, left + text_width(head + _SPACE, self.size), top, self.size, SOFT)

    def remark(self, label: Label, width: int) -> str:
        """Return the remark as it is shown in `width` pixels."""
        if not label.word:
            return label.remarks[min(self.wording, len(label.remarks) - 1)]
        room = width - (text_width(label.head + _SPACE, self.size) if self.lines == 1 else 0)
        return next((remark for remark in label.remarks if text_width(remark, self.size) <= room), "")

    def _head(self, label: Label, width: int) -> str:
        if not label.name or text_width(label.head, self.size) <= width:
            return label.head
        start = label.index + _SPACE
        name = shorten(label.name, self.size, width - text_width(start, self.size))
        return start + name if name else label.index


def lettering(labels: Sequence[Label], measures: Measures, width: int) -> Lettering:
    """Return the fullest setting whose labels are no wider than their tiles.

    In turn: one line; two lines; fewer digits; smaller type, down to 13 pixels at the sheet's reference width; no
    ranges. A word such as `constant 0.12` is shortened only where no setting has room for it. Where even the index is
    too wide, the type gets smaller still, down to 13 pixels on the sheet itself.
    """
    full = measures.label
    small, smallest = max(min(full, SMALLEST_TYPE), round(full * 13 / 15)), min(full, SMALLEST_TYPE)
    wordings = max((len(label.remarks) for label in labels if not label.word), default=1)
    with_ranges = [Lettering(full, 1, 0)]
    with_ranges += [Lettering(size, 2, wording) for size in (full, small) for wording in range(wordings - 1)]
    # on tiny tiles a second line would take more room than the tile, for the sake of a few words
    without = [Lettering(full, lines, wordings - 1) for lines in ((1, 2) if width >= _ROOMY * full else (1,))]
    if all(label.remarks == ("",) for label in labels):
        with_ranges, without = [], []
    for options in (with_ranges, without):
        for whole_words in (True, False):
            for option in options:
                if all(_fits(option, label, width, whole_words) for label in labels):
                    return option
    index_width = max((text_width(label.index, full) for label in labels), default=0)
    size = full if index_width <= width else max(smallest, full * width // max(1, index_width))
    return Lettering(size, 1, wordings - 1)


def _fits(option: Lettering, label: Label, width: int, whole_words: bool) -> bool:
    remark = option.remark(label, width)
    if label.word and remark not in (label.remarks[:1] if whole_words else label.remarks[:-1]):
        return False
    if option.lines == 1:
        whole = label.head + (_SPACE + remark if remark else "")
        return text_width(whole, option.size) <= width
    return max(text_width(label.index, option.size), text_width(remark, option.size)) <= width


def map_label(index: int, name: str, extent: Extent) -> Label:
    """Return the label of one map: index, name and range.

    Args:
        index: the map's index in its layer.
        name: its name, or an empty text.
        extent: what its values span.
    """
    if extent.empty:
        return Label(str(index), name, ("no finite value", "not finite", "NaN", ""), word=True)
    if extent.silent:
        return Label(str(index), name, ("silent", ""), word=True)
    if extent.constant:
        return Label(
            str(index),
            name,
            (f"constant {short(extent.low)}", f"const. {short(extent.low)}", "constant", ""),
            word=True,
        )
    ranges = tuple(value_range(extent.low, extent.high, digits) for digits in (3, 2))
    return Label(str(index), name, (*ranges, ""))
