"""Which maps of a layer a sheet shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.drawing.extents import finite_values
from featuremap_cli.drawing.style import Pick, SheetStyle, Sort
from featuremap_cli.errors import UsageError


def choose(arrays: Sequence[Float32] | Float32, layer: str, style: SheetStyle) -> tuple[int, ...]:
    """Return the indices of the maps or filters to draw: those selected, in the order asked for, up to the limit.

    Sorting puts the greatest first, equal ones by index and those without any finite value last.

    Args:
        arrays: float32, one for each map or filter, of any shape.
        layer: what errors call them.
        style: what is asked for.

    Raises:
        UsageError: a selected index is not there, or nothing is left.
    """
    chosen = picked(style.select, len(arrays), layer)
    if style.sort != "index":
        key = _KEYS[style.sort]
        ranks = {index: _rank(arrays[index], key) for index in chosen}
        chosen = sorted(chosen, key=lambda index: (-ranks[index], index))
    return tuple(chosen[: style.limit])


def picked(select: tuple[Pick, ...] | None, count: int, layer: str) -> list[int]:
    """Return the indices that `select` picks out of `count`, each once, in the order written.

    Raises:
        UsageError: an index is not there, or nothing is picked; the message names `layer`.
    """
    if select is None:
        return list(range(count))
    chosen: list[int] = []
    for pick in select:
        if isinstance(pick, slice):
            chosen += range(count)[pick]
        elif -count <= pick < count:
            chosen.append(pick % count)
        else:
            raise UsageError(f"--select {pick}: {layer} has {count} filters, 0 to {count - 1}; choose among these")
    if not chosen:
        raise UsageError(f"--select picks none of the {count} filters of {layer}; choose among 0 to {count - 1}")
    return list(dict.fromkeys(chosen))


def _rank(values: Float32, key: Callable[[Float32], float]) -> float:
    known = finite_values(values)
    return key(known) if known.size else -np.inf


_KEYS: Mapping[Sort, Callable[[Float32], float]] = {
    "mean": lambda values: float(values.mean(dtype=np.float64)),
    "max": lambda values: float(values.max()),
    "std": lambda values: float(values.std(dtype=np.float64)),
    "sparsity": lambda values: 1 - np.count_nonzero(values) / values.size,
}
