"""The layer records of a network whose layers are all known, from its configuration alone.

They are those that `keras_records` has for the same network; tests hold that they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from featuremap_cli.analysis import layer_kinds
from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import LayerGraph, LayerRecord, View, Window
from featuremap_cli.analysis.layers import Shape as ImageShape
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.forward.arranging import Cropped, Enlarged, Padded, Reshaped
from featuremap_cli.networks.forward.convolutions import Convolution, Dense, Depthwise, Separable, Transposed
from featuremap_cli.networks.forward.graph import IMAGE, Call, Graph, Layer
from featuremap_cli.networks.forward.kind import Shape
from featuremap_cli.networks.forward.merging import Concatenated
from featuremap_cli.networks.forward.pooling import GlobalPool, Pool
from featuremap_cli.networks.forward.settings import UnknownLayerError
from featuremap_cli.networks.forward.window import Sliding
from featuremap_cli.networks.layer_facts import facts_of, image_record


def known_graph(graph: Graph, image: ImageShape, name: str) -> LayerGraph:
    """The records of a network: the image, then its calls, so that a value's number is its record's place.

    Args:
        graph: the network.
        image: (height, width, channels) of the image.
        name: what tables call it.

    Raises:
        NetworkError: it cannot run on an image of that size.
    """
    try:
        shapes: dict[int, Shape] = {IMAGE: image} | {call.output: shape for call, shape in graph.shapes(image)}
    except UnknownLayerError as error:
        raise NetworkError(f"{name} cannot run on an image of {image[1]} x {image[0]} pixels: {error}") from error
    records = [image_record(image)]
    for call, entry in zip(graph.calls, graph.entries(), strict=True):
        record = _record(call, [shapes[value] for value in call.inputs], shapes[call.output])
        records.append(replace(record, index=entry.index, path=entry.path))
    return LayerGraph(name, image, tuple(records), tuple(sorted(set(graph.outputs))))


def _record(call: Call, before: Sequence[Shape], after: Shape) -> LayerRecord:
    layer = call.layer
    facts = facts_of(_kind_of(layer, before[0], after), before[0], after, _macs_of_weights(layer, after))
    parameters = sum(math.prod(shape) for shape in layer.weights.values()) if call.number == 0 else 0
    return LayerRecord(
        None,
        layer.path,
        layer.class_name,
        tuple(dict.fromkeys(call.inputs)),
        replace(facts, parameters=parameters),
        math.prod(size or 1 for size in after),
        _window_of(layer),
    )


def _window_of(layer: Layer) -> Window | None:
    """How the filter of a layer is laid; None for a layer without one."""
    sliding: Sliding | None = getattr(layer.kind, "sliding", None)
    if sliding is None:
        return None
    return Window(sliding.size, sliding.strides, sliding.dilation, sliding.padding)


def _kind_of(layer: Layer, before: Shape, after: Shape) -> LayerKind | View:
    """The kind whose arithmetic a layer has; most look at one position at a time."""
    kind, window = layer.kind, _window_of(layer)
    if window is not None:
        return _windowed(layer, window)
    if isinstance(kind, GlobalPool):
        return layer_kinds.GlobalPooling()
    if isinstance(kind, Dense):
        return layer_kinds.Dense(kind.units, kind.use_bias, everywhere=len(before) == 3)
    if isinstance(kind, Padded):
        return layer_kinds.Border(*kind.rows, *kind.columns)
    if isinstance(kind, Cropped):
        (top, bottom), (left, right) = kind.rows, kind.columns
        return layer_kinds.Border(-top, -bottom, -left, -right)
    if isinstance(kind, Enlarged):
        return layer_kinds.Resizing(factors=kind.factors)
    if isinstance(kind, Reshaped):
        return _reshaped(layer, before, after)
    if isinstance(kind, Concatenated) and kind.axis not in (-1, len(after)):
        return View.UNKNOWN
    return View.POINT


def _windowed(layer: Layer, window: Window) -> LayerKind | View:
    kind = layer.kind
    if isinstance(kind, Convolution):
        return layer_kinds.Convolution(kind.filters, window, kind.groups, kind.use_bias)
    if isinstance(kind, Depthwise):
        return layer_kinds.Depthwise(window, kind.multiplier, kind.use_bias)
    if isinstance(kind, Separable):
        return layer_kinds.Separable(kind.filters, window, kind.multiplier, kind.use_bias)
    if isinstance(kind, Transposed):
        return layer_kinds.Transposed(kind.filters, window, kind.use_bias)
    return layer_kinds.Pooling(window) if isinstance(kind, Pool) else View.UNKNOWN


def _reshaped(layer: Layer, before: Shape, after: Shape) -> LayerKind | View:
    """What a Flatten or Reshape reads: a vector, all of it; a feature map, where each position stays in its place."""
    if layer.class_name == "Flatten" or (len(after) == 1 and len(before) == 3):
        return layer_kinds.Flattening()
    if len(before) == 1:
        return View.WHOLE
    return View.POINT if len(before) == len(after) == 3 and before[:2] == after[:2] else View.UNKNOWN


def _macs_of_weights(layer: Layer, output: Shape) -> int | None:
    """Multiplications of a layer that applies its weights at every position of its output."""
    if None in output:
        return None
    kernels = [shape for name, shape in layer.weights.items() if name.endswith("kernel")]
    return math.prod(size or 0 for size in output[:-1]) * sum(math.prod(kernel) for kernel in kernels)
