"""The weights of a network that is loaded: each convolution's filters, and every weight that is no number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featuremap_cli.arrays import FilterBank
from featuremap_cli.networks.keras_recorder import KerasRecorder
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import KerasLayer, named_layers
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES, filter_bank, weights_fit


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
    if not isinstance(network.recorder, KerasRecorder):
        return {}
    found = {}
    for entry in entries:
        layer, _ = network.recorder.calls[entry.index]
        bank = _filters_of(layer, f"{network.name}:{entry.path}")
        if bank is not None:
            found[entry.index] = bank
    return found


def knows_weights(network: Network) -> bool:
    """Whether the weights can be told apart: they can in every Keras model, not in a SavedModel."""
    return isinstance(network.recorder, KerasRecorder)


def unreal_weights(network: Network) -> Iterator[UnrealWeights]:
    """Every array of weights in the whole network, batch normalization's statistics too, that holds NaN or infinity."""
    if not isinstance(network.recorder, KerasRecorder):
        return
    seen: set[int] = set()
    for path, layer in named_layers(network.recorder.model).items():
        for variable in layer.weights:
            if id(variable) in seen or not keras.backend.is_float_dtype(variable.dtype):
                continue
            seen.add(id(variable))
            values = np.asarray(keras.ops.convert_to_numpy(variable)).astype(np.float64)
            if np.isfinite(values).all():
                continue
            nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
            yield UnrealWeights(path, variable.name, nan, infinite, _unreal_filters(layer, variable.name))


def _unreal_filters(layer: KerasLayer, weight: str) -> tuple[int, ...]:
    """The filters of a convolution that hold NaN or infinity in their kernel or in their bias."""
    bank = _filters_of(layer, layer.name)
    if bank is None:
        return ()
    values = bank.bias if weight == "bias" else bank.weights
    unreal = ~np.isfinite(values.reshape(-1, bank.filters))
    return tuple(np.flatnonzero(unreal.any(axis=0)).tolist())


def _filters_of(layer: KerasLayer, source: str) -> FilterBank | None:
    kind = next((name for name in KERNEL_NAMES if isinstance(layer, getattr(keras.layers, name))), None)
    if kind is None:
        return None
    weights = layer.get_weights()
    settings: dict[str, Any] = {
        name: getattr(layer, name, None) for name in ("filters", "depth_multiplier", "use_bias")
    }
    if not weights_fit(kind, {**settings, "kernel_size": list(layer.kernel_size)}, weights):
        return None
    return filter_bank(kind, weights, source, groups=getattr(layer, "groups", 1), pointwise=kind == "SeparableConv2D")
