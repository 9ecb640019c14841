"""From a SPEC, however it is written, to filter banks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featuremap_cli.sources.notation import LayerReference, read_filters

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank


def read_banks(
    spec: str,
    weights: str = "imagenet",
    unsafe: bool = False,
    preprocess: str = "auto",
    drawn_as: str | None = None,
    imports: Sequence[str] = (),
) -> list[FilterBank]:
    """Return the filter banks a SPEC stands for: hand-written ones, a file's, or a network's layer.

    Args:
        spec: a SPEC as `sources.notation` reads it.
        weights: for `keras:NAME:LAYER`: imagenet, none, or a file of weights.
        unsafe: let code in a model file run.
        preprocess: what becomes of pixels before they meet a network's filters: `auto` for what their network does to
            them, or a name of `input.PREPROCESSING`. Kernels written by hand meet pixels as
            they are.
        drawn_as: the same where the filters are only drawn, and meet no pixels.
        imports: modules that have the classes which a model file uses.

    Raises:
        UsageError: a SPEC that cannot be read.
        NetworkError: a network or layer that cannot be used.
    """
    found = read_filters(spec)
    if not isinstance(found, LayerReference):
        return found
    # Kernels written by hand do without what this imports.
    from featuremap_cli.networks.filter_preparation import with_color_order, with_preparation
    from featuremap_cli.networks.filters import filters_of

    bank = filters_of(found, weights=weights, unsafe=unsafe, imports=imports)
    if drawn_as is not None:
        return [with_color_order(bank, found.model, drawn_as)]
    return [with_preparation(bank, found.model, preprocess, unsafe, imports)]
