"""A whole network as one list of calls, nested models laid out in place, with every shape known beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featuremap_cli.networks.forward.kind import Kind, Shape
from featuremap_cli.networks.forward.known_layers import CONVOLUTIONS, known_layer
from featuremap_cli.networks.forward.saved_graph import (
    Node,
    SavedGraph,
    Tensor,
    is_layer,
    is_model,
    name_of,
    read_graph,
)
from featuremap_cli.networks.forward.settings import UnknownLayerError
from featuremap_cli.networks.layer_entry import LayerEntry, why_undrawable

IMAGE = 0
"""The number of the value that is the image; the value of each call has the next number."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of the network, with what it computes.

    Attributes:
        path: as `LayerEntry` has it, without the number of a call.
        class_name: its class.
        kind: what it computes.
        weights: the shapes of its weights, by name, in Keras's order.
        settings: what its `get_config()` gave.
    """

    path: str
    class_name: str
    kind: Kind
    weights: Mapping[str, tuple[int, ...]]
    settings: Mapping[str, Any]

    @property
    def is_convolution(self) -> bool:
        """Whether it is a convolution."""
        return self.class_name in CONVOLUTIONS


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer.

    Attributes:
        layer: the layer.
        number: which of its calls, from 0.
        inputs: the numbers of the values that it is given.
        output: the number of the value that it makes.
        shape: of that value, without the batch axis.
    """

    layer: Layer
    number: int
    inputs: tuple[int, ...]
    output: int
    shape: Shape


@dataclass(frozen=True, eq=False)
class Graph:
    """A network.

    Attributes:
        name: what the model is called.
        input_name: what its input is called.
        image: the shape of the image, without the batch axis.
        calls: in the order of execution.
        outputs: the numbers of the values that the model gives.
        layers: in the order in which `walk.named_layers` gives them.
    """

    name: str
    input_name: str
    image: Shape
    calls: tuple[Call, ...]
    outputs: tuple[int, ...]
    layers: tuple[Layer, ...]

    def entries(self) -> tuple[LayerEntry, ...]:
        """The same entries as `KerasRecorder` has: `entries()[i]` is `calls[i]`."""
        times = Counter(call.layer.path for call in self.calls)
        return tuple(
            LayerEntry(
                index,
                call.layer.path + (f"#{call.number + 1}" if times[call.layer.path] > 1 else ""),
                call.layer.class_name,
                call.shape,
                call.layer.is_convolution,
                why_undrawable(call.shape),
            )
            for index, call in enumerate(self.calls)
        )

    def shapes(self, image: Shape) -> Iterator[tuple[Call, Shape]]:
        """Each call with the shape of its value for images of this shape, both without the batch axis.

        Raises:
            UnknownLayerError: some layer's inputs do not fit together.
        """
        shapes = {IMAGE: image}
        for call in self.calls:
            try:
                shapes[call.output] = call.layer.kind.output_shape([shapes[value] for value in call.inputs])
            except UnknownLayerError as unknown:
                raise UnknownLayerError(f"{call.layer.path} {unknown}") from unknown
            yield call, shapes[call.output]


def whole_graph(model: Mapping[str, Any], input_size: tuple[int, int] | None = None) -> Graph:
    """A network from its configuration.

    Args:
        model: what `config.json` or `model_config` holds.
        input_size: (width, height) of the image in place of the network's own.

    Raises:
        UnknownLayerError: it has a layer, or is connected in a way, that is not known.
    """
    if not is_model(model):
        raise UnknownLayerError(f"is a {model.get('class_name')}")
    top = read_graph(model)
    if len(top.shape) != 4 or top.shape[0] is not None:
        raise UnknownLayerError(f"takes {top.shape}")
    image = top.shape[1:] if input_size is None else (input_size[1], input_size[0], top.shape[3])
    layout = _Layout(image)
    outputs = layout.run(top, "", [IMAGE])
    if any(size is not None and size < 1 for call in layout.calls for size in call.shape):
        raise UnknownLayerError("leaves nothing of an image of its own size")
    layers = tuple(layout.layers[path] for path in _paths(model, "") if path in layout.layers)
    return Graph(top.name, top.input_name, image, tuple(layout.calls), tuple(outputs), layers)


