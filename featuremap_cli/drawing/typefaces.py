"""The typefaces of texts: Aileron, which Pillow carries, DejaVu Sans, which matplotlib carries, and the system's fonts.

DejaVu's file is read; matplotlib is not imported. Scripts that run from right to left, or whose letters join, are laid
out by Raqm where Pillow has it.
"""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

from featuremap_cli.drawing.font_files import FontFile, open_font
from featuremap_cli.errors import MissingDependencyError

# letters that join or stack, besides those that run from right to left
_STACKED = re.compile("[\u0900-\u0dff\u1000-\u109f\u1780-\u17ff]")


@dataclass(frozen=True)
class Run:
    """Characters of a text that stand together in one typeface; no file is Aileron."""

    text: str
    file: FontFile | None

    def length(self, size: int) -> float:
        """Return the width in pixels, with fractions."""
        if self.file is None:
            return aileron(size).getlength(self.text)
        font, scale = _fitting(self.file, self.text, size)
        return font.getlength(self.text, direction=_direction(self.text)) * scale

    def draw(self, mask: Image.Image, left: float, size: int) -> None:
        """Draw the run, its left edge at `left`, on the base line of a line of text, mode L."""
        base, descent = line_metrics(size)
        pen = ImageDraw.Draw(mask)
        if self.file is None:
            pen.text((left, base), self.text, 255, aileron(size), "ls")
            return
        font, scale = _fitting(self.file, self.text, size)
        _, top, right, bottom = font.getbbox(self.text, anchor="ls", direction=_direction(self.text))
        base -= max(0, round(bottom * scale) - descent)
        if scale == 1:
            pen.text((left, base), self.text, 255, font, "ls", direction=_direction(self.text))
            return
        picture = Image.new("RGBA", (max(1, round(right)), max(1, round(bottom - top))), (255, 255, 255, 0))
        ImageDraw.Draw(picture).text((0, -top), self.text, "black", font, "ls", embedded_color=True)
        ink = _ink(picture).resize([max(1, round(side * scale)) for side in picture.size])
        mask.paste(255, (round(left), round(base + top * scale)), ink)


@lru_cache(maxsize=4096)
def _fitting(file: FontFile, text: str, size: int) -> tuple[ImageFont.FreeTypeFont, float]:
    """Return the font in which `text` is no higher than a line of Aileron, and by how much its glyphs are scaled."""
    font = open_font(file, size, _layout())
    if font.size != size:
        return font, size / font.size
    ascent, descent = line_metrics(size)
    _, top, _, bottom = font.getbbox(text, anchor="ls", direction=_direction(text))
    fitting = int(size / max(1.0, -top / ascent, (bottom - top) / (ascent + descent)))
    return open_font(file, max(1, fitting), _layout()), 1.0


def _ink(picture: Image.Image) -> Image.Image:
    """Return how much ink a colored glyph has: its shape, darker where its colors are."""
    dark = picture.convert("L").point(lambda value: 255 - value * 3 // 4)
    ink = Image.new("L", picture.size)
    ink.paste(dark, mask=picture.getchannel("A"))
    return ink


def is_laid_out(character: str) -> bool:
    """Return whether a character runs from right to left, or changes with its neighbors."""
    return _runs_from_right(character) or _STACKED.match(character) is not None


def _runs_from_right(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL", "AN")


def _direction(text: str) -> str | None:
    """Return how Raqm is told that lines run from left to right, whatever they begin with."""
    return "ltr" if not text.isascii() and has_raqm() and any(map(_runs_from_right, text)) else None


@lru_cache(maxsize=1)
def has_raqm() -> bool:
    """Return whether Pillow lays out by Raqm, for which the system needs FriBiDi."""
    return bool(features.check("raqm"))


def _layout() -> ImageFont.Layout:
    return ImageFont.Layout.RAQM if has_raqm() else ImageFont.Layout.BASIC


@lru_cache(maxsize=64)
def line_metrics(size: int) -> tuple[int, int]:
    """Return the pixels of a line above and below its base line."""
    return aileron(size).getmetrics()


@lru_cache(maxsize=64)
def aileron(size: int) -> ImageFont.FreeTypeFont:
    """Return the typeface of most text, in pixels.

    Raises:
        MissingDependencyError: Pillow was built without FreeType.
    """
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise MissingDependencyError(
            "text needs Pillow with FreeType, got one built without it; install Pillow from its wheel: "
            "pip install --force-reinstall pillow"
        )
    return font


@lru_cache(maxsize=1)
def dejavu() -> FontFile | None:
    """Return DejaVu Sans of matplotlib's files, or None where they are not there."""
    package = importlib.util.find_spec("matplotlib")
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return FontFile(str(path))
    return None


@lru_cache(maxsize=1024)
def in_aileron(character: str) -> bool:
    """Return whether Aileron has `character`: what it lacks is drawn as the box of U+FFFF, which no font has."""
    font = aileron(32)
    return bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))
