"""Numbers as labels show them."""

from __future__ import annotations

import math


def value_range(low: float, high: float, digits: int = 3) -> str:
    """Return `-1.40 to 31.2`: each end with `digits` significant digits, so that ranges side by side have as many.

    Zero is `0`. Both ends are written as 1.23e5 where the greater magnitude is from 100,000 on or below 0.001.
    """
    apart = _extreme(max(abs(low), abs(high)), digits)
    first, last = (_significant(value, digits, apart) for value in (low, high))
    return f"{first} to {last}"


def same_digits(values: tuple[float, ...], digits: int = 3) -> tuple[str, ...]:
    """Return `values` as texts with the same decimals, enough for `digits` significant digits of the greatest.

    Zero is `0`. Magnitudes from 100,000 on and below 0.001 are written as 1.23e5.
    """
    greatest = max((abs(value) for value in values), default=0.0)
    if greatest == 0:
        return tuple("0" for _ in values)
    if _extreme(greatest, digits):
        return tuple(_scientific(value, digits) for value in values)
    decimals = max(0, digits - 1 - _exponent(greatest, digits))
    return tuple("0" if value == 0 else f"{value:z.{decimals}f}" for value in values)


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of a value above zero, rounded to `digits` significant digits."""
    return math.floor(math.log10(float(f"{value:.{digits - 1}e}")))


def _extreme(greatest: float, digits: int) -> bool:
    """Return whether numbers up to this magnitude are written with an exponent."""
    return greatest > 0 and not -3 <= _exponent(greatest, digits) < 5


def _significant(value: float, digits: int, scientific: bool) -> str:
    if value == 0:
        return "0"
    exponent = _exponent(abs(value), digits)
    if scientific or exponent < -3:
        return _scientific(value, digits)
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def _scientific(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def short(value: float) -> str:
    """Return one value with up to three significant digits and no trailing zeros: `0.12`."""
    text = f"{value:.3g}"
    mantissa, letter, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if letter else text
