"""The weights of a network that is loaded: each convolution's filters, and every weight that is no number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import FilterBank
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_weights import LayerWeights
from featuremap_cli.networks.network import Network
from featuremap_cli.sources.convolution_weights import filter_bank, weights_fit


@dataclass(frozen=True)
class UnrealWeights:
    """NaN or infinity among the weights of a layer.

    Attributes:
        layer: its path.
        weight: the name of the array, `kernel`.
        nan, infinite: how many there are.
        filters: the filters that hold them; empty where the layer is no convolution.
    """

    layer: str
    weight: str
    nan: int
    infinite: int
    filters: tuple[int, ...] = ()


def layer_filters(network: Network, entries: Sequence[LayerEntry]) -> dict[int, FilterBank]:
    """The filters of the layers that are convolutions with plain weights, one a feature map.

    Args:
        network: any; a SavedModel's graph does not keep its layers' weights apart, so that it has none here.
        entries: some of its layers.

    Returns:
        {entry.index: filters}. A SeparableConv2D gives its 1x1 filters, whose number is that of its maps.
    """
    paths = {entry.index: entry.path.rpartition("#")[0] or entry.path for entry in entries}
    weights = {layer.path: layer for layer in network.recorder.layer_weights(set(paths.values()))}
    found = {}
    for entry in entries:
        layer = weights.get(paths[entry.index])
        bank = None if layer is None else layer_bank(layer, f"{network.name}:{entry.path}")
        if bank is not None:
            found[entry.index] = bank
    return found


def knows_weights(network: Network) -> bool:
    """Whether the weights can be told apart: they can in every Keras model, not in a SavedModel."""
    return network.recorder.knows_weights


def unreal_weights(network: Network) -> Iterator[UnrealWeights]:
    """Every array of weights in the whole network, batch normalization's statistics too, that holds NaN or infinity."""
    for layer in network.recorder.layer_weights():
        for name, array in layer.arrays.items():
            values = array.astype(np.float64)
            if not np.isfinite(values).all():
                nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
                yield UnrealWeights(layer.path, name, nan, infinite, _unreal_filters(layer, name))


def _unreal_filters(layer: LayerWeights, weight: str) -> tuple[int, ...]:
    """The filters of a convolution that hold NaN or infinity in their kernel or in their bias."""
    bank = layer_bank(layer, layer.path)
    if bank is None:
        return ()
    values = bank.bias if weight == "bias" else bank.weights
    unreal = ~np.isfinite(values.reshape(-1, bank.filters))
    return tuple(np.flatnonzero(unreal.any(axis=0)).tolist())


def layer_bank(layer: LayerWeights, source: str) -> FilterBank | None:
    """A layer's filters, one a feature map; None where it is no convolution with plain weights."""
    weights = list(layer.arrays.values())
    if layer.kind is None or not weights_fit(layer.kind, layer.settings, weights):
        return None
    groups, pointwise = int(layer.settings.get("groups") or 1), layer.kind == "SeparableConv2D"
    return filter_bank(layer.kind, weights, source, groups=groups, pointwise=pointwise)
