"""From an ONNX file to a network that is ready to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from featuremap_cli.errors import NetworkError
from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.runtime import GraphError, value_types
from featuremap_cli.networks.image_input import (
    ImageInput,
    NetworkInput,
    Pixels,
    about_free_size,
    about_other_inputs,
    find_image_input,
    takes_size,
    wanted_size,
)
from featuremap_cli.networks.layered_graph import Layer, LayeredGraph, Shape
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.onnx_files.layers import channels_last, read_layers
from featuremap_cli.networks.onnx_files.opening import open_model
from featuremap_cli.networks.onnx_files.reading import ReadGraph, read_graph
from featuremap_cli.networks.preprocessing_guess import guess_unsaid
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder


def load_onnx_file(path: Path, input_size: Pixels | None = None, free_size: Pixels | None = None) -> Network:
    """A network from an ONNX file.

    Args:
        path: the file; large weights may lie in others beside it.
        input_size: (width, height) to run at, in pixels; None for its own size, or each image's.
        free_size: the same for a network that takes any size, where no `input_size` is given.

    Raises:
        NetworkError: the file cannot be used, takes no image, or not of that size.
    """
    name = path.name
    graph = read_graph(open_model(path), name)
    inputs = [NetworkInput(one, kind.shape, kind.dtype) for one, kind in graph.inputs.items()]
    image = find_image_input(inputs, name, channels_first=_keeps_channels_first(graph))
    if input_size is not None and not takes_size(image, input_size):
        raise NetworkError(
            f"{name} takes images of {image.width} x {image.height} pixels, which is written into the file: leave "
            "--input-size out, or export the network for another size"
        )
    size = wanted_size(image, input_size, free_size)
    image = image if size is None else replace(image, width=size[0], height=size[1])
    notices = about_other_inputs(inputs, image, name)
    if size is not None and size != input_size:
        notices = (about_free_size(name, size), *notices)
    layered, arrays = _layered(graph, image, name)
    scales = _scales_inside(graph, image)
    guessed = guess_unsaid([graph.name, path.stem], graph.producer, scales, name, image.channels)
    recorder = RuntimeRecorder(layered, image, OnnxWeights(arrays), name)
    return Network.guessed(name, image, guessed, notices, recorder)


class OnnxWeights:
    """Weights of an ONNX file, which are read with it."""

    def __init__(self, arrays: Mapping[str, Sequence[NDArray[Any]]]) -> None:
        self._arrays = arrays

    def read(self, layers: Sequence[Layer]) -> Iterator[Sequence[NDArray[Any]]]:
        """See `runtime_recorder.Weights`."""
        return (self._arrays[layer.path] for layer in layers)


def _layered(
    graph: ReadGraph, image: ImageInput, name: str
) -> tuple[LayeredGraph, Mapping[str, Sequence[NDArray[Any]]]]:
    inputs = dict(graph.inputs)
    inputs[image.name] = ValueType(inputs[image.name].dtype, image.shape)
    try:
        types = value_types(graph.nodes, inputs, graph.arrays, graph.opsets)
    except GraphError as error:
        raise NetworkError(f"{name} cannot be run: {error}") from error
    found = read_layers(graph, types, image.name)

    def shapes_at(size: Shape) -> Mapping[str, Shape | None]:
        height, width, channels = size
        sized = replace(image, height=height, width=width, channels=channels)
        exact = {**inputs, image.name: ValueType(inputs[image.name].dtype, sized.shape)}
        nodes = [node for call in found.calls for node in call.nodes]
        known = value_types(nodes, exact, graph.arrays, graph.opsets)
        return {one: channels_last(kind) for one, kind in known.items()} | {image.name: size}

    layered = LayeredGraph(
        name=graph.name,
        input_name=image.name,
        input=(image.name, inputs[image.name]),
        image=(image.height, image.width, image.channels),
        calls=found.calls,
        outputs=graph.outputs,
        layers=tuple(call.layer for call in found.calls),
        prelude=(),
        constants=graph.arrays,
        weights={},
        shapes_at=shapes_at,
        opsets=graph.opsets,
    )
    return layered, found.weights


def _keeps_channels_first(graph: ReadGraph) -> bool:
    """Whether the image comes in with its channels before height and width, as ONNX's convolutions take it.

    An exporter of TensorFlow's puts a Transpose behind an image whose channels come last.
    """
    shapes = [kind.shape for kind in graph.inputs.values() if len(kind.shape) == 4]
    for shape in shapes:
        if shape[1] in (1, 3) and shape[3] not in (1, 3):
            return True
        if shape[3] in (1, 3) and shape[1] not in (1, 3):
            return False
    return not any(
        node.operator == "Transpose" and node.attributes.get("perm") == (0, 3, 1, 2) and node.inputs[0] in graph.inputs
        for node in graph.nodes
    )


def _scales_inside(graph: ReadGraph, image: ImageInput) -> bool:
    """Whether the network brings pixels in [0, 255] down before its first convolution."""
    reached = {image.name}
    for node in graph.nodes:
        if not reached.intersection(node.inputs):
            continue
        if node.operator in ("Conv", "QLinearConv"):
            return False
        reached.update(node.outputs)
        numbers = [graph.arrays[name] for name in node.inputs if name in graph.arrays]
        sizes = [float(abs(array).max()) for array in numbers if array.size and array.dtype.kind == "f"]
        if node.operator == "Mul" and any(0 < size < 0.1 for size in sizes):
            return True
        if node.operator in ("Div", "Sub") and any(size > 10 for size in sizes):
            return True
    return False
