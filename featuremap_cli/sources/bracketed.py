"""Lists of numbers in brackets, as NumPy, Python, PyTorch and MATLAB write them, turned into rows that end with `;`."""

from __future__ import annotations

import re

from featuremap_cli.errors import NotationError

_PAIRS = {"]": "[", ")": "("}
_MAKER = re.compile(
    r"\s*(?:[A-Za-z_]\w*\.)*(?:as)?(?:array|matrix|tensor|Tensor|FloatTensor|constant)\s*\(\s*(?=[\[(])"
)
_MAKER_END = re.compile(r"\s*(?:,\s*\w+\s*=\s*[\w.'\"]+\s*)*,?\s*\)\s*")
_BARE = re.compile(r"\s*[\[(]")
_FORM = "expected rows in brackets, as in `[[0, -1], [1, 0]]`"


def is_bracketed(text: str) -> bool:
    """Whether a text begins as such a list does: with `[`, `(` or `np.array([`."""
    return _MAKER.match(text) is not None or _BARE.match(text) is not None


def without_brackets(text: str) -> str:
    """Return the numbers alone, with `;` after each bracketed row; every number keeps its place.

    A line that ends within a row's own brackets ends nothing: NumPy breaks long rows so. Within a single pair of
    brackets, `;` and a new line end a row, as they do without brackets.

    Raises:
        NotationError: brackets that do not fit, three of them deep, or something that stands outside of them.
    """
    maker = _MAKER.match(text)
    start = maker.end() if maker else 0
    depths = _depths(text, start, is_made=maker is not None)
    end = start + len(depths)
    if maker is not None and _MAKER_END.fullmatch(text, end) is None:
        got = text[end:].strip() or "no bracket at its end"
        raise NotationError(text, end, len(text) - end, f"{_FORM}, and nothing after them, got `{got}`")
    deepest = max(depths)
    row = 2 if deepest == 2 or depths.count(1) == 0 else 1
    groups = sum(1 for place, depth in enumerate(depths, start) if depth == 1 and text[place] in _PAIRS)
    shown = []
    for place, depth in enumerate(depths, start):
        character = text[place]
        if character in _PAIRS.values():
            shown.append(" ")
        elif character in _PAIRS:
            shown.append(";" if depth == row and (row == 2 or groups > 1) else " ")
        elif depth < row and not (character.isspace() or character in ",;"):
            raise NotationError(text, place, 1, f"{_FORM}, and nothing outside of them, got `{character}`")
        else:
            # Between rows only their brackets count; within a row of two pairs a line may end anywhere.
            shown.append(" " if depth < row or (row == 2 and character in "\r\n") else character)
    return " " * start + "".join(shown) + " " * (len(text) - end)


def _depths(text: str, start: int, is_made: bool) -> list[int]:
    """In how many brackets each character stands, a bracket in itself, from `start` to the end of the list."""
    opened: list[int] = []
    depths: list[int] = []
    for place in range(start, len(text)):
        character = text[place]
        if is_made and not opened and depths:
            break
        if character in _PAIRS.values():
            opened.append(place)
        if len(opened) > 2:
            problem = f"{_FORM}, got brackets three deep: filters over several channels come as .npy"
            raise NotationError(text, place, 1, problem)
        depths.append(len(opened))
        if character in _PAIRS and (not opened or text[opened.pop()] != _PAIRS[character]):
            raise NotationError(text, place, 1, f"{_FORM}, got a `{character}` that does not fit the bracket before it")
    if opened:
        raise NotationError(text, opened[-1], 1, f"{_FORM}, got a `{text[opened[-1]]}` that is not closed")
    return depths