def _paths(model: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """The paths of all layers, in the order of the file, which is that in which Keras lists them."""
    for layer in model["config"]["layers"]:
        path = f"{prefix}{name_of(layer)}"
        if is_model(layer):
            yield from _paths(layer, f"{path}/")
        else:
            yield path


class _Layout:
    """Walks the models as Keras runs them and notes the calls of their layers.

    Attributes:
        calls: in the order of execution.
        layers: by path, in the order in which they were first walked to.
    """

    def __init__(self, image: Shape) -> None:
        self.calls: list[Call] = []
        self.layers: dict[str, Layer] = {}
        self._shapes = [image]
        self._graphs: dict[str, SavedGraph] = {}
        self._times: Counter[str] = Counter()
        self._shared: set[int] = set()

    def run(self, graph: SavedGraph, prefix: str, given: Sequence[int]) -> list[int]:
        """Note the calls of a model that is given one value; return the numbers of its outputs."""
        self._require_fit(graph, given)
        values: dict[Tensor, int] = {Tensor(Node(graph.input_name, 0), 0): given[0]}
        for node, tensors in graph.calls:
            outputs = self._call(graph.layers[node.layer], f"{prefix}{node.layer}", [values[one] for one in tensors])
            values |= {Tensor(node, place): value for place, value in enumerate(outputs)}
        return [values[tensor] for tensor in graph.outputs]

    def _call(self, layer: Mapping[str, Any], path: str, given: Sequence[int]) -> list[int]:
        if is_model(layer):
            if path not in self._graphs:
                self._note_shared(layer)
                self._graphs[path] = read_graph(layer)
            return self.run(self._graphs[path], f"{path}/", given)
        shapes = [self._shapes[value] for value in given]
        if path not in self.layers:
            self._note_shared(layer)
            self.layers[path] = _layer(layer, path, shapes)
        known = self.layers[path]
        if known.kind.weights(shapes) != known.weights:
            raise UnknownLayerError(f"{path} is given images of several kinds")
        self._shapes.append(known.kind.output_shape(shapes))
        output = len(self._shapes) - 1
        self.calls.append(Call(known, self._times[path], tuple(given), output, self._shapes[output]))
        self._times[path] += 1
        return [output]

    def _note_shared(self, layer: Mapping[str, Any]) -> None:
        """Refuse a layer that stands in two places, which is one object to Keras and has one path."""
        shared = layer.get("shared_object_id")
        if shared in self._shared:
            raise UnknownLayerError("has a layer in two places")
        if shared is not None:
            self._shared.add(shared)

    def _require_fit(self, graph: SavedGraph, given: Sequence[int]) -> None:
        """Refuse a model that is given something else than it declares: Keras adapts some of it and warns."""
        shape = self._shapes[given[0]] if len(given) == 1 else ()
        declared = graph.shape[1:]
        fits = len(shape) == len(declared) and all(
            own in (None, size) for own, size in zip(declared, shape, strict=True)
        )
        if not (fits or given[0] == IMAGE):
            raise UnknownLayerError(f"{graph.name} takes {declared} and is given {shape}")


def _layer(layer: Mapping[str, Any], path: str, shapes: Sequence[Shape]) -> Layer:
    if not is_layer(layer):
        raise UnknownLayerError(f"{path} is a {layer.get('module')}.{layer['class_name']}")
    try:
        kind = known_layer(layer["class_name"], layer["config"])
        return Layer(path, layer["class_name"], kind, kind.weights(shapes), layer["config"])
    except UnknownLayerError as unknown:
        raise UnknownLayerError(f"{path} {unknown}") from unknown
