"""What a map's values span: the facts that scales, labels and marks are made from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from featuremap_cli.analysis.map_facts import MapFacts
from featuremap_cli.arrays import Float32

# float32 sums of the same numbers in another order differ by a few units in the last place; a map that varies by no
# more than this would show rounding, blown up to full contrast
_ROUNDING = 8 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Extent:
    """What the values of one map, or of several, span.

    Attributes:
        low, high: least and greatest finite value; 0 where no value is finite.
        unreal: how many values are NaN or infinite.
        size: how many values there are.
    """

    low: float
    high: float
    unreal: int
    size: int

    @classmethod
    def of(cls, facts: MapFacts) -> Extent:
        """Return the extent of the values that `facts` are about."""
        low, high = (facts.low, facts.high) if facts.known else (0.0, 0.0)
        return cls(low, high, facts.unreal, facts.size)

    @property
    def silent(self) -> bool:
        """Whether every value is exactly zero."""
        return self.low == 0 == self.high and self.unreal == 0

    @property
    def empty(self) -> bool:
        """Whether no value is finite."""
        return self.unreal == self.size

    @property
    def constant(self) -> bool:
        """Whether the finite values are equal, up to the rounding of float32 sums."""
        return not self.empty and self.high - self.low <= _ROUNDING * max(abs(self.low), abs(self.high))


def measure(values: Float32) -> Extent:
    """Return the extent of `values`, of any shape, without a copy where all of them are finite."""
    if values.size == 0:
        return Extent(0.0, 0.0, 0, 0)
    low, high = float(values.min()), float(values.max())
    if math.isfinite(low) and math.isfinite(high):
        return Extent(low, high, 0, int(values.size))
    known = finite_values(values)
    if known.size == 0:
        return Extent(0.0, 0.0, int(values.size), int(values.size))
    return Extent(float(known.min()), float(known.max()), int(values.size - known.size), int(values.size))


def join(extents: Iterable[Extent]) -> Extent:
    """Return the extent of all values of several maps together."""
    all_of_them = tuple(extents)
    known = [extent for extent in all_of_them if not extent.empty]
    return Extent(
        low=min((extent.low for extent in known), default=0.0),
        high=max((extent.high for extent in known), default=0.0),
        unreal=sum(extent.unreal for extent in all_of_them),
        size=sum(extent.size for extent in all_of_them),
    )


def finite_values(values: Float32) -> Float32:
    """Return the finite values, (count,): a view where all of them are, a copy otherwise."""
    finite = np.isfinite(values)
    return values.ravel() if finite.all() else values[finite]
