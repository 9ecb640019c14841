"""Filter banks made to fit an image: the channels a filter meets, one size for all where sizes matter, half a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np

from featuremap_cli.arrays import FilterBank, Float32, Preparation
from featuremap_cli.convolution.geometry import Pair, centered_offset
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.errors import UsageError

Meeting = Literal["all", "sum", "apart"]
"""How filters meet channels: a weight for each channel; one kernel for the sum of all; every channel by itself."""

_COLOR_NAMES = ("R", "G", "B")


@dataclass(frozen=True, eq=False)
class FittedFilters:
    """Filters of one size that meet the channels of an image in one way.

    Attributes:
        weights: float32 (filter_height, filter_width, channels, filters), already turned. For `sum` channels is 1; for
            `apart` filter q of channel c makes map c * filters + q, as in `tf.nn.depthwise_conv2d`.
        bias: float32 (maps,).
        names: one a map.
        meeting: how the filters meet the channels.
        prepares: what becomes of the pixels before they meet them; None for nothing.
    """

    weights: Float32
    bias: Float32
    names: tuple[str, ...]
    meeting: Meeting
    prepares: Preparation | None = None

    @property
    def size(self) -> Pair:
        """(filter_height, filter_width)."""
        return int(self.weights.shape[0]), int(self.weights.shape[1])

    @property
    def maps(self) -> int:
        """How many maps they make."""
        return len(self.names)


def fit_banks(banks: Sequence[FilterBank], channels: int, operation: Operation) -> list[FittedFilters]:
    """Make banks fit an image, in order; neighbors of one size and kind are joined.

    Args:
        banks: at least one.
        channels: how many channels the image has.
        operation: flip, depthwise and padding are looked at.

    Raises:
        UsageError: no banks, or one whose input channels do not fit.
    """
    if not banks:
        raise UsageError("expected at least one filter, got none; name one with --kernel")
    banks = _named_by_index(banks) if operation.depthwise and channels > 1 else banks
    fitted = [_fit(bank, channels, operation) for bank in banks]
    if _sizes_matter(operation):
        height, width = largest_size(banks)
        fitted = [_enlarge(filters, (height, width)) for filters in fitted]
    starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(fitted)) if not _can_join(a, b)), len(fitted)]
    return [_join(fitted[start:end]) for start, end in pairwise(starts)]


def largest_size(banks: Sequence[FilterBank]) -> Pair:
    """Return the (height, width) that holds every filter of the banks."""
    return max(bank.size[0] for bank in banks), max(bank.size[1] for bank in banks)


def enlargement_notice(banks: Sequence[FilterBank], operation: Operation) -> str | None:
    """Say in words that smaller filters are enlarged with zeros, if they are.

    Under SAME all maps have one size whatever the filters' sizes. Otherwise the smaller filters are set in the middle
    of the largest size, zeros around, so that all maps cover the same pixels.

    Returns:
        A line for stderr, or None where filters stay as they are.
    """
    height, width = largest_size(banks)
    if not _sizes_matter(operation) or all(bank.size == (height, width) for bank in banks):
        return None
    smaller = sum(bank.filters for bank in banks if bank.size != (height, width))
    every = sum(bank.filters for bank in banks)
    return (
        f"{smaller} of {every} filters are smaller than {height}x{width} and were set in the middle of that size, "
        "zeros around, so that all maps cover the same pixels; --padding same keeps them as they are"
    )


def _sizes_matter(operation: Operation) -> bool:
    return operation.padding != "same"


def _fit(bank: FilterBank, channels: int, operation: Operation) -> FittedFilters:
    weights = bank.weights[::-1, ::-1] if operation.flip else bank.weights
    if bank.depthwise:
        return _fit_depthwise(bank, weights, channels)
    if not bank.every_channel and bank.input_channels != channels:
        raise UsageError(_misfit(bank, channels))
    if not operation.depthwise:
        return FittedFilters(weights, bank.bias, bank.names, "sum" if bank.every_channel else "all", bank.prepares)
    if bank.every_channel:
        weights = np.repeat(weights, channels, axis=2)
    names = _names_apart(bank.names, channel_names(channels, bank.prepares))
    return FittedFilters(weights, np.tile(bank.bias, channels), names, "apart", bank.prepares)


def _fit_depthwise(bank: FilterBank, weights: Float32, channels: int) -> FittedFilters:
    if bank.filters % channels:
        raise UsageError(
            f"{bank.source} is depthwise with {bank.filters} filters, expected as many for each channel of the image, "
            f"got an image of {channels} channels"
        )
    height, width = bank.size
    return FittedFilters(weights.reshape(height, width, channels, -1), bank.bias, bank.names, "apart", bank.prepares)


def _misfit(bank: FilterBank, channels: int) -> str:
    shape = " x ".join(str(length) for length in bank.weights.shape)
    needed = f"{bank.input_channels} channel" + "s" * (bank.input_channels != 1)
    given = f"{channels} channel" + "s" * (channels != 1)
    remedy = "--gray makes the image one channel" if bank.input_channels == 1 else f"give an image of {needed}"
    return (
        f"the filters of {bank.source} ({shape}: height, width, input channels, filters) expect an image of {needed}, "
        f"got one of {given}; {remedy}, or use a 2-D kernel, which meets every channel"
    )


def _named_by_index(banks: Sequence[FilterBank]) -> list[FilterBank]:
    """Name filters without a name by their index over all banks, which is not that of the maps they make."""
    if sum(bank.filters for bank in banks) == 1 or all(bank.depthwise for bank in banks):
        return list(banks)
    firsts = accumulate((bank.filters for bank in banks), initial=0)
    return [
        replace(bank, names=tuple(name or f"filter {index}" for index, name in enumerate(bank.names, first)))
        for bank, first in zip(banks, firsts, strict=False)
    ]


def channel_names(channels: int, prepares: Preparation | None) -> tuple[str, ...]:
    """Return what the channels that filters meet are called: `R`, `G`, `B`, in the order in which they come."""
    if channels != len(_COLOR_NAMES):
        return tuple(f"channel {index}" for index in range(channels))
    return _COLOR_NAMES[::-1] if prepares is not None and prepares.order == "bgr" else _COLOR_NAMES


def _names_apart(names: Sequence[str], colors: Sequence[str]) -> tuple[str, ...]:
    if len(colors) == 1:
        return tuple(names)
    return tuple(f"{name} {color}".lstrip() for color in colors for name in names)


def _enlarge(filters: FittedFilters, size: Pair) -> FittedFilters:
    if filters.size == size:
        return filters
    weights = np.zeros((*size, *filters.weights.shape[2:]), np.float32)
    top, left = (centered_offset(filters.size[axis], size[axis]) for axis in (0, 1))
    weights[top : top + filters.size[0], left : left + filters.size[1]] = filters.weights
    return replace(filters, weights=weights)


def _can_join(left: FittedFilters, right: FittedFilters) -> bool:
    # Filters that keep channels apart are ordered channel first, so that two banks cannot become one.
    alike = left.size == right.size and left.prepares == right.prepares
    return left.meeting == right.meeting != "apart" and alike


def _join(filters: Sequence[FittedFilters]) -> FittedFilters:
    if len(filters) == 1:
        return filters[0]
    return FittedFilters(
        np.concatenate([each.weights for each in filters], axis=3),
        np.concatenate([each.bias for each in filters]),
        tuple(name for each in filters for name in each.names),
        filters[0].meeting,
        filters[0].prepares,
    )
