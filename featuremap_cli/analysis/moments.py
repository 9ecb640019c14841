"""Running numbers about each filter of a layer: they take in any number of responses, and two of them merge into one.

Merging follows Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample
variances (Stanford STAN-CS-79-773). With counts a and b, means m and k, sums of squared deviations M and K:

    count = a + b    mean = m + (k - m) b / count    sum of squared deviations = M + K + (k - m)^2 a b / count

However the responses are cut up, the result is the same but for rounding in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32

Float64 = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    """What has been seen of each filter's responses; every array is (filters,).

    NaN and infinite responses are counted, and are in none of the other numbers.

    Attributes:
        count: finite responses.
        mean: of them, float64.
        deviations: sum of their squared deviations from the mean, float64.
        absolute: sum of their absolute values, float64.
        low, high: the smallest and the largest, float64; infinity and -infinity where there is none.
        at_low, at_high: how many are exactly `low`, exactly `high`.
        zeros: how many are exactly 0.
        nan, infinite: responses that are NaN, infinite.
    """

    count: Counts
    mean: Float64
    deviations: Float64
    absolute: Float64
    low: Float64
    high: Float64
    at_low: Counts
    at_high: Counts
    zeros: Counts
    nan: Counts
    infinite: Counts

    @property
    def squares(self) -> Float64:
        """Sum of the squared responses."""
        return self.deviations + self.count * self.mean**2

    @property
    def std(self) -> Float64:
        """Standard deviation over all finite responses (divided by their count, as np.std); NaN where there is none."""
        deviation: Float64 = np.sqrt(_ratio(self.deviations, self.count))
        return deviation

    def merge(self, other: Moments) -> Moments:
        """What has been seen by either of two that saw different responses of the same filters."""
        count = self.count + other.count
        step = other.mean - self.mean
        share = np.divide(other.count, count, out=np.zeros_like(self.mean), where=count > 0)
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Moments(
            count=count,
            mean=self.mean + step * share,
            deviations=self.deviations + other.deviations + step**2 * share * self.count,
            absolute=self.absolute + other.absolute,
            low=low,
            high=high,
            at_low=_at(low, (self.low, self.at_low), (other.low, other.at_low)),
            at_high=_at(high, (self.high, self.at_high), (other.high, other.at_high)),
            zeros=self.zeros + other.zeros,
            nan=self.nan + other.nan,
            infinite=self.infinite + other.infinite,
        )

    def over_all_filters(self) -> Moments:
        """The same for all filters taken as one: arrays of shape (1,)."""
        low, high = self.low.min(), self.high.max()
        count = self.count.sum()
        mean = float(self.count @ self.mean) / max(1, int(count))
        numbers = {
            "count": count,
            "mean": mean,
            "deviations": self.deviations.sum() + self.count @ (self.mean - mean) ** 2,
            "absolute": self.absolute.sum(),
            "low": low,
            "high": high,
            "at_low": self.at_low[self.low == low].sum(),
            "at_high": self.at_high[self.high == high].sum(),
            "zeros": self.zeros.sum(),
            "nan": self.nan.sum(),
            "infinite": self.infinite.sum(),
        }
        return Moments(**{name: np.asarray([number]) for name, number in numbers.items()})


def nothing_seen(filters: int) -> Moments:
    """The moments of no response at all."""
    none, zero = np.zeros(filters, np.int64), np.zeros(filters)
    return Moments(
        count=none,
        mean=zero,
        deviations=zero,
        absolute=zero,
        low=np.full(filters, np.inf),
        high=np.full(filters, -np.inf),
        at_low=none,
        at_high=none,
        zeros=none,
        nan=none,
        infinite=none,
    )


def measure(responses: Float32) -> Moments:
    """The moments of some responses.

    Args:
        responses: float32 (filters, positions), at least one position.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        sums = responses.sum(axis=1, dtype=np.float64)
    filters, positions = responses.shape
    # A sum in float64 of fewer than 2^896 values of float32 is finite if and only if all of them are.
    finite: NDArray[np.bool_] | None = None if np.isfinite(sums).all() else np.isfinite(responses)
    if finite is None:
        count, nan = np.full(filters, positions), np.zeros(filters, np.int64)
    else:
        count, nan = np.count_nonzero(finite, axis=1), np.count_nonzero(np.isnan(responses), axis=1)
        responses = np.where(finite, responses, np.float32(0))
        sums = responses.sum(axis=1, dtype=np.float64)
    kept: NDArray[np.bool_] | bool = True if finite is None else finite
    mean = _ratio(sums, count, otherwise=0.0)
    deviations = np.subtract(responses, mean[:, np.newaxis], out=np.zeros(responses.shape), where=kept)
    low = responses.min(axis=1, where=kept, initial=np.inf)
    high = responses.max(axis=1, where=kept, initial=-np.inf)
    return Moments(
        count=count,
        mean=mean,
        deviations=np.einsum("fp,fp->f", deviations, deviations),
        absolute=sums if (low >= 0).all() else np.abs(responses).sum(axis=1, dtype=np.float64),
        low=low.astype(np.float64),
        high=high.astype(np.float64),
        at_low=np.count_nonzero((responses == low[:, np.newaxis]) & kept, axis=1),
        at_high=np.count_nonzero((responses == high[:, np.newaxis]) & kept, axis=1),
        zeros=np.count_nonzero((responses == 0) & kept, axis=1),
        nan=nan,
        infinite=positions - count - nan,
    )


def _at(extreme: Float64, *seen: tuple[Float64, Counts]) -> Counts:
    return sum((np.where(value == extreme, count, 0) for value, count in seen), np.zeros(len(extreme), np.int64))


def _ratio(above: Float64, below: Counts, otherwise: float = np.nan) -> Float64:
    ratio: Float64 = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return ratio
