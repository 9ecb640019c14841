"""Numbers as labels show them."""

from __future__ import annotations

import math


def value_range(low: float, high: float, digits: int = 3) -> str:
    """Return `0 to 4.21`: both ends with the same decimals, the greater one with `digits` significant digits."""
    first, last = same_digits((low, high), digits)
    return f"{first} to {last}"


def same_digits(values: tuple[float, ...], digits: int = 3) -> tuple[str, ...]:
    """Return `values` as texts with the same decimals, enough for `digits` significant digits of the greatest.

    Zero is `0`. Magnitudes from 100,000 on and below 0.001 are written as 1.23e5.
    """
    greatest = max((abs(value) for value in values), default=0.0)
    if greatest == 0:
        return tuple("0" for _ in values)
    exponent = math.floor(math.log10(float(f"{greatest:.{digits - 1}e}")))
    if exponent >= 5 or exponent < -3:
        return tuple(_scientific(value, digits) for value in values)
    decimals = max(0, digits - 1 - exponent)
    return tuple("0" if value == 0 else f"{value:.{decimals}f}" for value in values)


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
