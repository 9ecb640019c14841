"""What `--filters`, `--filter` and `--at` say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from featuremap_cli.errors import UsageError
from featuremap_cli.sources.numerals import read_pair

_RANGE = re.compile(r"(-?\d+)?:(-?\d+)?")


def read_filters(text: str, count: int, layer: str) -> list[int]:
    """Return the filters that `--filters` means: `all`, or indices and ranges such as `0,5,10:20`.

    Args:
        text: as written.
        count: how many filters the layer has.
        layer: its path, for messages.

    Raises:
        UsageError: a part that is neither, or a filter that the layer does not have.
    """
    if text == "all":
        return list(range(count))
    chosen: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        if limits := _RANGE.fullmatch(part):
            chosen += range(count)[slice(*(int(limit) if limit else None for limit in limits.groups()))]
        elif re.fullmatch(r"-?\d+", part):
            chosen.append(require_filter(int(part), count, layer, f"--filters {text}"))
        else:
            raise UsageError(f"--filters {text}: expected all, or indices and ranges such as 0,5,10:20, got {part!r}")
    if not chosen:
        raise UsageError(f"--filters {text} is none of the {count} filters of {layer}; choose among 0 to {count - 1}")
    return list(dict.fromkeys(chosen))


def require_filter(index: int, count: int, layer: str, written: str) -> int:
    """Return the filter of that index, a negative one counted from the end.

    Raises:
        UsageError: the layer has no such filter.
    """
    if not -count <= index < count:
        raise UsageError(f"{written}: {layer} has {count} filters, 0 to {count - 1}; choose among these")
    return index % count


@dataclass(frozen=True)
class FilterChoice:
    """What `--filter` says: one filter, or those that fire most.

    Attributes:
        index: of the one; None for those that fire most.
        top: how many of those.
    """

    index: int | None
    top: int = 1


def read_filter(text: str) -> FilterChoice:
    """Read `N` or `top:K`.

    Raises:
        UsageError: it is neither.
    """
    if re.fullmatch(r"-?\d+", text):
        return FilterChoice(int(text))
    found = re.fullmatch(r"top:(\d+)", text)
    if found is None or int(found[1]) == 0:
        raise UsageError(f"--filter {text}: expected a filter's index, or top:9 for the 9 that fire most")
    return FilterChoice(None, int(found[1]))


def require_place(at: tuple[int, int] | str, size: tuple[int, int], layer: str) -> None:
    """Refuse a place that a layer's maps of this (height, width) do not have.

    Raises:
        UsageError: it lies outside of them.
    """
    if isinstance(at, tuple) and (at[0] >= size[0] or at[1] >= size[1]):
        raise UsageError(
            f"--at {at[0]},{at[1]}: the maps of {layer} have {size[0]} rows and {size[1]} columns, counted from 0"
        )


def read_at(text: str) -> tuple[int, int] | str:
    """Read `ROW,COLUMN`, `max` or `all`.

    Raises:
        UsageError: it is none of them.
    """
    if text in ("max", "all"):
        return text
    place = read_pair(text)
    if place is None:
        raise UsageError(f"--at {text}: expected ROW,COLUMN in the filter's map, max or all; for example --at 6,4")
    return place
