"""The filters of a SavedModel: the constants that its frozen graph's convolutions are multiplied with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.graph_layers import CONVOLUTIONS, GraphLayer, find_layers, graph_layers
from featuremap_cli.networks.saved_model import find_saved_model_input, load_saved_model
from featuremap_cli.sources.convolution_weights import filter_bank


def saved_model_layers(folder: Path, *, unsafe: bool = False) -> tuple[Any, Mapping[str, GraphLayer]]:
    """A SavedModel's frozen function, and its layers by the paths that `featuremap layers` gives them.

    Args:
        folder: holds `saved_model.pb`.
        unsafe: as in `load_saved_model`.

    Raises:
        NetworkError: the folder cannot be used, or takes no image.
    """
    function = load_saved_model(folder, unsafe=unsafe)
    image = find_saved_model_input(function, folder.resolve().name)
    found = find_layers(function.inputs[image.position], function.graph.get_operations())
    entries, _ = graph_layers(function, image, found)
    return function, {entry.path: layer for entry, layer in zip(entries, found, strict=True)}


def graph_bank(function: Any, layer: GraphLayer, source: str, *, pointwise: bool = False) -> FilterBank:
    """The filters of one layer of a graph.

    Args:
        function: of `saved_model_layers`.
        layer: a convolution of it, of a kind in `KERNEL_NAMES`.
        source: the SPEC they are asked for by.
        pointwise: the 1x1 filters of a SeparableConv2D rather than its depthwise ones.

    Returns:
        As `convolution_weights.filter_bank`; the bias is what is added before the activation.

    Raises:
        NetworkError: the filters are calculated from the image.
    """
    convolution, biases = _back_to_convolution(layer.before_activation.op)
    kernels = [convolution.inputs[1]]
    if layer.kind == "SeparableConv2D":
        depthwise = next(tensor.op for tensor in convolution.inputs if tensor.op.type in CONVOLUTIONS)
        kernels.insert(0, depthwise.inputs[1])
    if not all(_is_constant(kernel) for kernel in kernels):
        raise NetworkError(f"{source} has no filters of its own: they are calculated from what the network is given")
    weights = [_value(function, tensor) for tensor in kernels]
    if biases:
        filters = layer.before_activation.shape[1 if _channels_first(convolution) else -1]
        weights.append(sum(np.broadcast_to(_value(function, bias).reshape(-1), (filters,)) for bias in biases))
    groups = 1 if layer.kind != "Conv2D" else _groups(convolution)
    return filter_bank(layer.kind, weights, source, groups=groups, pointwise=pointwise)


def _back_to_convolution(operation: Any) -> tuple[Any, list[Any]]:
    """The convolution before what is still linear, and what is added on the way."""
    biases = []
    while operation.type not in CONVOLUTIONS:
        if operation.type in ("BiasAdd", "AddV2", "Add"):
            biases += [tensor for tensor in operation.inputs if _is_constant(tensor)]
        operation = next(tensor.op for tensor in operation.inputs if not _is_constant(tensor))
    return operation, biases


def _is_constant(tensor: Any) -> bool:
    """Whether a tensor hangs on none of the network's inputs."""
    waiting, seen = [tensor.op], {tensor.op}
    while waiting:
        operation = waiting.pop()
        if operation.type == "Placeholder":
            return False
        new = {taken.op for taken in operation.inputs} - seen
        seen |= new
        waiting += new
    return True


def _value(function: Any, tensor: Any) -> Any:
    """A constant tensor as an array."""
    return function.prune([], tensor)().numpy()


def _groups(convolution: Any) -> int:
    channels = convolution.inputs[0].shape[1 if _channels_first(convolution) else -1]
    return channels // convolution.inputs[1].shape[2] if channels else 1


def _channels_first(convolution: Any) -> bool:
    return bool(convolution.get_attr("data_format") == b"NCHW")
