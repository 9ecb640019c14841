"""From ONNX's own records to nodes and arrays, with everything that no image has an influence on worked out.

Half precision becomes float32 throughout: what is drawn is the same, and gradients need one type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.errors import NetworkError
from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import Attribute, Encoded, Node
from featuremap_cli.graph.runtime import GraphError, Session

HALF, FLOAT = 10, 1
_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli")


@dataclass(frozen=True, eq=False)
class ReadGraph:
    """A network as nodes.

    Attributes:
        name: what the file calls it.
        inputs: what is fed in, by name.
        outputs: the values that it gives.
        nodes: those that depend on what is fed in, each after those whose values it takes.
        names: what the file calls each node, in the order of `nodes`; empty where it has none.
        arrays: all other values that the nodes take.
        opsets: {domain: version} of the operators.
        producer: what wrote the file, `pytorch`.
    """

    name: str
    inputs: Mapping[str, ValueType]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    names: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    opsets: Mapping[str, int]
    producer: str


def read_graph(model: Any, network: str) -> ReadGraph:
    """The graph of a model.

    Args:
        model: an `onnx.ModelProto` with its weights.
        network: its name, for messages.

    Raises:
        NetworkError: it holds what is not understood, or constants that cannot be worked out.
    """
    from onnx import numpy_helper

    graph = model.graph
    try:
        arrays = {tensor.name: _single(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
        nodes = [(_node(node), _words([node.name])[0]) for node in graph.node]
        _words([one.name for one in (*graph.input, *graph.output, *graph.initializer)])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NetworkError(f"{network} is damaged: {' '.join(str(error).split())[:200]}") from error
    inputs = {one.name: _value_type(one) for one in graph.input if one.name not in arrays}
    opsets = {one.domain if one.domain != "ai.onnx" else "": one.version for one in model.opset_import}
    kept, names, folded = _without_constants(nodes, inputs, arrays, opsets, network)
    return ReadGraph(
        graph.name,
        inputs,
        tuple(one.name for one in graph.output),
        tuple(kept),
        tuple(names),
        folded,
        opsets,
        model.producer_name,
    )


def _without_constants(
    nodes: Sequence[tuple[Node, str]],
    inputs: Mapping[str, ValueType],
    arrays: Mapping[str, NDArray[Any]],
    opsets: Mapping[str, int],
    network: str,
) -> tuple[list[Node], list[str], dict[str, NDArray[Any]]]:
    """The nodes that depend on an input, their names, and the arrays that they take."""
    moving, kept, constant = set(inputs), [], []
    for node, name in nodes:
        if moving.intersection((*node.inputs, *node.captured)) or node.operator in _RANDOM:
            moving.update(one for one in node.outputs if one)
            kept.append((node, name))
        else:
            constant.append(node)
    taken = {name for node, _ in kept for name in (*node.inputs, *node.captured)}
    wanted = sorted({name for node in constant for name in node.outputs if name and name in taken})
    found = dict(arrays)
    if wanted:
        try:
            session = Session(constant, {}, wanted, arrays, opsets)
            found |= {
                name: _single(np.asarray(value)) for name, value in zip(session.outputs, session.run({}), strict=True)
            }
        except GraphError as error:
            raise NetworkError(f"the constants of {network} cannot be worked out: {error}") from error
    used = {name: array for name, array in found.items() if name in taken}
    return [node for node, _ in kept], [name for _, name in kept], used


def _single(array: NDArray[Any]) -> NDArray[Any]:
    """Half precision as float32, other arrays as they are."""
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


def _value_type(value: Any) -> ValueType:
    from onnx import helper

    kind = value.type.tensor_type
    shape = tuple(one.dim_value if one.dim_value > 0 else None for one in kind.shape.dim)
    name = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type or FLOAT)).name
    return ValueType("float32" if name in ("float16", "bfloat16") else name, shape)


def _node(node: Any) -> Node:
    attributes: dict[str, Attribute] = {one.name: _attribute(one) for one in node.attribute}
    if node.op_type == "Cast" and attributes.get("to") == HALF:
        attributes["to"] = FLOAT
    captured = tuple(dict.fromkeys(name for one in node.attribute for name in _captured(one)))
    domain = "" if node.domain == "ai.onnx" else node.domain
    (operator,) = _words([node.op_type])
    return Node(operator, tuple(_words(node.input)), tuple(_words(node.output)), attributes, domain, captured)


def _words(names: Sequence[Any]) -> Sequence[str]:
    """Names as they are; a file whose names are no text is damaged.

    Raises:
        ValueError: one is bytes, which is how they come out where they cannot be decoded.
    """
    if any(not isinstance(name, str) for name in names):
        raise ValueError("a name in it is no text")
    return names


def _attribute(attribute: Any) -> Attribute:
    from onnx import AttributeProto, numpy_helper

    kind = attribute.type
    if kind == AttributeProto.FLOAT:
        return float(attribute.f)
    if kind == AttributeProto.INT:
        return int(attribute.i)
    if kind == AttributeProto.STRING:
        return str(attribute.s.decode("utf-8", "replace"))
    if kind == AttributeProto.INTS:
        return tuple(int(one) for one in attribute.ints)
    if kind == AttributeProto.FLOATS:
        return tuple(float(one) for one in attribute.floats)
    if kind == AttributeProto.TENSOR:
        return _single(numpy_helper.to_array(attribute.t))
    return Encoded(attribute.SerializeToString())


def _captured(attribute: Any) -> Iterator[str]:
    """Names that a graph within an attribute takes from outside."""
    for graph in [attribute.g, *attribute.graphs] if attribute.HasField("g") or attribute.graphs else []:
        own = {one.name for one in (*graph.input, *graph.initializer)}
        own |= {name for node in graph.node for name in node.output}
        for node in graph.node:
            yield from (name for name in node.input if name and name not in own)
            for inner in node.attribute:
                yield from (name for name in _captured(inner) if name not in own)
        yield from (one.name for one in graph.output if one.name not in own)
