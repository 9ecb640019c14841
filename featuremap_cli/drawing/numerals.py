"""Numbers as labels show them."""

from __future__ import annotations

import math


def value_range(low: float, high: float, digits: int = 3) -> str:
    """Return `-1.40 to 31.2`: each end with `digits` significant digits, so that ranges side by side have as many.

    Zero is `0`, and what is not finite `NaN`, `inf` or `-inf`. Both ends are written as 1.23e5 where the greater
    magnitude is from 100,000 on or below 0.001.
    """
    apart = _extreme(_greatest((low, high)), digits)
    first, last = (_significant(value, digits, apart) for value in (low, high))
    return f"{first} to {last}"


def same_digits(values: tuple[float, ...], digits: int = 3) -> tuple[str, ...]:
    """Return `values` as texts with the same decimals, enough for `digits` significant digits of the greatest.

    Zero is `0`, and what is not finite `NaN`, `inf` or `-inf`. Magnitudes from 100,000 on and below 0.001 are written
    as 1.23e5.
    """
    greatest = _greatest(values)
    if _extreme(greatest, digits):
        return tuple(_scientific(value, digits) for value in values)
    decimals = max(0, digits - 1 - _exponent(greatest, digits)) if greatest else 0
    return tuple(_plain(value) or f"{value:z.{decimals}f}" for value in values)


def _greatest(values: tuple[float, ...]) -> float:
    """Return the greatest magnitude of the finite values; 0 where none is."""
    return max((abs(value) for value in values if math.isfinite(value)), default=0.0)


def _plain(value: float) -> str:
    """Return the text of a value that has no digits to choose: zero, NaN and the infinities; otherwise none."""
    if math.isnan(value):
        return "NaN"
    return "0" if value == 0 else str(value) if math.isinf(value) else ""


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of a value above zero, rounded to `digits` significant digits."""
    return math.floor(math.log10(float(f"{value:.{digits - 1}e}")))


def _extreme(greatest: float, digits: int) -> bool:
    """Return whether numbers up to this magnitude are written with an exponent."""
    return greatest > 0 and not -3 <= _exponent(greatest, digits) < 5


def _significant(value: float, digits: int, scientific: bool) -> str:
    if plain := _plain(value):
        return plain
    exponent = _exponent(abs(value), digits)
    if scientific or exponent < -3:
        return _scientific(value, digits)
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def _scientific(value: float, digits: int) -> str:
    if plain := _plain(value):
        return plain
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def short(value: float) -> str:
    """Return one value with up to three significant digits and no trailing zeros: `0.12`, or `NaN`, `inf`, `-inf`."""
    if plain := _plain(value):
        return plain
    text = f"{value:.3g}"
    mantissa, letter, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if letter else text
