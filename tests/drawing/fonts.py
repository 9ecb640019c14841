"""Fonts made for tests: each character is a box of a width of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

UNITS = 1000


def box(width: int):
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for corner in ((50, 700), (width - 50, 700), (width - 50, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


def write_font(path: Path, characters: str, family: str = "Boxes", widths: Sequence[int] = ()) -> Path:
    """Write a TrueType font that has `characters`, the first a box of the first of `widths` (of 1,000), and so on."""
    names = {ord(one): f"u{ord(one):x}" for one in characters}
    widths = widths or [500 + 100 * place for place in range(len(characters))]
    each = dict(zip(names.values(), widths, strict=True))
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder([".notdef", *each])
    builder.setupCharacterMap(names)
    builder.setupGlyf({".notdef": box(300), **{name: box(width) for name, width in each.items()}})
    builder.setupHorizontalMetrics({".notdef": (300, 50), **{name: (width, 50) for name, width in each.items()}})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path
