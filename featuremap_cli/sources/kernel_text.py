"""Kernels as text: rows by `;`, values by spaces or commas; or in ImageMagick's notation.

| form | example |
|---|---|
| rows | `0 -1 0; -1 5 -1; 0 -1 0`, `1/9,1/9,1/9; ...`; a new line ends a row too, and a last `;` may be left out |
| NumPy | `[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]`, `array([[0., -1.], ...])`, also as `print` writes it |
| ImageMagick | `3x3: 0,-1,0 -1,5,-1 0,-1,0` (or `3*3:`), width first; `3:` is `3x3:`; `-` or `nan` leaves a cell out |

In ImageMagick's notation a cell left out is skipped in the sum, which is a weight of 0. ImageMagick's own `Convolve`
turns the kernel by 180 degrees; here it is laid on the image as written (ImageMagick's `Correlate`) unless `--flip` is
given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from featuremap_cli.errors import NotationError
from featuremap_cli.sources.bracketed import is_bracketed, without_brackets
from featuremap_cli.sources.kernels.kernel import Kernel
from featuremap_cli.sources.numerals import read_numeral

_NAME = re.compile(r"([^=:;,/\\\r\n]*)=")
_ROW_END = re.compile(r";|\r\n|\r|\n|\Z")
_IMAGEMAGICK = re.compile(r"\s*([0-9]+)(?:\s*[xX×*,]\s*([0-9]+))?([+-][0-9]+[+-][0-9]+)?([@<>]*)\s*:")
_HOLES = ("-", "nan")
_ROWS = "rows are separated by `;`, values by spaces or commas"

Token = tuple[int, str]  # where it starts in the text, and what it is


def split_name(text: str) -> tuple[str, int]:
    """The name before `=`, and where what follows begins; ("", 0) where there is no name.

    A name holds no `=`, `:`, `;`, comma or slash, so that paths and layers keep their own equals signs.

    Raises:
        NotationError: nothing but spaces before the `=`.
    """
    match = _NAME.match(text)
    if match is None:
        return "", 0
    name = match[1].strip()
    if not name:
        raise NotationError(text, 0, match.end(), "expected a name before `=`, as in `sharpen=0 -1 0; ...`")
    return name, match.end()


def is_imagemagick(text: str) -> bool:
    """Whether the text begins as ImageMagick's kernels do, `3x3:`."""
    return _IMAGEMAGICK.match(text) is not None


def parse_kernel(text: str) -> Kernel:
    """A kernel written in either form, without a name.

    Args:
        text: see the top of this module.

    Returns:
        weights float64 (height, width); the cells are the numbers as written.

    Raises:
        NotationError: no number at all, a token that is no number, rows of different lengths, an empty row, another
            count of values than ImageMagick's size asks for, an origin other than the middle.
    """
    if not is_bracketed(text):
        return _parse(text)
    try:
        return _parse(without_brackets(text))
    except NotationError as error:
        raise NotationError(text, error.start, error.length, error.problem) from None


def _parse(text: str) -> Kernel:
    match = _IMAGEMAGICK.match(text)
    rows = _plain_rows(text) if match is None else _imagemagick_rows(text, match)
    weights = [[_weight(text, token, holes=match is not None) for token in row] for row in rows]
    if match is None:
        _refuse_flat(text, rows)
    cells = tuple(tuple(token for _, token in row) for row in rows)
    return Kernel(np.array(weights, dtype=np.float64), cells)


def _weight(text: str, token: Token, holes: bool) -> float:
    start, written = token
    if holes and written.lower() in _HOLES:
        return 0.0
    try:
        return read_numeral(written)
    except ValueError as error:
        problem = f"expected a number or a fraction such as 1/9, got {error}; {_ROWS}"
        raise NotationError(text, start, len(written), problem) from None


def _plain_rows(text: str) -> list[list[Token]]:
    rows: list[list[Token]] = []
    for start, end in _row_spans(text):
        row = _values(text, start, end)
        if rows and len(row) != len(rows[0]):
            problem = f"row {len(rows) + 1} has {_count(len(row))} where row 1 has {len(rows[0])}; {_ROWS}"
            last, written = row[-1]
            raise NotationError(text, row[0][0], last + len(written) - row[0][0], problem)
        rows.append(row)
    if not rows:
        raise NotationError(text, 0, len(text), "expected a kernel such as `0 -1 0; -1 5 -1; 0 -1 0`, got no number")
    return rows


