"""Which characters of a text are set in which typeface, and in which order they stand.

Aileron, which Pillow carries, has Latin letters. A text with other characters is set as a whole in DejaVu Sans, which
matplotlib carries (its file is read; matplotlib is not imported). What DejaVu lacks too, Chinese for one, is looked for
among the fonts of the system; such a text is cut into runs, each in the first typeface that has its characters. What
nobody has is escaped, `\\u732b`, and `escaped_notices` says so.
"""

from __future__ import annotations

import itertools
import locale
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from featuremap_cli.drawing.font_files import FontFile, find_font, has_glyph, is_outline
from featuremap_cli.drawing.typefaces import Run, dejavu, has_raqm, in_aileron, is_laid_out

_KANA, _HANGUL = re.compile("[\u3040-\u30ff\u31f0-\u31ff]"), re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U0001f200-\U0001f2ff\U00020000-\U0003ffff]"
)
_JOINERS = "\u200c\u200d"

_notices: set[str] = set()
"""Why characters of this process's texts had to be escaped."""


@lru_cache(maxsize=512)
def runs(text: str) -> tuple[Run, ...]:
    """Return the runs of one line of text, from left to right."""
    text = shown(text)
    if _all_in_aileron(text):
        return (Run(text, None),)
    fallback = dejavu()
    if fallback is not None and _has_all(fallback, text) and not _beyond_layout(text):
        return (Run(text, fallback),)
    language = _language(text)
    found: list[Run] = []
    for from_right, span in _directions(text):
        pieces = [Run("".join(part), file) for file, part in _pieces(span, language, from_right)]
        found += reversed(pieces) if from_right else pieces
    return tuple(found)


def shown(text: str) -> str:
    """Return `text` with its accents joined to their letters and with a space for each line break and the like."""
    if text.isascii() and text.isprintable():
        return text
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        one if one.isprintable() or one in _JOINERS else " "
        for one in composed
        if one in _JOINERS or (unicodedata.category(one) != "Cf" and not "\ufe00" <= one <= "\ufe0f")
    )


def escaped_notices() -> tuple[str, ...]:
    """Return lines for stderr where texts of this process had characters that could not be drawn."""
    return tuple(sorted(_notices))


def text_for_charts(text: str, lays_out: bool) -> tuple[str, tuple[FontFile, ...]]:
    """Return `text` as matplotlib can draw it, and in which fonts besides DejaVu Sans.

    Args:
        text: one line.
        lays_out: whether matplotlib lays out scripts that are no row of letters.
    """
    language = _language(text)
    written, files = [], []
    for one in shown(text):
        fallback = dejavu()
        if one.isascii() or not _is_drawn(one) or (fallback is not None and has_glyph(fallback, one)):
            file = fallback
        else:
            file = find_font(one, _of(one, language))
        if file is not None and is_outline(file) and (lays_out or not is_laid_out(one)):
            written.append(one)
            files.append(file)
        else:
            written.append(_escape(one, lays_out))
    return "".join(written), tuple(file for file in dict.fromkeys(files) if file != dejavu())


def _escape(character: str, lays_out: bool) -> str:
    """Return what is written in place of a character, and keep why."""
    start = "titles and labels: "
    if is_laid_out(character) and not lays_out:
        _notices.add(
            f"{start}Arabic, Hebrew and scripts that stack their letters are escaped (\\u0645), since nothing is here "
            "to lay them out; install the system's library FriBiDi, and matplotlib 3.11 for charts"
        )
    elif _CJK.match(character):
        _notices.add(
            f"{start}no font here has these Chinese, Japanese or Korean characters, which are escaped (\\u732b); "
            "pip install 'featuremap-cli[cjk]' brings one"
        )
    else:
        _notices.add(f"{start}characters that no font here has are escaped (\\u16a0); install a font that has them")
    return character.encode("unicode_escape").decode("ascii")


def _pieces(span: str, language: str, from_right: bool) -> Iterator[tuple[FontFile | None, list[str]]]:
    """Yield the pieces of a span in the order of its characters, with the typeface of each."""
    whole = None
    if from_right and not _beyond_layout(span):
        whole = next((file for file in _files_of(span, language) if _has_all(file, span)), None)
    placed: list[tuple[FontFile | None, str]] = []
    for one in span:
        before = placed[-1][0] if placed else None
        placed.append(_placed(one, whole, before, language))
    for file, part in itertools.groupby(placed, key=lambda pair: pair[0]):
        yield file, [one for _, one in part]


def _placed(one: str, whole: FontFile | None, before: FontFile | None, language: str) -> tuple[FontFile | None, str]:
    """Return the typeface of a character, and the character or what is written in its place."""
    if whole is not None:
        return whole, one
    if one in _JOINERS or (unicodedata.combining(one) and before is not None and has_glyph(before, one)):
        return before, one
    if one.isspace() or in_aileron(one):
        return None, one
    file = None if _beyond_layout(one) else next(_files_of(one, language), None)
    if file is None:
        return None, _escape(one, has_raqm())
    return file, one


def _files_of(span: str, language: str) -> Iterator[FontFile]:
    """Yield files that have one of the characters of `span`, DejaVu Sans first."""
    for one in span:
        if _is_drawn(one) and not in_aileron(one):
            fallback = dejavu()
            file = fallback if fallback is not None and has_glyph(fallback, one) else find_font(one, _of(one, language))
            if file is not None:
                yield file


def _of(character: str, language: str) -> str:
    return language if _CJK.match(character) else ""


def _has_all(file: FontFile, text: str) -> bool:
    return all(has_glyph(file, one) for one in text if _is_drawn(one))


def _is_drawn(character: str) -> bool:
    return not character.isspace() and character not in _JOINERS


def _directions(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the spans of a line that runs from left to right, and whether each runs from right to left.

    From the first letter that does, to the last before one that does not, and its numbers (Unicode Annex 9).
    """
    kinds = [unicodedata.bidirectional(one) for one in text]
    start = 0
    while start < len(text):
        if kinds[start] in ("R", "AL"):
            stop = next((place for place in range(start, len(text)) if kinds[place] == "L"), len(text))
            while kinds[stop - 1] not in ("R", "AL", "EN", "AN", "NSM"):
                stop -= 1
            yield True, text[start:stop]
        else:
            stop = next((place for place in range(start, len(text)) if kinds[place] in ("R", "AL")), len(text))
            yield False, text[start:stop]
        start = stop


def _language(text: str) -> str:
    """Return whose Han characters a text most likely has: kana are Japanese, Hangul is Korean."""
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    here = (locale.getlocale()[0] or "").lower()
    if here.startswith(("zh_tw", "zh_hk", "chinese_taiwan", "chinese_hong")):
        return "zh-tw"
    return "ja" if here.startswith(("ja", "japanese")) else "zh"


def _beyond_layout(text: str) -> bool:
    """Return whether a text has characters that only Raqm can lay out, which is not there."""
    return not text.isascii() and not has_raqm() and any(map(is_laid_out, text))


def _all_in_aileron(text: str) -> bool:
    return text.isascii() or all(in_aileron(one) for one in text if _is_drawn(one))
