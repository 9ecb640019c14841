"""One kernel written by hand, and how kernels become filter banks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from featuremap_cli.arrays import FilterBank

Cells = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A 2-D array of weights.

    Attributes:
        weights: float64 (height, width).
        cells: the weights as they were or would be written, cells[row][column].
        name: empty where it has none.
        bias: added to the sum of products.
    """

    weights: NDArray[np.float64]
    cells: Cells
    name: str = ""
    bias: float = 0.0


def fractions_kernel(numerators: ArrayLike, denominator: int = 1, name: str = "") -> Kernel:
    """A kernel of whole numbers, or of fractions that all have one denominator.

    Args:
        numerators: whole numbers, (height, width).
        denominator: what all are divided by; the cells show it (`-4/256`), as textbooks write it before the matrix.
        name: the kernel's name.
    """
    whole = np.asarray(numerators, dtype=np.int64)
    suffix = "" if denominator == 1 else f"/{denominator}"
    cells = tuple(tuple(f"{value}{suffix}" if value else "0" for value in row) for row in whole.tolist())
    return Kernel(whole / denominator, cells, name)


def computed_kernel(weights: NDArray[np.float64], name: str = "") -> Kernel:
    """A kernel that comes from a formula; its cells show three significant digits.

    Weights below a millionth of a millionth of the largest are rounding errors of sines and exponentials, and become 0.
    Weights that are one number or zero and add up to 1, as in a blur along a row, are shown as a fraction.

    Args:
        weights: float64 (height, width).
        name: the kernel's name.
    """
    cleaned = np.where(np.abs(weights) < 1e-12 * np.abs(weights).max(), 0.0, weights)
    count = int(np.count_nonzero(cleaned))
    if count and np.allclose(cleaned[cleaned != 0], 1 / count, rtol=1e-12, atol=0):
        return fractions_kernel(cleaned != 0, count, name)
    return Kernel(cleaned, tuple(tuple(f"{value:.3g}" for value in row) for row in cleaned.tolist()), name)


def bank_of(kernel: Kernel, source: str) -> FilterBank:
    """The kernel as a bank of one filter, weights (height, width, 1, 1), that meets every channel."""
    return FilterBank(
        weights=kernel.weights.astype(np.float32)[:, :, np.newaxis, np.newaxis],
        names=(kernel.name,),
        bias=np.array([kernel.bias], dtype=np.float32),
        source=source,
        every_channel=True,
        cells=(kernel.cells,),
    )


def join_banks(banks: Sequence[FilterBank]) -> list[FilterBank]:
    """Banks with neighbors of one shape joined into one, the order of all filters kept.

    Args:
        banks: weights (filter_height, filter_width, input_channels, filters), the first three free to differ.

    Returns:
        As few banks as keep the order: sizes 3x3, 3x3, 5x5, 3x3 give three banks.
    """
    groups: list[list[FilterBank]] = []
    for bank in banks:
        if groups and _joinable(groups[-1][0], bank):
            groups[-1].append(bank)
        else:
            groups.append([bank])
    return [group[0] if len(group) == 1 else _joined(group) for group in groups]


def _joinable(first: FilterBank, second: FilterBank) -> bool:
    if first.depthwise or second.depthwise:  # which channel a filter belongs to hangs on how many filters there are
        return False
    return first.weights.shape[:3] == second.weights.shape[:3] and first.every_channel == second.every_channel


def _joined(group: Sequence[FilterBank]) -> FilterBank:
    cells = [kernel for bank in group if bank.cells is not None for kernel in bank.cells]
    filters = sum(bank.filters for bank in group)
    return FilterBank(
        weights=np.concatenate([bank.weights for bank in group], axis=3),
        names=tuple(name for bank in group for name in bank.names),
        bias=np.concatenate([bank.bias for bank in group]),
        source=group[0].source,
        every_channel=group[0].every_channel,
        cells=tuple(cells) if len(cells) == filters else None,
    )
