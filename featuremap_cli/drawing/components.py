"""Principal components: many channels as three, for pictures in red, green and blue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Float32

_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class Axes:
    """The directions in which some channels vary most.

    Attributes:
        means: float32 (channels,).
        vectors: float32 (axes, channels), at most three, strongest first; none without variance.
        shares: the part of the variance that each axis carries, 0 to 1.
    """

    means: Float32
    vectors: Float32
    shares: tuple[float, ...]

    def scores(self, channels: Float32) -> Float32:
        """Return (axes, positions) for channels (channels, positions); NaN where a channel is not finite."""
        with np.errstate(invalid="ignore"):
            scores: Float32 = self.vectors @ (channels - self.means[:, np.newaxis])
        scores[:, ~np.isfinite(channels).all(axis=0)] = np.nan
        return scores


@dataclass(frozen=True, eq=False)
class Components:
    """The first principal components of some channels over many positions.

    Attributes:
        scores: float32 (components, positions), at most three components; each component's value of greatest
            magnitude is positive, which settles its sign. NaN where a channel is not finite.
        shares: the part of the variance that each component carries, 0 to 1.
    """

    scores: Float32
    shares: tuple[float, ...]


def principal_components(channels: Float32, count: int = 3) -> Components:
    """Return the principal components of `channels` (channels, positions), strongest first.

    Channels are centered on their means and not scaled to equal variance: what varies strongly shows strongly.
    Positions where a channel is NaN or infinite are left out. Components without variance are left out too, so there
    may be fewer than `count`, or none.
    """
    if len(channels) <= channels.shape[1]:
        axes = principal_axes([channels], count)
        return Components(_signed(axes.scores(channels)), axes.shares)
    finite = np.isfinite(channels).all(axis=0)
    known = channels if finite.all() else channels[:, finite]
    scores, shares = _from_positions(known, count)
    everywhere = np.full((len(scores), channels.shape[1]), np.nan, np.float32)
    everywhere[:, finite] = scores
    return Components(_signed(everywhere), shares)


def principal_axes(blocks: Iterable[Float32], count: int = 3) -> Axes:
    """Return the axes of the principal components of channels that come in blocks of positions.

    Args:
        blocks: float32 (channels, positions), at least one; the iterator begins anew each time.
        count: how many axes at most.
    """
    known, totals = 0, np.zeros(1)
    for block in blocks:
        finite = _finite(block)
        known += finite.shape[1]
        totals = totals + finite.sum(axis=1, dtype=np.float64)
    means = (totals / max(known, 1)).astype(np.float32)
    products = np.zeros((len(means), len(means)))
    for block in blocks:
        products += _products(_finite(block) - means[:, np.newaxis])
    squares, vectors = np.linalg.eigh(products)
    total = float(np.trace(products))
    kept = [place for place in range(-1, -1 - min(count, len(means)), -1) if squares[place] > 1e-9 * total > 0]
    return Axes(
        means,
        np.ascontiguousarray(vectors[:, kept].T, np.float32),
        tuple(float(squares[place] / total) for place in kept),
    )


def _finite(channels: Float32) -> Float32:
    """Return the positions at which every channel is finite."""
    finite = np.isfinite(channels).all(axis=0)
    return channels if finite.all() else channels[:, finite]


def _from_positions(channels: Float32, count: int) -> tuple[Float32, tuple[float, ...]]:
    """Return scores and shares of channels that are more than the positions (channels, positions).

    The matrix taken apart is positions x positions: its eigenvalues are those of channels x channels.
    """
    if channels.shape[1] == 0:
        return np.empty((0, 0), np.float32), ()
    centered = channels - channels.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    products = _products(np.ascontiguousarray(centered.T))
    squares, vectors = np.linalg.eigh(products)
    total = float(np.trace(products))
    kept = [place for place in range(-1, -1 - min(count, len(squares)), -1) if squares[place] > 1e-9 * total > 0]
    scores = (vectors[:, kept] * np.sqrt(squares[kept])).T.astype(np.float32)
    return scores, tuple(float(squares[place] / total) for place in kept)


def _signed(scores: Float32) -> Float32:
    """Turn each component so that its value of greatest magnitude is positive; in place."""
    for row in scores:
        if row[np.nanargmax(np.abs(row))] < 0:
            np.negative(row, out=row)
    return scores


def _products(rows: Float32) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return rows times rows transposed, summed in float64 over blocks of columns."""
    total = np.zeros((rows.shape[0], rows.shape[0]))
    step = max(1, _BLOCK_VALUES // rows.shape[0])
    for start in range(0, rows.shape[1], step):
        block = rows[:, start : start + step].astype(np.float64)
        total += block @ block.T
    return total
