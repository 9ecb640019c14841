"""Numbers as people write them: `-1`, `0.5`, `1e-3`, `1/9` in kernels, and two whole ones as `2,1`, `2x1`, `2*1`."""

from __future__ import annotations

import math
import re

_DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMERAL = re.compile(rf"({_DECIMAL})(?:/({_DECIMAL}))?", re.ASCII)
_PAIR = re.compile(r"\s*(?:\(\s*(.*?)\s*\)|\[\s*(.*?)\s*\]|(.*?))\s*", re.DOTALL)
_TWO = re.compile(r"([0-9]+)\s*[,xX×*]\s*([0-9]+)", re.ASCII)
_TOO_LARGE = 3.4028235677973366e38  # from here on a float32, in which all weights end up, is infinite


def read_numeral(text: str) -> float:
    """The value of one number: decimal, in scientific notation, or a fraction of two of these.

    A comma never stands inside a number: it separates numbers. The typographic minus sign counts as a minus.

    Args:
        text: one number without spaces around it.

    Raises:
        ValueError: text that is no number, a division by zero, a value that is not finite in float32; its message
            says so in a form that completes "expected a number or a fraction such as 1/9, got ...".

    Example:
        >>> read_numeral("-1/4")
        -0.25
    """
    match = _NUMERAL.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
    if match is None:
        raise ValueError(f"`{text}`")
    value = float(match[1])
    if match[2] is not None:
        denominator = float(match[2])
        if denominator == 0:
            raise ValueError(f"`{text}`, a division by zero")
        value /= denominator
    if not math.isfinite(value) or abs(value) >= _TOO_LARGE:
        raise ValueError(f"`{text}`, which is too large for a 32-bit float")
    return value


def read_pair(text: str) -> tuple[int, int] | None:
    """Two whole numbers, 0 or more, written `2,1`, `2x1`, `2*1` or `(2, 1)`, as every option takes them; else None.

    Example:
        >>> read_pair("320x240")
        (320, 240)
    """
    bare = _PAIR.fullmatch(text)
    found = _TWO.fullmatch(next(part for part in bare.groups() if part is not None)) if bare else None
    return None if found is None else (int(found[1]), int(found[2]))
