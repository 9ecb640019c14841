"""Text for sheets: measured, shortened and turned into coverage masks. `runs` says in which typefaces."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featuremap_cli.drawing.runs import runs
from featuremap_cli.drawing.typefaces import line_metrics

Coverage = NDArray[np.uint8]

ELLIPSIS = "…"
SEPARATOR = " · "
_SHORTEST_PART = 5
# set glyph by glyph from a cache: 64 labels take 1 ms so, 8 ms through Pillow's text drawing
_TABULAR = frozenset("0123456789.-+%, toe")


def coverage(text: str, size: int) -> Coverage:
    """Return how much ink each pixel of one line of text has, uint8 (line_height(size), width), 255 for full.

    Args:
        text: one line.
        size: of the typeface, in pixels.
    """
    if text and _TABULAR.issuperset(text):
        return np.concatenate([_set(character, size) for character in text], axis=1)
    return _set(text, size)


def text_width(text: str, size: int) -> int:
    """Return the width in pixels that `coverage` gives `text`."""
    if text and _TABULAR.issuperset(text):
        return sum(map(_tabular_widths(size).__getitem__, text))
    return _width(text, size)


def line_height(size: int) -> int:
    """Return the height in pixels of one line, from the top of its tallest letter to below its descenders."""
    return sum(line_metrics(size))


def shorten(text: str, size: int, width: int) -> str:
    """Return `text`, with its middle left out where it would be wider than `width` pixels.

    Both ends stay, as long as possible; an empty text comes back where not even the ellipsis fits.
    """
    if text_width(text, size) <= width:
        return text
    fitting, failing = -1, len(text)
    while failing - fitting > 1:
        kept = (fitting + failing) // 2
        if text_width(_without_middle(text, kept), size) <= width:
            fitting = kept
        else:
            failing = kept
    return _without_middle(text, fitting) if fitting >= 0 else ""


def _without_middle(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    tail = kept - head
    return text[:head].rstrip() + ELLIPSIS + (text[-tail:].lstrip() if tail else "")


def shorten_parts(text: str, size: int, width: int) -> str:
    """Return `text`, its longest parts (between middle dots) shortened in their middles to fit in `width` pixels."""
    if text_width(text, size) <= width:
        return text
    parts = text.split(SEPARATOR)
    shown = ""
    fitting, failing = _SHORTEST_PART - 1, max(map(len, parts))
    while failing - fitting > 1:
        longest = (fitting + failing) // 2
        tried = SEPARATOR.join(part if len(part) <= longest else _without_middle(part, longest - 1) for part in parts)
        if text_width(tried, size) <= width:
            fitting, shown = longest, tried
        else:
            failing = longest
    return shown or shorten(text, size, width)


def wrap(parts: list[str], size: int, width: int) -> list[str]:
    """Return lines of `parts` joined by middle dots, each line as long as fits in `width` pixels."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{SEPARATOR}{part}" if lines else part
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return [shorten(line, size, width) for line in lines]


def wrap_words(text: str, size: int, width: int) -> list[str]:
    """Return `text` in lines of at most `width` pixels, broken between words, and within one that is too long."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer, size) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and text_width(lines[-1] + character, size) > width:
                lines.append("")
            lines[-1] += character
    return lines


# Titles hold an image's name, and a run has many images: what is kept stays small.
@lru_cache(maxsize=256)
def _set(text: str, size: int) -> Coverage:
    """Return the coverage of `text`, drawn by Pillow."""
    mask = Image.new("L", (_width(text, size), line_height(size)))
    left = 0.0
    for run in runs(text):
        run.draw(mask, left, size)
        left += run.length(size)
    return np.array(mask)


@lru_cache(maxsize=256)
def _tabular_widths(size: int) -> Mapping[str, int]:
    return {character: _width(character, size) for character in _TABULAR}


@lru_cache(maxsize=1024)
def _width(text: str, size: int) -> int:
    # Measured without being drawn: finding what of a long title fits takes many widths.
    return max(1, round(sum(run.length(size) for run in runs(text))))
