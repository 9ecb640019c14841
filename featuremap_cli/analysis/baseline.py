"""How far a network's health has moved from an earlier measurement, as `health --json` printed it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHARES = ("zero_fraction", "hoyer", "lifetime_sparseness", "population_sparseness")
"""What lies between 0 and 1 and moves by the difference."""

LEVELS = ("mean", "std")
"""What moves by its difference over the baseline's standard deviation. The extremes are left out: one pixel of one
image can move them."""


@dataclass(frozen=True)
class Moved:
    """One number of one layer that moved too far, or a layer that only one measurement has.

    Attributes:
        layer: its path.
        quantity: the number's key, `zero_fraction`; `dead` for filters that died; empty for the layer itself.
        before, now: the number; None where there was or is none.
        distance: how far it moved, on the scale of the tolerance.
    """

    layer: str
    quantity: str
    before: float | None
    now: float | None
    distance: float


def moved(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], tolerance: float) -> Iterator[Moved]:
    """Every number that is further from the baseline than the tolerance, layer by layer.

    Of dead filters those count that were not dead before, as a share of the layer's filters.

    Args:
        before: the `layers` of the baseline.
        now: the `layers` of this measurement.
        tolerance: 0.05 for five hundredths, or for a mean or deviation that moved by 5% of the standard deviation.
    """
    earlier = {str(layer["layer"]): layer for layer in before}
    for layer in now:
        path = str(layer["layer"])
        if path not in earlier:
            yield Moved(path, "", None, 1, math.inf)
            continue
        yield from (one for one in _distances(path, earlier.pop(path), layer) if one.distance > tolerance)
    for path in earlier:
        yield Moved(path, "", 1, None, math.inf)


def _distances(path: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Moved]:
    deviation = before.get("std") or 0.0
    for quantity in (*LEVELS, *SHARES):
        first, second = before.get(quantity), now.get(quantity)
        unit = deviation if quantity in LEVELS else 1.0
        yield Moved(path, quantity, first, second, _distance(first, second, unit))
    died = set(now["dead"]) - set(before.get("dead", ()))
    filters = int(now["filters"])
    yield Moved(path, "dead", len(before.get("dead", ())), len(now["dead"]), len(died) / filters)


def _distance(before: float | None, now: float | None, unit: float) -> float:
    if before is None or now is None:
        return 0.0 if before is now else math.inf
    difference = abs(now - before)
    if difference == 0:
        return 0.0
    return difference / unit if unit else math.inf
