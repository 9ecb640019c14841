"""Principal components: many channels as three, for pictures in red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Float32

_BLOCK_VALUES = 1 << 22


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
    finite = np.isfinite(channels).all(axis=0)
    known = channels if finite.all() else channels[:, finite]
    if known.shape[1] == 0:
        return Components(np.empty((0, channels.shape[1]), np.float32), ())
    centered = known - known.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    scores, variances = _strongest(centered, count)
    total = float(np.square(centered, dtype=np.float64).sum())
    kept = [row for row, variance in enumerate(variances) if variance > 1e-9 * total > 0]
    everywhere = np.full((len(kept), channels.shape[1]), np.nan, np.float32)
    everywhere[:, finite] = scores[kept]
    return Components(everywhere, tuple(float(variances[row] / total) for row in kept))


def _strongest(centered: Float32, count: int) -> tuple[Float32, list[float]]:
    """Return scores (components, positions) and their sums of squares.

    The matrix taken apart is the smaller of channels x channels and positions x positions: both have the same
    eigenvalues.
    """
    channels, positions = centered.shape
    if channels <= positions:
        squares, vectors = np.linalg.eigh(_products(centered))
        scores = vectors[:, ::-1][:, :count].T.astype(np.float32) @ centered
    else:
        squares, vectors = np.linalg.eigh(_products(np.ascontiguousarray(centered.T)))
        lengths = np.sqrt(np.maximum(squares[::-1][:count], 0))
        scores = (vectors[:, ::-1][:, :count] * lengths).T.astype(np.float32)
    strongest = scores[np.arange(len(scores)), np.abs(scores).argmax(axis=1)]
    scores *= np.where(strongest < 0, -1, 1).astype(np.float32)[:, np.newaxis]
    return scores, [float(square) for square in squares[::-1][:count]]


def _products(rows: Float32) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return rows times rows transposed, summed in float64 over blocks of columns."""
    total = np.zeros((rows.shape[0], rows.shape[0]))
    step = max(1, _BLOCK_VALUES // rows.shape[0])
    for start in range(0, rows.shape[1], step):
        block = rows[:, start : start + step].astype(np.float64)
        total += block @ block.T
    return total
