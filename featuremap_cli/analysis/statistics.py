"""Numbers about the feature maps of one layer for one image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from featuremap_cli.arrays import FeatureMaps


@dataclass(frozen=True)
class MapStatistics:
    """What `--json` says of one layer.

    Attributes:
        layer: the layer path, or the filter bank's source.
        shape: (height, width, filters), in Keras's order.
        min, max, mean: over all finite values of all maps; None where no value is finite.
        zero_fraction: the part of all values that is exactly zero, 0 to 1.
        silent: indices of the maps that are zero everywhere.
        not_finite: how many values are NaN or infinite.
    """

    layer: str
    shape: tuple[int, int, int]
    min: float | None
    max: float | None
    mean: float | None
    zero_fraction: float
    silent: tuple[int, ...]
    not_finite: int

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints of the layer."""
        values = asdict(self)
        return {**values, "shape": list(self.shape), "silent": list(self.silent)}


def map_statistics(maps: FeatureMaps) -> MapStatistics:
    """Return the statistics of `maps`; sums run in float64, map by map, so that no copy of all maps is made."""
    low, high, total, zeros, finite_count = np.inf, -np.inf, 0.0, 0, 0
    silent = []
    for index, one in enumerate(maps.maps):
        zeros_here = one.size - int(np.count_nonzero(one))
        zeros += zeros_here
        if zeros_here == one.size:
            silent.append(index)
        part_low, part_high, part_total, part_count = _finite_summary(one)
        low, high = min(low, part_low), max(high, part_high)
        total += part_total
        finite_count += part_count
    values = maps.maps.size
    known = finite_count > 0
    return MapStatistics(
        layer=maps.layer,
        shape=(*maps.size, maps.filters),
        min=float(low) if known else None,
        max=float(high) if known else None,
        mean=total / finite_count if known else None,
        zero_fraction=zeros / values if values else 0.0,
        silent=tuple(silent),
        not_finite=values - finite_count,
    )


def _finite_summary(one: np.ndarray) -> tuple[float, float, float, int]:
    """Return minimum, maximum, sum and count of the finite values of one map (height, width)."""
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = float(one.sum(dtype=np.float64))
    if not np.isfinite(total):
        one = one[np.isfinite(one)]
        total = float(one.sum(dtype=np.float64))
    if one.size == 0:
        return np.inf, -np.inf, 0.0, 0
    return float(one.min()), float(one.max()), total, one.size
