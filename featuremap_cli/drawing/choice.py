"""Which maps of a layer a sheet shows, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from featuremap_cli.analysis.map_facts import MapFacts
from featuremap_cli.drawing.style import Pick, SheetStyle, Sort
from featuremap_cli.errors import UsageError


def choose(facts: Sequence[MapFacts], layer: str, style: SheetStyle) -> tuple[int, ...]:
    """Return the indices of the maps or filters to draw: those selected, in the order asked for, up to the limit.

    Sorting puts the greatest first, equal ones by index and those without any finite value last.

    Args:
        facts: of each map or filter, with squares where they are sorted by `std`.
        layer: what errors call them.
        style: what is asked for.

    Raises:
        UsageError: a selected index is not there, or nothing is left.
    """
    chosen = picked(style.select, len(facts), layer)
    if style.sort != "index":
        key = _KEYS[style.sort]
        ranks = {index: key(facts[index]) if facts[index].known else -math.inf for index in chosen}
        chosen = sorted(chosen, key=lambda index: (-ranks[index], index))
    return tuple(chosen[: style.limit])


def picked(
    select: tuple[Pick, ...] | None, count: int, layer: str, option: str = "--select", what: str = "filters"
) -> list[int]:
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
            raise UsageError(f"{option} {pick}: {layer} has {count} {what}, 0 to {count - 1}; choose among these")
    if not chosen:
        raise UsageError(f"{option} picks none of the {count} {what} of {layer}; choose among 0 to {count - 1}")
    return list(dict.fromkeys(chosen))


_KEYS: Mapping[Sort, Callable[[MapFacts], float]] = {
    "mean": lambda facts: facts.mean,
    "max": lambda facts: facts.high,
    "std": lambda facts: facts.deviation,
    "sparsity": lambda facts: facts.zeros / facts.known,
}
