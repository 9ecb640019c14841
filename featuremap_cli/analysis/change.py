"""How far two checkpoints of one architecture are apart: in their weights, and in what they make of images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featuremap_cli.analysis.moments import Float64
from featuremap_cli.arrays import FilterBank, Float32


@dataclass(frozen=True)
class Change:
    """What became of some numbers.

    Attributes:
        relative: |after - before| / |before|, Euclidean norms; None where all were zero before and are not now, and
            where `unreal` is not 0: there is no distance to NaN.
        cosine: of the angle between before and after, 1 for the same direction; None where either is all zero, or
            `unreal` is not 0.
        unreal: how many numbers became NaN or infinite, or ceased to be.
    """

    relative: float | None
    cosine: float | None
    unreal: int = 0

    @property
    def distance(self) -> tuple[int, float]:
        """How far the numbers moved, to sort by: NaN is beyond all, then what was all zero before."""
        return self.unreal, math.inf if self.relative is None else self.relative

    def as_json(self) -> dict[str, float | None]:
        """The numbers by name."""
        return {"relative": self.relative, "cosine": self.cosine, "unreal": self.unreal}


@dataclass(frozen=True, eq=False)
class ChangeSums:
    """Sums over numbers before and after, each float64 (filters,): all that `Change` needs; they add up.

    Attributes:
        difference: of (after - before)^2.
        before: of before^2.
        after: of after^2.
        product: of before * after.
        unreal: how many are NaN or infinite before or after, and not the same on both sides; in no other sum.
    """

    difference: Float64
    before: Float64
    after: Float64
    product: Float64
    unreal: Float64

    def merge(self, other: ChangeSums) -> ChangeSums:
        """The sums over both."""
        return ChangeSums(
            self.difference + other.difference,
            self.before + other.before,
            self.after + other.after,
            self.product + other.product,
            self.unreal + other.unreal,
        )

    def whole(self) -> Change:
        """The change of all filters taken as one."""
        return _change(*(math.fsum(sums) for sums in self._rows()))

    def each(self) -> tuple[Change, ...]:
        """The change of each filter."""
        return tuple(_change(*row) for row in np.stack(self._rows(), axis=1).tolist())

    def _rows(self) -> tuple[Float64, ...]:
        return self.difference, self.before, self.after, self.product, self.unreal


@dataclass(frozen=True)
class LayerChange:
    """What became of one layer.

    Attributes:
        layer: its path.
        weights, maps: of the whole layer; weights are None where they are not known.
        filter_weights, filter_maps: of each filter.
    """

    layer: str
    weights: Change | None
    maps: Change
    filter_weights: tuple[Change, ...] | None = field(repr=False)
    filter_maps: tuple[Change, ...] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """What `health --compare --json` prints of the layer."""
        weights = self.weights.as_json() if self.weights is not None else None
        return {"layer": self.layer, "weights": weights, "maps": self.maps.as_json()}


@dataclass(frozen=True)
class ChangedFilter:
    """One filter among those that changed most.

    Attributes:
        layer: its layer's path.
        place: the layer's place among the changes.
        index: its number in the layer.
        weights, maps: its change; weights are None where they are not known.
    """

    layer: str
    place: int
    index: int
    weights: Change | None
    maps: Change


def map_sums(before: Float32, after: Float32) -> ChangeSums:
    """The sums over the maps of one image, both float32 (filters, height, width).

    Positions at which either is NaN or infinite are counted, unless both are the same, and in no other sum.
    """
    one, two = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (before, after))
    finite = np.isfinite(one) & np.isfinite(two)
    if finite.all():
        return _sums(one, two, np.zeros(len(one)))
    same = (one == two) | (np.isnan(one) & np.isnan(two))
    unreal = np.count_nonzero(~finite & ~same, axis=1).astype(np.float64)
    return _sums(np.where(finite, one, 0), np.where(finite, two, 0), unreal)


def weight_sums(before: FilterBank, after: FilterBank) -> ChangeSums:
    """The sums over the weights of each filter, its bias among them; NaN counts as in `map_sums`."""
    return map_sums(*(np.vstack([bank.weights.reshape(-1, len(bank.bias)), bank.bias]).T for bank in (before, after)))


def most_changed(changes: tuple[LayerChange, ...], count: int) -> tuple[ChangedFilter, ...]:
    """The filters that changed most, by their weights, and by their maps where the weights did not move.

    What became NaN goes first, then what was all zero and is not any more. Filters whose maps alone moved come after
    those whose weights did; those that did not change are left out.
    """
    filters = [
        ChangedFilter(
            layer=change.layer,
            place=place,
            index=index,
            weights=change.filter_weights[index] if change.filter_weights is not None else None,
            maps=maps,
        )
        for place, change in enumerate(changes)
        for index, maps in enumerate(change.filter_maps)
    ]
    moved = [one for one in filters if any(map(any, _distances(one)))]
    return tuple(sorted(moved, key=_distances, reverse=True)[:count])


def _distances(one: ChangedFilter) -> tuple[tuple[int, float], ...]:
    if one.weights is None:
        return one.maps.distance, one.maps.distance
    return one.weights.distance, one.maps.distance


def _sums(before: Float64, after: Float64, unreal: Float64) -> ChangeSums:
    """The sums over the columns of two arrays (filters, values)."""

    def dot(one: Float64, two: Float64) -> Float64:
        product: Float64 = np.einsum("fv,fv->f", one, two)
        return product

    difference = after - before
    return ChangeSums(dot(difference, difference), dot(before, before), dot(after, after), dot(before, after), unreal)


def _change(difference: float, before: float, after: float, product: float, unreal: float) -> Change:
    if unreal:
        return Change(None, None, int(unreal))
    relative = None if before == 0 < difference else math.sqrt(difference / before) if before else 0.0
    norms = math.sqrt(before) * math.sqrt(after)
    return Change(relative, max(-1.0, min(1.0, product / norms)) if norms else None)
