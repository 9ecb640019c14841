"""How the layers of one saved Sequential or Functional model are connected, read from its configuration.

Source: `functional_from_config` and `serialize_node` in keras/src/models/functional.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from featuremap_cli.networks.forward.execution_order import execution_order
from featuremap_cli.networks.forward.settings import UnknownLayerError, require_float32

FUNCTIONAL, SEQUENTIAL = ("Functional", "Model"), "Sequential"
"""Models that are nothing but their layers; Keras 2 called a Functional one `Model` at first."""


@dataclass(frozen=True)
class Node:
    """One call of a layer in a model.

    Attributes:
        layer: its name.
        number: which of the layer's calls in this model, from 0.
    """

    layer: str
    number: int


@dataclass(frozen=True)
class Tensor:
    """One of the outputs of a call."""

    node: Node
    place: int


@dataclass(frozen=True, eq=False)
class SavedGraph:
    """A model's layers and how they are connected.

    Attributes:
        name: of the model.
        layers: their configurations, by name, in the file's order.
        input_name: the name of the one input layer.
        shape: what it takes, with the batch axis.
        calls: each call that is none of an input layer, in the order of execution, with what it is given.
        outputs: of the model.
    """

    name: str
    layers: Mapping[str, Mapping[str, Any]]
    input_name: str
    shape: tuple[int | None, ...]
    calls: Sequence[tuple[Node, tuple[Tensor, ...]]]
    outputs: tuple[Tensor, ...]


def is_model(layer: Mapping[str, Any]) -> bool:
    """Whether the configuration is that of a model of Keras's own, nothing but its layers."""
    if layer.get("class_name") not in (*FUNCTIONAL, SEQUENTIAL):
        return False
    of_keras = str(layer.get("module") or "keras").partition(".")[0] in ("keras", "tf_keras")
    return of_keras and layer.get("registered_name") in (None, layer["class_name"])


def is_layer(layer: Mapping[str, Any]) -> bool:
    """Whether the configuration is that of a layer of Keras's own. Files of Keras 2 do not tell, and count as such."""
    return layer.get("module") in (None, "keras.layers") and layer.get("registered_name") is None


def read_graph(model: Mapping[str, Any]) -> SavedGraph:
    """How a model's layers are connected.

    Args:
        model: its configuration, {"class_name", "config": {"name", "layers", ...}}.

    Raises:
        UnknownLayerError: it is connected in ways that are not known, or has several inputs.
    """
    settings = model["config"]
    if not isinstance(settings, dict):
        raise UnknownLayerError("has settings as Keras 2 once wrote them")
    layers = {name_of(layer): layer for layer in settings["layers"]}
    if len(layers) != len(settings["layers"]):
        raise UnknownLayerError("has two layers of one name")
    if model["class_name"] == SEQUENTIAL:
        return _sequential(settings, layers)
    return _functional(settings, layers)


