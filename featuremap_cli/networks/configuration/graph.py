"""A whole network as one list of calls, nested models laid out in place, with every shape known beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import Node, NodeList
from featuremap_cli.networks.configuration.channels_first import keeps_channels_first, with_channels_last
from featuremap_cli.networks.configuration.kind import Kind, Shape, channel_axis
from featuremap_cli.networks.configuration.known_layers import CONVOLUTIONS, known_layer
from featuremap_cli.networks.configuration.operations import known_operation
from featuremap_cli.networks.configuration.saved_graph import (
    Argument,
    SavedGraph,
    Tensor,
    is_layer,
    is_model,
    is_operation,
    name_of,
    read_graph,
)
from featuremap_cli.networks.configuration.saved_graph import Node as SavedNode
from featuremap_cli.networks.configuration.settings import UnknownLayerError
from featuremap_cli.networks.layered_graph import Call, Layer, LayeredGraph, Weight

IMAGE = "image"
"""The value that is the image, as it is fed in."""

TURNED = "image turned"
"""The same with its channels first."""


@dataclass(frozen=True, eq=False)
class _Known:
    """A layer that is known.

    Attributes:
        layer: what is said of it.
        kind: what it computes.
    """

    layer: Layer
    kind: Kind


@dataclass(frozen=True)
class _Value:
    """A value of the network.

    Attributes:
        name: in the graph.
        shape: of it.
    """

    name: str
    shape: Shape


def whole_graph(model: Mapping[str, Any], input_size: tuple[int, int] | None = None) -> LayeredGraph:
    """A network from its configuration.

    Args:
        model: what `config.json` or `model_config` holds.
        input_size: (width, height) of the image in place of the network's own.

    Raises:
        UnknownLayerError: it has a layer, or is connected in a way, that is not known.
    """
    if not is_model(model):
        raise UnknownLayerError(f"is a {model.get('class_name')}")
    if keeps_channels_first(model):
        model = with_channels_last(model)
    top = read_graph(model)
    if len(top.shape) != 4 or top.shape[0] is not None:
        raise UnknownLayerError(f"takes {top.shape}")
    image = top.shape[1:] if input_size is None else (input_size[1], input_size[0], top.shape[3])
    layout = _Layout(image)
    outputs = layout.run(top, "", [layout.image])
    if any(size is not None and size < 1 for call in layout.calls for size in call.shape or ()):
        raise UnknownLayerError("leaves nothing of an image of its own size")
    return LayeredGraph(
        name=top.name,
        input_name=top.input_name,
        input=(IMAGE, ValueType("float32", (None, *image))),
        image=image,
        calls=tuple(layout.calls),
        outputs=tuple(value.name for value in outputs),
        layers=tuple(layout.known[path].layer for path in _paths(model, "") if path in layout.known),
        prelude=(Node("Transpose", (IMAGE,), (TURNED,), {"perm": (0, 3, 1, 2)}),),
        constants=layout.nodes.constants,
        weights=layout.weights,
        shapes_at=layout.shapes_at,
    )


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
        image: the value that the image is.
        calls: in the order of execution.
        known: the layers, by path, in the order in which they were first walked to.
        nodes: what computes the calls.
        weights: by value.
    """

    def __init__(self, image: Shape) -> None:
        self.image = _Value(TURNED, image)
        self.calls: list[Call] = []
        self.known: dict[str, _Known] = {}
        self.nodes = NodeList("")
        self.weights: dict[str, Weight] = {}
        self._kinds: dict[str, Kind] = {}
        self._graphs: dict[str, SavedGraph] = {}
        self._times: Counter[str] = Counter()
        self._shared: set[int] = set()

    def run(self, graph: SavedGraph, prefix: str, given: Sequence[_Value]) -> list[_Value]:
        """Note the calls of a model that is given one value; return its outputs."""
        self._require_fit(graph, given)
        values: dict[Tensor, _Value] = {Tensor(SavedNode(graph.input_name, 0), 0): given[0]}
        for node, arguments in graph.calls:
            layer, path = graph.layers[node.layer], f"{prefix}{node.layer}"
            if is_operation(layer):
                outputs = [self._operate(layer, arguments, values)]
            else:
                outputs = self._call(layer, path, [values[one] for one in arguments if isinstance(one, Tensor)])
            values |= {Tensor(node, place): value for place, value in enumerate(outputs)}
        return [values[tensor] for tensor in graph.outputs]

    def shapes_at(self, image: Shape) -> dict[str, Shape]:
        """The shape of every call's value for images of a shape.

        Raises:
            UnknownLayerError: some layer's inputs do not fit together.
        """
        shapes: dict[str, Shape] = {self.image.name: image}
        for call in self.calls:
            try:
                kind = self._kinds[call.output]
                shapes[call.output] = kind.output_shape([shapes[value] for value in call.inputs])
            except UnknownLayerError as unknown:
                raise UnknownLayerError(f"{call.layer.path} {unknown}") from unknown
        return shapes

    def _call(self, layer: Mapping[str, Any], path: str, given: Sequence[_Value]) -> list[_Value]:
        if is_model(layer):
            if path not in self._graphs:
                self._note_shared(layer)
                self._graphs[path] = read_graph(layer)
            return self.run(self._graphs[path], f"{path}/", given)
        shapes = [value.shape for value in given]
        if path not in self.known:
            self._note_shared(layer)
            self.known[path] = _known(layer, path, shapes)
        known = self.known[path]
        if known.kind.weights(shapes) != known.layer.weights:
            raise UnknownLayerError(f"{path} is given images of several kinds")
        return [self._note_call(known, given, known.kind.output_shape(shapes))]

    def _operate(
        self, described: Mapping[str, Any], arguments: Sequence[Argument], values: Mapping[Tensor, _Value]
    ) -> _Value:
        """Note an operation, which is no layer, and of which each call is another one."""
        name, kind = name_of(described), known_operation(described["class_name"], arguments)
        given = [values[one] for one in arguments if isinstance(one, Tensor)]
        known = _Known(Layer(name, described["class_name"], is_operation=True), kind)
        return self._note_call(known, given, kind.output_shape([value.shape for value in given]))

    def _note_call(self, known: _Known, given: Sequence[_Value], shape: Shape) -> _Value:
        """Write the nodes of a call; return what it makes."""
        inputs, shapes = tuple(value.name for value in given), [value.shape for value in given]
        kind, path = known.kind, known.layer.path
        before = len(self.nodes.nodes)
        linear = kind.write(self.nodes, inputs, shapes, _WeightNames(known.layer, self.weights))
        made = linear if kind.activation is None else kind.activation(self.nodes, linear, channel_axis(shape))
        call = Call(
            known.layer,
            self._times[path],
            inputs,
            made,
            shape,
            None if kind.activation is None else linear,
            tuple(self.nodes.nodes[before:]),
            kind.arithmetic(shapes, shape),
        )
        self.calls.append(call)
        self._kinds[made] = kind
        self._times[path] += 1
        return _Value(made, shape)

    def _note_shared(self, layer: Mapping[str, Any]) -> None:
        """Refuse a layer that stands in two places, which is one object to Keras and has one path."""
        shared = layer.get("shared_object_id")
        if shared in self._shared:
            raise UnknownLayerError("has a layer in two places")
        if shared is not None:
            self._shared.add(shared)

    def _require_fit(self, graph: SavedGraph, given: Sequence[_Value]) -> None:
        """Refuse a model that is given something else than it declares: Keras adapts some of it and warns."""
        shape = given[0].shape if len(given) == 1 else ()
        declared = graph.shape[1:]
        fits = len(shape) == len(declared) and all(
            own in (None, size) for own, size in zip(declared, shape, strict=True)
        )
        if not (fits or given[0] == self.image):
            raise UnknownLayerError(f"{graph.name} takes {declared} and is given {shape}")


