"""From values to colormap levels: how a sheet's scale is written, measured and applied."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32, LayerMaps
from featuremap_cli.drawing.extents import Extent, join
from featuremap_cli.drawing.percentiles import percentiles
from featuremap_cli.errors import UsageError, require_choice

Levels = NDArray[np.uint8]

_BLOCK_PIXELS = 1 << 18
_EXPECTED = "`map`, `layer`, `symmetric`, `symmetric:P`, `percentile:LO,HI` or `LO,HI`"


@dataclass(frozen=True)
class Scale:
    """How values become brightness, as `--scale` asks.

    Attributes:
        kind: `map` (each tile from its own minimum to its maximum), `layer` (the same limits for every tile),
            `symmetric` (the same, with zero in the middle), `percentile` (limits that cut off a part of the pixels),
            or `limits` (limits given as numbers).
        low, high: the percentiles, 0 to 100, or the limits, for the last two kinds; for `symmetric` `high` is the
            percentile of the absolute values that the limits are at, 100 for the largest.
    """

    kind: Literal["map", "layer", "symmetric", "percentile", "limits"] = "map"
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        require_choice("scale", self.kind, ("map", "layer", "symmetric", "percentile", "limits"))

    @property
    def shared(self) -> bool:
        """Whether all tiles have the same limits, so that a color bar is true for all of them."""
        return self.kind != "map"

    def __str__(self) -> str:
        """Return the scale as `--scale` takes it."""
        numbers = f"{self.low:g},{self.high:g}"
        if self.kind == "symmetric" and 0 < self.high < 100:
            return f"symmetric:{self.high:g}"
        return {"percentile": f"percentile:{numbers}", "limits": numbers}.get(self.kind, self.kind)


OWN_RANGE = Scale("map")


@dataclass(frozen=True)
class SharedLimits:
    """The limits of a scale that all tiles share.

    Attributes:
        low, high: the values of the first and the last colormap level.
        clipped: the part of the layer's finite values outside the limits, 0 to 1.
        words: the scale in words, for the second line of the title.
    """

    low: float
    high: float
    clipped: float
    words: str


def parse_scale(text: str) -> Scale:
    """Return the scale that `text` asks for.

    Args:
        text: `map`, `layer`, `symmetric`, `symmetric:P`, `percentile:LO,HI` (0 to 100) or `LO,HI`.

    Raises:
        UsageError: `text` is none of these, or LO is not below HI.
    """
    word = text.strip()
    if word == "map":
        return Scale("map")
    if word == "layer":
        return Scale("layer")
    if word == "symmetric":
        return Scale("symmetric")
    name, colon, rest = word.partition(":")
    if colon and name == "symmetric":
        return Scale("symmetric", high=_one_percentile(rest, text))
    if colon and name == "percentile":
        low, high = _two_numbers(rest, text)
        if low < 0 or high > 100:
            raise UsageError(
                f"--scale {text}: expected percentiles from 0 to 100, got {rest}; for example percentile:1,99"
            )
        return Scale("percentile", low, high)
    return Scale("limits", *_two_numbers(word, text))


def _one_percentile(number: str, text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (percent := float(number)) <= 100:
            return percent
    raise UsageError(f"--scale {text}: expected a percentile above 0 and up to 100, got {number!r}; as symmetric:99")


def _two_numbers(numbers: str, text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in numbers.split(","))
    except ValueError:
        raise UsageError(f"--scale {text}: expected {_EXPECTED}, got {text!r}; for example percentile:1,99") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"--scale {text}: expected LO below HI, both finite, got {low:g} and {high:g}")
    return low, high


@dataclass(frozen=True, eq=False)
class MapValues:
    """The values of a layer's maps, rows by rows, as often as they are asked for.

    Attributes:
        maps: the layer.
    """

    maps: LayerMaps

    def __iter__(self) -> Iterator[Float32]:
        """Yield some rows of one map after those of another, float32 (rows, width)."""
        for _, band in self.maps.bands():
            yield from band


@dataclass(frozen=True, eq=False)
class _Sizes:
    """The absolute values of arrays, as often as they are asked for."""

    arrays: Iterable[Float32]

    def __iter__(self) -> Iterator[Float32]:
        return (np.abs(array) for array in self.arrays)


def shared_limits(arrays: Iterable[Float32], extents: Sequence[Extent], scale: Scale) -> SharedLimits:
    """Return the limits that all tiles of a layer share.

    They come from all maps of the layer, not only those drawn, so that a sheet does not change its colors with its
    limit. Where values of both signs occur, `layer` and `percentile` widen the narrower side until zero is in the
    middle: zero is then the middle gray, or the middle of a diverging colormap. Limits given as numbers stay as given.

    Args:
        arrays: all values of the layer, float32 arrays of any shape, whose iterator begins anew each time.
        extents: one for each of its maps or filters.
        scale: any scale but `map`.
    """
    whole = join(extents)
    low, high = whole.low, whole.high
    if scale.kind == "percentile":
        low, high = percentiles(arrays, (scale.low, scale.high), sum(extent.size for extent in extents))
    if scale.kind == "symmetric" and 0 < scale.high < 100:
        sizes = _Sizes(arrays)
        _, high = percentiles(sizes, (0, scale.high), sum(extent.size for extent in extents))
        low = -high
    if scale.kind == "limits":
        low, high = scale.low, scale.high
    elif scale.kind == "symmetric" or low < 0 < high:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    clipped = clipped_fraction(arrays, low, high) if whole.low < low or whole.high > high else 0.0
    return SharedLimits(low, high, clipped, _words(scale, low, high, clipped))


def clipped_fraction(arrays: Iterable[Float32], low: float, high: float) -> float:
    """Return the part of the finite values of `arrays` outside [low, high], 0 to 1."""
    outside = finite = 0
    for one in arrays:
        known = np.isfinite(one)
        outside += int(np.count_nonzero(((one < low) | (one > high)) & known))
        finite += int(np.count_nonzero(known))
    return outside / finite if finite else 0.0


def _words(scale: Scale, low: float, high: float, clipped: float) -> str:
    """Return the scale in words: what it is, where zero lies, and how much it cuts off."""
    centered = low == -high and high > 0
    middle = ", zero in the middle" if centered else ""
    if scale.kind == "layer":
        return f"one scale for all tiles{middle}"
    if scale.kind == "symmetric" and not 0 < scale.high < 100:
        return "one symmetric scale, zero in the middle"
    lost = f"{_percent(clipped)} of pixels clipped"
    if scale.kind == "symmetric":
        return f"one symmetric scale, {scale.high:g}% of sizes, zero in the middle, {lost}"
    if scale.kind == "percentile":
        return f"one scale, {scale.low:g}% to {scale.high:g}%{middle}, {lost}"
    return f"one scale, {scale.low:g} to {scale.high:g} as given, {lost}"


def _percent(fraction: float) -> str:
    """Return a fraction as a percentage that is never rounded to nothing."""
    if fraction == 0:
        return "0%"
    return (
        f"{100 * fraction:.2g}%"
        if 0.001 <= fraction < 0.995
        else ("under 0.1%" if fraction < 0.5 else f"{100 * fraction:.4g}%")
    )


def to_levels(values: Float32, low: float, high: float, levels: int, missing: int, out: Levels | None = None) -> Levels:
    """Return the colormap level of each value: 0 for `low`, `levels` - 1 for `high`, straight between, clipped outside.

    Level = round((value - low) / (high - low) * (levels - 1)). Limits without a distance between them give the middle
    level.

    Args:
        values: float32 (height, width).
        low, high: the limits; low <= high.
        levels: how many the colormap has.
        missing: what NaN and infinite values become.
        out: uint8 (height, width) to write into, or None for a new array.
    """
    result = np.empty(values.shape, np.uint8) if out is None else out
    rows = max(1, _BLOCK_PIXELS // max(1, values.shape[1]))
    for top in range(0, values.shape[0], rows):
        _block_to_levels(values[top : top + rows], low, high, levels, missing, result[top : top + rows])
    return result


def _block_to_levels(values: Float32, low: float, high: float, levels: int, missing: int, out: Levels) -> None:
    span = high - low
    ordinary = 1e-30 < span < 1e30 and abs(low) < 1e30
    # float32 holds the differences of ordinary values; near its ends they would overflow or vanish
    work: NDArray[np.floating] = values.astype(np.float32) if ordinary else values.astype(np.float64)
    lost = None
    if not math.isfinite(float(work.min()) + float(work.max())):
        lost = ~np.isfinite(work)
        work[lost] = low
    if span > 0:
        np.clip(work, low, high, out=work)
        np.subtract(work, low, out=work)
        np.multiply(work, (levels - 1) / span, out=work)
        np.add(work, 0.5, out=work)
        out[...] = work
    else:
        out[...] = (levels - 1) // 2
    if lost is not None:
        out[lost] = missing
