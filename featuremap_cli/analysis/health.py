"""Is a layer healthy? What has been seen of its filters over all images, and what follows from that.

A `LayerState` takes in one image after the other in bounded memory, and two of them merge into one: however the
images are split among states, the result is the same but for rounding in float64.

| word | a filter is ... |
|---|---|
| silent on an image | exactly zero at every position of its map |
| dead | silent on every image |
| saturated | at its own highest or lowest response, which is not zero, at least half of the time; a constant too |
| alike | correlated above 0.99 with an earlier filter, position by position, both active at 10 of them or more |
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featuremap_cli.analysis.moments import Counts, Moments, measure, nothing_seen
from featuremap_cli.analysis.similarity import CoMoments, alike_filters
from featuremap_cli.analysis.sparseness import hoyer, population_sparseness, sparseness
from featuremap_cli.arrays import Float32

SATURATED = 0.5
"""The share of responses at an extreme from which on a filter counts as saturated."""

EVIDENCE = 10
"""A filter with fewer responses that are not zero is like no other: two that fire once, at one place, prove nothing."""

_VALUES_AT_A_TIME = 1 << 18

_PRINTED = (
    "layer",
    "mean",
    "std",
    "min",
    "max",
    "zero_fraction",
    "hoyer",
    "lifetime_sparseness",
    "population_sparseness",
    "nan",
    "inf",
    "dead",
    "silent_fraction",
    "saturated",
)


@dataclass(frozen=True)
class FilterHealth:
    """What the responses of one filter were like, over all positions of all images.

    Attributes:
        index: its number in the layer.
        mean, std, min, max: of its finite responses; None where there is none.
        zero_fraction: the part of its responses that is exactly zero.
        firing_rate: the part of the images on which it is not silent.
        hoyer, lifetime_sparseness: as `sparseness.py` defines them; None for a dead filter.
        nan, inf: how many responses are NaN, infinite.
        dead, saturated: as the module defines them.
        alike: (the earlier filter that it is most like, correlation) where that is above 0.99, else None.
    """

    index: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zero_fraction: float
    firing_rate: float
    hoyer: float | None
    lifetime_sparseness: float | None
    nan: int
    inf: int
    dead: bool
    saturated: bool
    alike: tuple[int, float] | None


@dataclass(frozen=True)
class LayerHealth:
    """What the responses of one layer were like.

    Attributes:
        layer: its path.
        images: how many were seen.
        mean, std, min, max: over all finite responses of all filters; None where there is none.
        zero_fraction: the part of all responses that is exactly zero.
        hoyer: of all responses of the layer, taken as one vector.
        lifetime_sparseness: mean over the filters that are not dead.
        population_sparseness: mean over all positions at which a filter responds.
        silent_fraction: the part of the filters that is silent on an image, averaged over the images.
        filters: one a filter.
        compared: whether the filters were compared with each other.
    """

    layer: str
    images: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zero_fraction: float
    hoyer: float | None
    lifetime_sparseness: float | None
    population_sparseness: float | None
    silent_fraction: float
    filters: tuple[FilterHealth, ...] = field(repr=False)
    compared: bool = True

    @property
    def nan(self) -> int:
        """How many responses are NaN."""
        return sum(one.nan for one in self.filters)

    @property
    def inf(self) -> int:
        """How many responses are infinite."""
        return sum(one.inf for one in self.filters)

    @property
    def dead(self) -> tuple[int, ...]:
        """Indices of the dead filters."""
        return tuple(one.index for one in self.filters if one.dead)

    @property
    def saturated(self) -> tuple[int, ...]:
        """Indices of the saturated filters."""
        return tuple(one.index for one in self.filters if one.saturated)

    def as_json(self) -> dict[str, Any]:
        """What `health --json` prints of the layer."""
        alike = [[one.index, *one.alike] for one in self.filters if one.alike] if self.compared else None
        return {**{name: getattr(self, name) for name in _PRINTED}, "filters": len(self.filters), "alike": alike}


class LayerState:
    """What has been seen of one layer so far.

    Args:
        layer: its path.
        filters: how many it has.
        compared: compare the filters with each other, which takes 8 * filters^2 bytes.

    Attributes:
        layer, filters: as given.
        images: how many were seen.
        moments: of each filter's responses.
    """

    def __init__(self, layer: str, filters: int, *, compared: bool = True) -> None:
        self.layer, self.images = layer, 0
        self.moments: Moments = nothing_seen(filters)
        self.filters = filters
        self._active: Counts = np.zeros(filters, np.int64)
        self._population, self._stimuli = 0.0, 0
        self._together = CoMoments(filters) if compared else None

    def add(self, maps: Float32) -> None:
        """Take in one image's maps, float32 (filters, height, width)."""
        responses = maps.reshape(len(maps), -1)
        filters, positions = responses.shape
        step = max(1, _VALUES_AT_A_TIME // filters)
        seen = nothing_seen(filters)
        for start in range(0, positions, step):
            block = responses[:, start : start + step]
            seen = seen.merge(measure(block))
            population = population_sparseness(block)
            self._population += float(np.nansum(population))
            self._stimuli += int(np.count_nonzero(~np.isnan(population)))
            if self._together is not None:
                self._together.add(block)
        self.images += 1
        self.moments = self.moments.merge(seen)
        self._active += seen.zeros < positions

    def merge(self, other: LayerState) -> None:
        """Take in what another state has seen of the same layer on other images."""
        self.images += other.images
        self.moments = self.moments.merge(other.moments)
        self._active += other._active
        self._population += other._population
        self._stimuli += other._stimuli
        if self._together is not None and other._together is not None:
            self._together.merge(other._together)

    def report(self) -> LayerHealth:
        """What follows from all that was seen; at least one image."""
        filters = self._each()
        lifetimes = [one.lifetime_sparseness for one in filters if one.lifetime_sparseness is not None]
        whole = self.moments.over_all_filters()
        return LayerHealth(
            layer=self.layer,
            images=self.images,
            **_summary(whole, 0),
            zero_fraction=int(whole.zeros[0]) / _responses(whole, 0),
            hoyer=_known(hoyer(whole.absolute, whole.squares, whole.count)[0]),
            lifetime_sparseness=math.fsum(lifetimes) / len(lifetimes) if lifetimes else None,
            population_sparseness=self._population / self._stimuli if self._stimuli else None,
            silent_fraction=1 - float(self._active.mean()) / self.images,
            filters=filters,
            compared=self._together is not None,
        )

    def _each(self) -> tuple[FilterHealth, ...]:
        moments = self.moments
        hoyers = hoyer(moments.absolute, moments.squares, moments.count)
        lifetimes = sparseness(moments.absolute, moments.squares, moments.count)
        stuck = np.maximum(moments.at_low * (moments.low != 0), moments.at_high * (moments.high != 0))
        alike = self._alike()
        return tuple(
            FilterHealth(
                index=index,
                **_summary(moments, index),
                zero_fraction=int(moments.zeros[index]) / _responses(moments, index),
                firing_rate=int(self._active[index]) / self.images,
                hoyer=_known(hoyers[index]),
                lifetime_sparseness=_known(lifetimes[index]),
                nan=int(moments.nan[index]),
                inf=int(moments.infinite[index]),
                dead=bool(self._active[index] == 0),
                saturated=bool(stuck[index] >= SATURATED * max(1, moments.count[index])),
                alike=alike.get(index),
            )
            for index in range(len(moments.count))
        )

    def _alike(self) -> dict[int, tuple[int, float]]:
        """Return, for each filter that responds as an earlier one does, that one and the correlation."""
        if self._together is None:
            return {}
        correlations = self._together.correlations()
        moments = self.moments
        correlations[moments.count - moments.zeros < EVIDENCE] = np.nan
        correlations[:, moments.count - moments.zeros < EVIDENCE] = np.nan
        return {index: (earlier, value) for index, earlier, value in alike_filters(correlations)}


def _responses(moments: Moments, index: int) -> int:
    return int(moments.count[index] + moments.nan[index] + moments.infinite[index])


def _summary(moments: Moments, index: int) -> dict[str, float | None]:
    """Mean, standard deviation, minimum and maximum of one filter."""
    if not moments.count[index]:
        return dict.fromkeys(("mean", "std", "min", "max"))
    values = (moments.mean, moments.std, moments.low, moments.high)
    return {name: float(array[index]) for name, array in zip(("mean", "std", "min", "max"), values, strict=True)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