class _WeightNames:
    """The weights of one layer as values; notes those that are asked for. See `kind.WeightNames`."""

    def __init__(self, layer: Layer, weights: dict[str, Weight]) -> None:
        self._layer, self._weights = layer, weights

    def value(self, name: str, axes: tuple[int, ...] | None = None, shape: tuple[int, ...] | None = None) -> str:
        """See `kind.WeightNames`."""
        own = self._layer.weights[name]
        turned = own if axes is None else tuple(own[axis] for axis in axes)
        value = f"{self._layer.path}:{name}"
        self._weights[value] = Weight(self._layer.path, name, axes, turned if shape is None else shape)
        return value


def _known(layer: Mapping[str, Any], path: str, shapes: Sequence[Shape]) -> _Known:
    if not is_layer(layer):
        raise UnknownLayerError(f"{path} is a {layer.get('module')}.{layer['class_name']}")
    try:
        kind, name = known_layer(layer["class_name"], layer["config"]), layer["class_name"]
        kernels = name if name in CONVOLUTIONS else None
        weights, known = kind.weights(shapes), kernels is not None
        return _Known(Layer(path, name, weights, layer["config"], kernels, known, window=kind.window), kind)
    except UnknownLayerError as unknown:
        raise type(unknown)(f"{path} {unknown}") from unknown
