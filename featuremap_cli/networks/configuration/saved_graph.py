"""How the layers of one saved Sequential or Functional model are connected, read from its configuration.

Source: `functional_from_config` and `serialize_node` in keras/src/models/functional.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from featuremap_cli.networks.configuration.execution_order import execution_order
from featuremap_cli.networks.configuration.settings import UnknownLayerError, require_float32

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


Argument = Tensor | float
"""What a call is given; a number goes to an operation alone."""


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
    calls: Sequence[tuple[Node, tuple[Argument, ...]]]
    outputs: tuple[Tensor, ...]


def is_model(layer: Mapping[str, Any]) -> bool:
    """Whether the configuration is that of a model of Keras's own, nothing but its layers."""
    if layer.get("class_name") not in (*FUNCTIONAL, SEQUENTIAL):
        return False
    of_keras = str(layer.get("module") or "keras").partition(".")[0] in ("keras", "tf_keras")
    return of_keras and layer.get("registered_name") in (None, layer["class_name"])


def is_layer(layer: Mapping[str, Any]) -> bool:
    """Whether the configuration is that of a layer of Keras's own. Files of Keras 2 do not tell, and count as such."""
    module, registered = layer.get("module"), layer.get("registered_name")
    if str(module).startswith("keras.src.applications."):
        return bool(registered == layer["class_name"])
    return module in (None, "keras.layers") and registered is None


def is_operation(layer: Mapping[str, Any]) -> bool:
    """Whether the configuration is that of an operation of `keras.ops`, which stands beside a model's layers."""
    is_of_keras = str(layer.get("module")).startswith("keras.src.ops.")
    return is_of_keras and layer.get("registered_name") == layer.get("class_name")


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
    if not isinstance(settings.get("name"), str):
        raise UnknownLayerError(f"is called {settings.get('name')!r}")
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
    given: dict[Node, tuple[Argument, ...]] = {inputs[0].node: ()}
    for name, layer in layers.items():
        calls = layer["inbound_nodes"]
        if layer["class_name"] == "InputLayer" and (name != inputs[0].node.layer or calls):
            raise UnknownLayerError("has several inputs")
        read = _operands if is_operation(layer) else _arguments
        given |= {Node(name, number): tuple(read(call)) for number, call in enumerate(calls)}
    tensors = {node: [one for one in arguments if isinstance(one, Tensor)] for node, arguments in given.items()}
    if any(tensor.node not in given for taken in (*tensors.values(), outputs) for tensor in taken):
        raise UnknownLayerError("refers to a call that is not there")
    order = execution_order(
        [tensor.node for tensor in outputs],
        {node: [tensor.node for tensor in taken] for node, taken in tensors.items()},
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
        yield _tensor(tensor)


def _operands(call: Any) -> Iterator[Argument]:
    """What an operation is given: tensors and numbers, in their order."""
    if not isinstance(call, dict) or any(value is not None for value in call["kwargs"].values()):
        raise UnknownLayerError("is called with arguments of its own")
    for operand in call["args"]:
        is_number = isinstance(operand, int | float) and not isinstance(operand, bool)
        yield float(operand) if is_number else _tensor(operand)


def _tensor(described: Any) -> Tensor:
    if not isinstance(described, dict) or described.get("class_name") != "__keras_tensor__":
        raise UnknownLayerError("is called with something that is no tensor")
    if described["config"].get("dtype") != "float32":
        raise UnknownLayerError(f"is called with {described['config'].get('dtype')}")
    name, number, place = described["config"]["keras_history"]
    return Tensor(Node(name, number), place)


def _keras_2_arguments(call: Any) -> Iterator[Tensor]:
    """The same as Keras 2 wrote it: [[name, call, place, arguments], ...]."""
    for one in call:
        if not isinstance(one, list) or len(one) not in (3, 4) or not isinstance(one[0], str):
            raise UnknownLayerError("is called with something that is no tensor")
        if len(one) == 4 and any(value not in (None, False) for value in one[3].values()):
            raise UnknownLayerError("is called with arguments of its own")
        yield Tensor(Node(one[0], one[1]), one[2])
