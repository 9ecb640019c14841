"""What is known of each feature map after one reading: its range, its sums, its zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from featuremap_cli.arrays import FeatureMaps, Float32, LayerMaps
from featuremap_cli.convolution.threads import for_each

_SMALL_MAP = 1 << 14
_BYTES_AT_ONCE, _WORTH_THREADS = 1 << 20, 8 << 20


@dataclass(frozen=True)
class MapFacts:
    """Facts about the values of one map, or of some of its rows.

    Attributes:
        low, high: least and greatest finite value; infinities the wrong way round where no value is finite.
        unreal: how many values are NaN or infinite.
        size: how many values there are.
        zeros: how many are exactly zero.
        total: the sum of the finite ones.
        squares: the sum of the squares of their differences from their mean; 0 where it was not asked for.
    """

    low: float = math.inf
    high: float = -math.inf
    unreal: int = 0
    size: int = 0
    zeros: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def known(self) -> int:
        """How many values are finite."""
        return self.size - self.unreal

    @property
    def mean(self) -> float:
        """Of the finite values; 0 where there is none."""
        return self.total / self.known if self.known else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation of the finite values; 0 where there is none."""
        return math.sqrt(self.squares / self.known) if self.known else 0.0

    def joined(self, other: MapFacts) -> MapFacts:
        """Return the facts of all values of both (Chan, Golub and LeVeque 1983 for the squares)."""
        known = self.known + other.known
        apart = (other.mean - self.mean) ** 2 * self.known * other.known / known if known else 0.0
        return MapFacts(
            min(self.low, other.low),
            max(self.high, other.high),
            self.unreal + other.unreal,
            self.size + other.size,
            self.zeros + other.zeros,
            self.total + other.total,
            self.squares + other.squares + apart,
        )


def facts_of(values: Float32, squares: bool = False) -> MapFacts:
    """Return the facts of float32 values of any shape; sums run in float64, squares only where they are asked for."""
    if values.size == 0:
        return MapFacts()
    zeros = int(np.count_nonzero(values == 0))
    low, high, known = float(values.min()), float(values.max()), values
    if not (math.isfinite(low) and math.isfinite(high)):
        known = values[np.isfinite(values)]
        if known.size == 0:
            return MapFacts(unreal=values.size, size=values.size)
        low, high = float(known.min()), float(known.max())
    total = float(known.sum(dtype=np.float64))
    spread = float(np.square(known - total / known.size, dtype=np.float64).sum()) if squares else 0.0
    return MapFacts(low, high, values.size - known.size, values.size, zeros, total, spread)


def facts_of_each(maps: Float32, squares: bool = False) -> Sequence[MapFacts]:
    """Return the facts of each of some maps, float32 (filters, height, width): quicker than one by one for small maps.

    Args:
        maps: the maps, with pixels.
        squares: as in `facts_of`.
    """
    flat = maps.reshape(len(maps), -1)
    lows, highs = flat.min(axis=1), flat.max(axis=1)
    zeros = np.count_nonzero(flat == 0, axis=1)
    with np.errstate(invalid="ignore"):
        totals = flat.sum(axis=1, dtype=np.float64)
    finite = np.isfinite(lows) & np.isfinite(highs)
    spreads = np.zeros(len(flat))
    if squares:
        with np.errstate(invalid="ignore"):
            spreads = np.square(flat - totals[:, np.newaxis] / flat.shape[1]).sum(axis=1)
    numbers = zip(lows.tolist(), highs.tolist(), zeros.tolist(), totals.tolist(), spreads.tolist(), strict=True)
    return [
        MapFacts(low, high, 0, flat.shape[1], zero, total, spread) if known else facts_of(values, squares)
        for values, known, (low, high, zero, total, spread) in zip(flat, finite.tolist(), numbers, strict=True)
    ]


class BandReader(Protocol):
    """Takes in maps as they are read."""

    def take(self, index: int, first: int, rows: Float32) -> None:
        """Take in the rows from `first` on of one map, float32 (rows, width); a map's rows come in their order."""


def read_maps(maps: LayerMaps, *readers: BandReader, only: Sequence[int] | None = None) -> None:
    """Read maps once, from top to bottom: all of them, or only some.

    Several maps at a time where a band of them is large, and few enough rows at a time to stay in the processor's
    cache from one reader to the next.
    """
    step = max(1, _BYTES_AT_ONCE // max(1, 4 * maps.size[1]))
    wanted = range(maps.filters) if only is None else only
    for first, band in maps.bands():

        def hand_out(index: int, first: int = first, band: Float32 = band) -> None:
            for top in range(0, band.shape[1], step):
                for reader in readers:
                    reader.take(index, first + top, band[index, top : top + step])

        if band.nbytes >= _WORTH_THREADS:
            for_each(hand_out, wanted)
        else:
            for index in wanted:
                hand_out(index)


class FactsReader:
    """Gathers the facts of each map, `squares` among them where they are asked for."""

    def __init__(self, maps: LayerMaps, squares: bool = False) -> None:
        self._facts = [MapFacts()] * maps.filters
        self._squares = squares

    def take(self, index: int, first: int, rows: Float32) -> None:
        """See `BandReader.take`."""
        self._facts[index] = self._facts[index].joined(facts_of(rows, self._squares))

    @property
    def facts(self) -> Sequence[MapFacts]:
        """One a map."""
        return tuple(self._facts)


def survey(maps: LayerMaps, squares: bool = False) -> Sequence[MapFacts]:
    """Return the facts of each map."""
    if isinstance(maps, FeatureMaps) and maps.maps.size and maps.size[0] * maps.size[1] <= _SMALL_MAP:
        return facts_of_each(maps.maps, squares)
    reader = FactsReader(maps, squares)
    read_maps(maps, reader)
    return reader.facts
