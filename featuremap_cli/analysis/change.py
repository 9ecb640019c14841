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
        relative: |after - before| / |before|, Euclidean norms; None where all were zero before and are not now.
        cosine: of the angle between before and after, 1 for the same direction; None where either is all zero.
    """

    relative: float | None
    cosine: float | None

    def as_json(self) -> dict[str, float | None]:
        """The two numbers by name."""
        return {"relative": self.relative, "cosine": self.cosine}


@dataclass(frozen=True, eq=False)
class ChangeSums:
    """Sums over numbers before and after, each float64 (filters,): all that `Change` needs; they add up.

    Attributes:
        difference: of (after - before)^2.
        before: of before^2.
        after: of after^2.
        product: of before * after.
    """

    difference: Float64
    before: Float64
    after: Float64
    product: Float64

    def merge(self, other: ChangeSums) -> ChangeSums:
        """The sums over both."""
        return ChangeSums(
            self.difference + other.difference,
            self.before + other.before,
            self.after + other.after,
            self.product + other.product,
        )

    def whole(self) -> Change:
        """The change of all filters taken as one."""
        return _change(*(math.fsum(sums) for sums in (self.difference, self.before, self.after, self.product)))

    def each(self) -> tuple[Change, ...]:
        """The change of each filter."""
        rows = np.stack([self.difference, self.before, self.after, self.product], axis=1)
        return tuple(_change(*row) for row in rows.tolist())


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

    Positions at which either is NaN or infinite are left out.
    """
    one, two = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (before, after))
    finite = np.isfinite(one) & np.isfinite(two)
    if not finite.all():
        one, two = np.where(finite, one, 0), np.where(finite, two, 0)
    return _sums(one, two)


def weight_sums(before: FilterBank, after: FilterBank) -> ChangeSums:
    """The sums over the kernels of each filter; biases are left out, and so are weights that are not finite."""
    return map_sums(*(np.moveaxis(bank.weights, -1, 0) for bank in (before, after)))


def most_changed(changes: tuple[LayerChange, ...], count: int) -> tuple[ChangedFilter, ...]:
    """The filters that changed most, by their weights, or by their maps where the weights are not known.

    What was all zero and is not any more goes first; filters that did not change are left out.
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
    moved = [one for one in filters if _distance(one) > 0]
    return tuple(sorted(moved, key=lambda one: (-_distance(one), one.place, one.index))[:count])


def _distance(one: ChangedFilter) -> float:
    change = one.weights or one.maps
    return math.inf if change.relative is None else change.relative


def _sums(before: Float64, after: Float64) -> ChangeSums:
    """The sums over the columns of two arrays (filters, values)."""
    difference = after - before
    pairs = ((difference, difference), (before, before), (after, after), (before, after))
    return ChangeSums(*(np.einsum("fv,fv->f", one, two) for one, two in pairs))


def _change(difference: float, before: float, after: float, product: float) -> Change:
    relative = None if before == 0 < difference else math.sqrt(difference / before) if before else 0.0
    norms = math.sqrt(before) * math.sqrt(after)
    return Change(relative, max(-1.0, min(1.0, product / norms)) if norms else None)
