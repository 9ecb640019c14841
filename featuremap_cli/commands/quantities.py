"""Numbers in words: counts, bytes and shapes, as tables show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

UNKNOWN = "unknown"


def parameters(value: int | None) -> str:
    """A count in full, `15,200`."""
    return UNKNOWN if value is None else f"{value:,}"


def count(value: int | None) -> str:
    """A large count in three digits, `225 M`; below a thousand in full."""
    return UNKNOWN if value is None else _scaled(value, ("", " k", " M", " G", " T", " P"))


def memory(value: int | None) -> str:
    """Bytes in three digits, `12 MB` for 12,000,000."""
    return UNKNOWN if value is None else _scaled(value, (" B", " kB", " MB", " GB", " TB", " PB"))


def at_least(total: int | None, parts: Sequence[int | None], written: Callable[[int | None], str]) -> str:
    """A total; where some of its parts are not known, the sum of the others and how many those are."""
    if total is not None:
        return written(total)
    unknown = parts.count(None)
    known = sum(part for part in parts if part is not None)
    return f"at least {written(known)} ({unknown} layer{'s' if unknown != 1 else ''} unknown)"


def pair(sizes: Sequence[float] | None, short: bool = False) -> str:
    """Sizes as they are typed, `3x3` or `150x100x3`; `short` gives equal ones once, `2`."""
    if sizes is None:
        return UNKNOWN
    shown = [UNKNOWN if size is None else f"{size:g}" if isinstance(size, float) else str(size) for size in sizes]
    return shown[0] if short and len(set(shown)) == 1 else "x".join(shown)


def _scaled(value: int, units: Sequence[str]) -> str:
    place = 0
    while place + 1 < len(units) and value / 1000**place >= 999.5:
        place += 1
    return f"{value / 1000**place:.3g}{units[place]}" if place else f"{value}{units[0]}"