def _sequential(settings: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> SavedGraph:
    first = next(iter(layers))
    if layers[first]["class_name"] != "InputLayer":
        raise UnknownLayerError("does not begin with an input layer")
    nodes = [Node(name, 0) for name in layers]
    calls = [(node, (Tensor(before, 0),)) for before, node in pairwise(nodes)]
    outputs = (Tensor(nodes[-1], 0),)
    return SavedGraph(settings["name"], layers, first, _input_shape(layers[first]), calls, outputs)


def _functional(settings: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> SavedGraph:
    inputs = _tensors(settings["input_layers"], layers)
    outputs = _tensors(settings["output_layers"], layers)
    if len(inputs) != 1 or layers[inputs[0].node.layer]["class_name"] != "InputLayer":
        raise UnknownLayerError("has several inputs")
    given: dict[Node, tuple[Tensor, ...]] = {inputs[0].node: ()}
    for name, layer in layers.items():
        calls = layer["inbound_nodes"]
        if layer["class_name"] == "InputLayer" and (name != inputs[0].node.layer or calls):
            raise UnknownLayerError("has several inputs")
        given |= {Node(name, number): tuple(_arguments(call)) for number, call in enumerate(calls)}
    if any(tensor.node not in given for tensors in (*given.values(), outputs) for tensor in tensors):
        raise UnknownLayerError("refers to a call that is not there")
    order = execution_order(
        [tensor.node for tensor in outputs],
        {node: [tensor.node for tensor in tensors] for node, tensors in given.items()},
        {node: node.layer for node in given},
    )
    if set(order) != set(given):
        raise UnknownLayerError("has calls that lead nowhere")
    calls = [(node, given[node]) for node in order if given[node]]
    name = inputs[0].node.layer
    return SavedGraph(settings["name"], layers, name, _input_shape(layers[name]), calls, outputs)


def name_of(layer: Mapping[str, Any]) -> str:
    """A layer's name; the configuration of a Sequential model does not repeat it outside the settings."""
    settings = layer["config"]
    name = layer.get("name") or (settings.get("name") if isinstance(settings, dict) else None)
    if not isinstance(name, str) or "/" in name or "#" in name:
        raise UnknownLayerError(f"has a layer named {name}")
    return name


def _input_shape(layer: Mapping[str, Any]) -> tuple[int | None, ...]:
    """The shape of an input, with the batch axis."""
    settings = layer["config"]
    require_float32(settings)
    if settings.get("sparse") or settings.get("ragged") or settings.get("optional"):
        raise UnknownLayerError("has an input that is sparse, ragged or optional")
    shape = settings.get("batch_shape") or settings.get("batch_input_shape")
    if not isinstance(shape, list) or not all(isinstance(size, int | None) for size in shape):
        raise UnknownLayerError("does not say what its input is")
    return tuple(shape)


def _tensors(described: Any, layers: Mapping[str, Mapping[str, Any]]) -> tuple[Tensor, ...]:
    """The inputs or outputs of a model: [name, call, place], or a list of such.

    A model within the model has one call more, its own, which counts here and not among the calls that are written.
    """
    single = isinstance(described, list) and len(described) == 3 and isinstance(described[0], str)
    found = []
    for one in [described] if single else described:
        if not (isinstance(one, list) and len(one) == 3 and isinstance(one[0], str)):
            raise UnknownLayerError(f"has outputs {described}")
        name, number, place = one
        own = int(layers[name]["class_name"] in FUNCTIONAL)
        found.append(Tensor(Node(name, number - own), place))
    return tuple(found)


def _arguments(call: Any) -> Iterator[Tensor]:
    """What a call is given: tensors, alone or in a list, and nothing else."""
    if not isinstance(call, dict) or set(call) != {"args", "kwargs"}:
        yield from _keras_2_arguments(call)
        return
    if any(value not in (None, False) for value in call["kwargs"].values()) or len(call["args"]) != 1:
        raise UnknownLayerError("is called with arguments of its own")
    (first,) = call["args"]
    for tensor in first if isinstance(first, list) else [first]:
        if not isinstance(tensor, dict) or tensor.get("class_name") != "__keras_tensor__":
            raise UnknownLayerError("is called with something that is no tensor")
        if tensor["config"].get("dtype") != "float32":
            raise UnknownLayerError(f"is called with {tensor['config'].get('dtype')}")
        name, number, place = tensor["config"]["keras_history"]
        yield Tensor(Node(name, number), place)


def _keras_2_arguments(call: Any) -> Iterator[Tensor]:
    """The same as Keras 2 wrote it: [[name, call, place, arguments], ...]."""
    for one in call:
        if not isinstance(one, list) or len(one) not in (3, 4) or not isinstance(one[0], str):
            raise UnknownLayerError("is called with something that is no tensor")
        if len(one) == 4 and any(value not in (None, False) for value in one[3].values()):
            raise UnknownLayerError("is called with arguments of its own")
        yield Tensor(Node(one[0], one[1]), one[2])
