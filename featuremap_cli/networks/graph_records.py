"""The layer records of a network that is a graph of known layers, from the graph alone.

They are those that `keras_records` has for the same network; tests hold that they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from featuremap_cli.analysis.layers import LayerFacts, LayerGraph, LayerRecord, View
from featuremap_cli.analysis.layers import Shape as ImageShape
from featuremap_cli.errors import NetworkError
from featuremap_cli.graph.runtime import GraphError
from featuremap_cli.networks.layer_facts import facts_of, image_record
from featuremap_cli.networks.layered_graph import Call, Layer, LayeredGraph, Shape


def graph_records(graph: LayeredGraph, image: ImageShape, name: str) -> LayerGraph:
    """The records of a network: the image, then its calls.

    Args:
        graph: the network.
        image: (height, width, channels) of the image.
        name: what tables call it.

    Raises:
        NetworkError: it cannot run on an image of that size.
    """
    try:
        shapes = graph.shapes_at(image)
    except GraphError as error:
        raise NetworkError(f"{name} cannot run on an image of {image[1]} x {image[0]} pixels: {error}") from error
    made = {value: place for place, call in enumerate(graph.calls, start=1) for value in call.makes}
    records = [image_record(image)]
    entries = {call.nodes[0].outputs[0]: entry for call, entry in zip(graph.listed, graph.entries(), strict=True)}
    for call in graph.calls:
        inputs = tuple(dict.fromkeys(made.get(value, 0) for value in call.inputs))
        record = _record(call, inputs, shapes)
        entry = None if call.layer.is_operation else entries[call.nodes[0].outputs[0]]
        records.append(record if entry is None else replace(record, index=entry.index, path=entry.path))
    outputs = {made[value] for value in graph.outputs if value in made}
    return LayerGraph(name, image, tuple(records), tuple(sorted(outputs)))


def _record(call: Call, inputs: tuple[int, ...], shapes: Mapping[str, Shape | None]) -> LayerRecord:
    layer = call.layer
    before, after = shapes.get(call.inputs[0]), shapes.get(call.output)
    if before is None or after is None:
        facts, values = LayerFacts(None, None, None, View.UNKNOWN), None
    else:
        facts = facts_of(call.arithmetic, before, after, _macs_of_weights(layer, after))
        values = math.prod(size or 1 for size in after)
    parameters = sum(math.prod(shape) for shape in layer.weights.values()) if call.number == 0 else 0
    return LayerRecord(
        None, layer.path, layer.type, inputs, replace(facts, parameters=parameters), values, layer.window
    )


def _macs_of_weights(layer: Layer, output: Shape) -> int | None:
    """Multiplications of a layer that applies its weights at every position of its output."""
    if None in output:
        return None
    kernels = [shape for name, shape in layer.weights.items() if name.endswith("kernel")]
    return math.prod(size or 0 for size in output[:-1]) * sum(math.prod(kernel) for kernel in kernels)