def _refuse_flat(text: str, rows: list[list[Token]]) -> None:
    """Ask what is meant by 4, 9 or 16 numbers in one row: a square kernel, most likely.

    A `;` at the end, or brackets of its own, say that it is one row.
    """
    count = len(rows[0])
    side = math.isqrt(count)
    if len(rows) == 1 and side > 1 and side * side == count and ";" not in text:
        written = " ".join(token for _, token in rows[0])
        problem = (
            f"{count} numbers in one row: a kernel of {side} x {side}, or of one row? Write `{side}x{side}: {written}` "
            f"or `{count}x1: {written}` (width x height), or put `;` between rows"
        )
        raise NotationError(text, rows[0][0][0], len(text.strip()), problem)


def _row_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each row that is not blank."""
    start, ended_by = 0, ";"
    for match in _ROW_END.finditer(text):
        if text[start : match.start()].strip():
            yield start, match.start()
        elif match[0] == ";" and ended_by == ";":
            raise NotationError(text, match.start(), 1, f"expected a row of numbers before this `;`; {_ROWS}")
        if match[0] == ";" or text[start : match.start()].strip():
            ended_by = match[0]
        start = match.end()


def _values(text: str, start: int, end: int) -> list[Token]:
    row: list[Token] = []
    expecting = True
    for match in re.compile(r"[^\s,]+|,").finditer(text, start, end):
        if match[0] != ",":
            row.append((match.start(), match[0]))
            expecting = False
        elif expecting:
            raise NotationError(text, match.start(), 1, f"expected a number before this comma; {_ROWS}")
        else:
            expecting = True
    return row


def _imagemagick_rows(text: str, match: re.Match[str]) -> list[list[Token]]:
    width, height = int(match[1]), int(match[2] or match[1])
    _check_imagemagick_header(text, match, width, height)
    body_end = len(text.rstrip().removesuffix(";"))
    tokens = [(found.start(), found[0]) for found in re.compile(r";|[^\s,;]+").finditer(text, match.end(), body_end)]
    for start, written in tokens:
        if written == ";":
            problem = (
                "this notation separates values by spaces or commas alone, and holds one kernel: repeat the option"
            )
            raise NotationError(text, start, 1, problem)
    if len(tokens) != width * height:
        problem = f"{width}x{height} (width x height) needs {_count(width * height)}, got {len(tokens)}"
        start = tokens[width * height][0] if len(tokens) > width * height else match.end()
        raise NotationError(text, start, len(text.rstrip()) - start, problem)
    if all(written.lower() in _HOLES for _, written in tokens):
        raise NotationError(text, match.end(), len(text) - match.end(), "expected at least one number in the kernel")
    return [tokens[row * width : (row + 1) * width] for row in range(height)]


def _check_imagemagick_header(text: str, match: re.Match[str], width: int, height: int) -> None:
    if width == 0 or height == 0:
        raise NotationError(text, match.start(1), match.end(1) - match.start(1), "expected a width and height above 0")
    if match[4]:
        problem = "rotated copies (`@`, `<`, `>`) are not made here: write each kernel out, or use kirsch or compass"
        raise NotationError(text, match.start(4), len(match[4]), problem)
    if width != height and "," in match[0]:
        problem = f"{width} wide and {height} high, or the other way round? Write `{width}x{height}:`, width first"
        raise NotationError(text, match.start(1), match.end(2) - match.start(1), problem)
    middle = f"+{(width - 1) // 2}+{(height - 1) // 2}"
    if match[3] and match[3] != middle:
        problem = (
            f"the origin of a {width}x{height} kernel is its middle, {middle}: leave it out, add rows of 0 to move it"
        )
        raise NotationError(text, match.start(3), len(match[3]), problem)


def _count(values: int) -> str:
    return "1 value" if values == 1 else f"{values} values"
