"""A graph as the bytes of an ONNX model.

ONNX's files are protocol buffers. What is written here is a small part of `onnx.proto`, so that a network from another
format can be handed to the runtime without importing the package `onnx`, which takes longer than running the network.

Source: onnx/onnx.proto; https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.graph.nodes import OPSET, Attribute, Encoded, Node

IR_VERSION = 8
_EXTERNAL = 1

_TYPES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
}
"""TensorProto.DataType by NumPy's names."""


@dataclass(frozen=True)
class ValueType:
    """What a value is.

    Attributes:
        dtype: NumPy's name, `float32`.
        shape: with the batch axis; None where a size is free.
    """

    dtype: str
    shape: tuple[int | None, ...]


def encode_model(
    nodes: Sequence[Node],
    inputs: Mapping[str, ValueType],
    outputs: Iterable[str],
    constants: Mapping[str, NDArray[Any]],
    external: Mapping[str, ValueType],
    opsets: Mapping[str, int] | None = None,
) -> bytes:
    """A model.

    Args:
        nodes: each after those whose values it takes.
        inputs: what is fed in, by name.
        outputs: names of the values that are wanted.
        constants: arrays that are written into the model.
        external: weights that the runtime is handed beside it.
        opsets: {domain: version} of the operators; ONNX's own at `OPSET` by default.
    """
    graph = b"".join(
        [
            *(_message(1, _node(node)) for node in nodes),
            _text(2, "graph"),
            *(_message(5, _tensor(name, array)) for name, array in constants.items()),
            *(_message(5, _external(name, kind)) for name, kind in external.items()),
            *(_message(11, _value(name, kind)) for name, kind in inputs.items()),
            *(_message(12, _text(1, name)) for name in outputs),
        ]
    )
    versions = b"".join(
        _message(8, _text(1, domain) + _number(2, version)) for domain, version in (opsets or {"": OPSET}).items()
    )
    return _number(1, IR_VERSION) + versions + _message(7, graph)


def _node(node: Node) -> bytes:
    attributes = (
        _message(5, value.content if isinstance(value, Encoded) else _attribute(name, value))
        for name, value in node.attributes.items()
    )
    return b"".join(
        [
            *(_text(1, name) for name in node.inputs),
            *(_text(2, name) for name in node.outputs),
            _text(4, node.operator),
            *attributes,
            _text(7, node.domain) if node.domain else b"",
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    start = _text(1, name)
    if isinstance(value, np.ndarray):
        return start + _message(5, _tensor("", value)) + _number(20, 4)
    if isinstance(value, str):
        return start + _text(4, value) + _number(20, 3)
    if isinstance(value, float):
        return start + _float(2, value) + _number(20, 1)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, 2)
    if not isinstance(value, tuple):
        raise TypeError(f"{name} is a {type(value).__name__}, which no attribute of a node is")
    if any(isinstance(one, str) for one in value):
        return start + b"".join(_text(9, str(one)) for one in value) + _number(20, 8)
    if any(isinstance(one, float) for one in value):
        return start + b"".join(_float(7, float(one)) for one in value) + _number(20, 6)
    return start + b"".join(_number(8, int(one)) for one in value) + _number(20, 7)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    dimensions = b"".join(_number(1, size) for size in array.shape)
    raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return dimensions + _number(2, _TYPES[array.dtype.name]) + _text(8, name) + _message(9, raw)


def _external(name: str, kind: ValueType) -> bytes:
    """A tensor whose values lie elsewhere; the runtime is given them before it would look for the place."""
    dimensions = b"".join(_number(1, int(size or 0)) for size in kind.shape)
    place = _message(13, _text(1, "location") + _text(2, "given"))
    return dimensions + _number(2, _TYPES[kind.dtype]) + _text(8, name) + place + _number(14, _EXTERNAL)


def _value(name: str, kind: ValueType) -> bytes:
    sizes = (_text(2, f"{name}.{axis}") if size is None else _number(1, size) for axis, size in enumerate(kind.shape))
    shape = b"".join(_message(1, size) for size in sizes)
    tensor = _number(1, _TYPES[kind.dtype]) + _message(2, shape)
    return _text(1, name) + _message(2, _message(1, tensor))


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode("utf-8", "surrogatepass"))


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number & (1 << 64) - 1)


def _float(field: int, number: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", number)


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
