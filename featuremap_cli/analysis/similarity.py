"""Filters that respond alike: correlation between the responses of every two filters of a layer, while they stream by.

The state is one (filters, filters) matrix of float64, whatever the number of images: 32 MB for 2,048 filters, 224 MB
for all 53 convolutions of ResNet50, gigabytes for everything in a DenseNet. `affordable` therefore says beforehand
which layers of a network are compared within a given memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featuremap_cli.analysis.moments import Float64
from featuremap_cli.arrays import Float32

MEMORY_BYTES = 512 * 2**20
"""What the matrices of all layers together may take."""

ALIKE = 0.99
"""Filters whose responses correlate above this respond alike."""

_VALUES_AT_A_TIME = 1 << 19


def affordable(filters: Sequence[int], memory: int) -> list[bool]:
    """Which layers are compared: those with the fewest filters first, as long as their matrices fit into the memory.

    Args:
        filters: of each layer.
        memory: in bytes.
    """
    chosen, left = [False] * len(filters), memory
    for place in sorted(range(len(filters)), key=lambda place: (filters[place], place)):
        left -= 8 * filters[place] ** 2
        chosen[place] = left >= 0
    return chosen


class CoMoments:
    """Sums of products of deviations of every two filters; each position of each image is one pair of responses.

    They merge as variances do (`moments.py`): with d the difference of the means, products = P + Q + d d^T a b / n.
    NaN and infinite responses count as zero; a filter that has any is compared with no other.

    Args:
        filters: how many there are.
    """

    def __init__(self, filters: int) -> None:
        self.count = 0
        self.mean: Float64 = np.zeros(filters)
        self.products: Float64 = np.zeros((filters, filters))
        self._unreal = np.zeros(filters, np.bool_)
        # Small maps wait for company: a product over many positions costs hardly more than one over a few.
        self._waiting: list[Float32] = []
        self._positions = 0

    def __getstate__(self) -> dict[str, object]:
        """Return what is pickled: no responses, only what came of them."""
        self._settle()
        return self.__dict__

    def add(self, responses: Float32) -> None:
        """Take in float32 (filters, positions)."""
        enough = max(1, _VALUES_AT_A_TIME // len(responses))
        for start in range(0, responses.shape[1], enough):
            part = responses[:, start : start + enough]
            # What waits must not keep a whole batch of maps alive.
            self._waiting.append(part.copy())
            self._positions += part.shape[1]
            if self._positions >= enough:
                self._settle()

    def merge(self, other: CoMoments) -> None:
        """Take in what another has seen of the same filters."""
        other._settle()
        self._settle()
        self._unreal |= other._unreal
        self._join(other.count, other.mean, other.products)

    def correlations(self) -> Float64:
        """Pearson's correlation of every two filters, float64 (filters, filters).

        NaN where it is not defined: a constant filter, or one with NaN or infinite responses.
        """
        self._settle()
        variances = np.diagonal(self.products).copy()
        # What rounding leaves of a constant's variance is no variance.
        variances[variances <= 1e-24 * self.count * self.mean**2] = np.nan
        variances[self._unreal | (variances == 0)] = np.nan
        scale = 1 / np.sqrt(variances)
        return np.clip(self.products * scale * scale[:, np.newaxis], -1, 1)

    def _settle(self) -> None:
        if not self._waiting:
            return
        responses = np.concatenate(self._waiting, axis=1)
        self._waiting, self._positions = [], 0
        finite = np.isfinite(responses)
        if not finite.all():
            self._unreal |= ~finite.all(axis=1)
            responses = np.where(finite, responses, np.float32(0))
        mean = responses.mean(axis=1, dtype=np.float64)
        deviations = responses - mean[:, np.newaxis]
        self._join(responses.shape[1], mean, deviations @ deviations.T)

    def _join(self, count: int, mean: Float64, products: Float64) -> None:
        if not count:
            return
        step = mean - self.mean
        share = count / (self.count + count)
        if self.count:
            self.products += np.outer(step * (self.count * share), step)
        self.products += products
        self.mean = self.mean + step * share
        self.count += count


def alike_filters(correlations: Float64, above: float = ALIKE) -> tuple[tuple[int, int, float], ...]:
    """Every filter whose responses follow those of an earlier one.

    Args:
        correlations: (filters, filters), NaN where not defined.
        above: the least correlation, itself left out.

    Returns:
        (filter, the earlier filter it is most like, their correlation), in the order of the filters; a filter comes
        at most once.
    """
    earlier = np.tri(len(correlations), k=-1, dtype=np.bool_)
    known = np.where(earlier & ~np.isnan(correlations), correlations, -np.inf)
    best = known.argmax(axis=1)
    values = known[np.arange(len(known)), best]
    return tuple((index, int(best[index]), float(values[index])) for index in np.flatnonzero(values > above).tolist())
