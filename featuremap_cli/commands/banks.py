"""Hand-written filter banks, and the biases that a command line gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from featuremap_cli.errors import NotationError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank


def hand_written(spec: str) -> list[FilterBank]:
    """Return the banks of a SPEC that is a preset, a text or a file.

    Raises:
        UsageError: it is a network's layer, or cannot be read.
    """
    from featuremap_cli.sources.notation import LayerReference, read_filters

    found = read_filters(spec)
    if isinstance(found, LayerReference):
        raise UsageError(
            f"expected a kernel, got the network's layer {spec}; `featuremap filters {spec}` draws its filters"
        )
    return found


def require_network(preprocess: str, banks: Sequence[FilterBank]) -> None:
    """Refuse a `--preprocess` that nothing uses.

    Raises:
        UsageError: it was given, and none of the filters meets pixels as a network does.
    """
    if preprocess != "auto" and not any(bank.prepared_as for bank in banks):
        raise UsageError(
            f"--preprocess {preprocess} is for a network's first filters (-k alexnet:conv1), and none is among these: "
            "leave it out"
        )


def prepared_words(banks: Sequence[FilterBank]) -> tuple[str, ...]:
    """Return what a title says of the pixels that filters meet: `torch pixels`; nothing of kernels written by hand."""
    prepared = {bank.prepared_as: bank.source for bank in banks if bank.prepared_as}
    if len(prepared) == 1 and all(bank.prepared_as for bank in banks):
        return (f"{next(iter(prepared))} pixels",)
    return tuple(f"{name} pixels for {source}" for name, source in prepared.items())


def with_bias(banks: Sequence[FilterBank], text: str | None) -> list[FilterBank]:
    """Return the banks with the biases of `--bias` in place of their own.

    Args:
        banks: all banks of a run.
        text: one number for all filters, or one a filter, with commas between; None leaves the banks as they are.

    Raises:
        NotationError: a part that is no finite number, or a count that fits neither.
    """
    if text is None:
        return list(banks)
    import numpy as np

    values = _numbers(text)
    filters = sum(bank.filters for bank in banks)
    if len(values) not in (1, filters):
        problem = f"--bias takes one number, or one for each of the {filters} filters, got {len(values)}"
        raise NotationError(text, 0, len(text), problem)
    every = np.broadcast_to(np.asarray(values, np.float32), (filters,))
    ends = np.cumsum([bank.filters for bank in banks])
    return [replace(bank, bias=every[end - bank.filters : end].copy()) for bank, end in zip(banks, ends, strict=True)]


def _numbers(text: str) -> list[float]:
    from math import isfinite

    values, start = [], 0
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise NotationError(text, start, len(part), f"--bias takes numbers with commas between, got `{part}`")
        values.append(value)
        start += len(part) + 1
    return values
