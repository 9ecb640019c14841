"""Numbers about the weights of one layer's filters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featuremap_cli.analysis.moments import Float64
from featuremap_cli.arrays import FilterBank

SAME = 1e-6
"""Two filters are duplicates where the distance of their weights is below this share of their norm."""


@dataclass(frozen=True)
class WeightHealth:
    """The weights of one layer.

    Attributes:
        norm: Euclidean norm of all kernels, without biases; None where a weight is NaN or infinite.
        zero_fraction: the part of the kernels' weights that is exactly zero.
        norms, zero_fractions: the same of each filter.
        duplicates: (filter, the earliest filter with the same kernel and bias); a filter comes at most once, and
            filters that are all zero do not count.
    """

    norm: float | None
    zero_fraction: float
    norms: tuple[float | None, ...]
    zero_fractions: tuple[float, ...]
    duplicates: tuple[tuple[int, int], ...]

    def as_json(self) -> dict[str, object]:
        """What `health --json` prints below `weights`."""
        return {
            "norm": self.norm,
            "zero_fraction": self.zero_fraction,
            "duplicates": [list(pair) for pair in self.duplicates],
        }


def weigh(bank: FilterBank) -> WeightHealth:
    """The numbers about a filter bank's weights."""
    rows = bank.weights.reshape(-1, bank.filters).T.astype(np.float64)
    norms = np.sqrt(np.einsum("fw,fw->f", rows, rows))
    zeros = (rows == 0).mean(axis=1)
    return WeightHealth(
        norm=_finite(float(np.sqrt(np.sum(norms**2)))),
        zero_fraction=float(zeros.mean()),
        norms=tuple(_finite(norm) for norm in norms.tolist()),
        zero_fractions=tuple(zeros.tolist()),
        duplicates=_duplicates(np.concatenate([rows, bank.bias[:, np.newaxis].astype(np.float64)], axis=1)),
    )


def _duplicates(rows: Float64) -> tuple[tuple[int, int], ...]:
    """Pairs of equal rows, found by sorting along one random direction, in which equal rows are neighbors."""
    direction = np.random.default_rng(0).standard_normal(rows.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        places = rows @ direction
    norms = np.sqrt(np.einsum("fw,fw->f", rows, rows))
    reach = SAME * norms * float(np.linalg.norm(direction))
    candidates = np.flatnonzero(np.isfinite(places) & (norms > 0))
    candidates = candidates[np.argsort(places[candidates], kind="stable")]
    earliest: dict[int, int] = {}
    for start, one in enumerate(candidates.tolist()):
        for other in candidates[start + 1 :].tolist():
            if places[other] - places[one] > reach[one]:
                break
            if np.linalg.norm(rows[one] - rows[other]) <= SAME * norms[one]:
                first, second = sorted((one, other))
                earliest[second] = min(first, earliest.get(second, first))
    return tuple(sorted(earliest.items()))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
