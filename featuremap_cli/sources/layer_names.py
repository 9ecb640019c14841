"""What the layers of a saved network are called, read from its configuration alone: fast enough for a shell's TAB.

Nothing is checked, and weights are not read; whoever opens the network does both. Of a `.keras` file and of ONNX's,
not even NumPy is needed.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from featuremap_cli.sources.network_config import saved_layers

KERAS_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")
"""The classes of `convolution_weights.KERNEL_NAMES`, which a test holds, without NumPy."""

ONNX_CONVOLUTIONS = ("Conv", "ConvTranspose")

_MODEL_GRAPH, _GRAPH_NODE = 7, 1
_NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR = 2, 3, 4
"""Numbers of fields in onnx.proto: of ModelProto, GraphProto and NodeProto."""


def layer_names(path: Path, *, convolutions: bool = False) -> list[str]:
    """The paths of a file's layers, in the file's order, without its inputs.

    Args:
        path: a `.keras`, `.h5` or `.onnx` file, or a configuration as Keras writes it (`.json`).
        convolutions: only those whose filters can be drawn.

    Raises:
        OSError, ValueError, KeyError: the file is damaged, or something else.
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        with path.open("rb") as file:
            return [name for name, operator in _onnx_nodes(file) if not convolutions or operator in ONNX_CONVOLUTIONS]
    configuration = json.loads(_configuration(path, suffix))
    return [
        layer.path
        for layer in saved_layers(configuration) or ()
        if layer.class_name != "InputLayer" and (not convolutions or layer.class_name in KERAS_CONVOLUTIONS)
    ]


def _configuration(path: Path, suffix: str) -> str | bytes:
    if suffix == ".json":
        return path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    import h5py

    with h5py.File(path, "r") as file:
        found: str | bytes = file.attrs["model_config"]
        return found


def _onnx_nodes(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The path of each node, as `networks/onnx_files` has it, and its operator. Weights are passed over, not read."""
    times: Counter[str] = Counter()
    end = file.seek(0, 2)
    file.seek(0)
    for field, length in _fields(file, end):
        if field != _MODEL_GRAPH:
            file.seek(length, 1)
            continue
        for inner, size in _fields(file, file.tell() + length):
            if inner != _GRAPH_NODE:
                file.seek(size, 1)
                continue
            output, name, operator = _node(file, file.tell() + size)
            if operator != "Constant":
                path = name or output or operator
                times[path] += 1
                yield path if times[path] == 1 else f"{path}~{times[path]}", operator


def _node(file: BinaryIO, end: int) -> tuple[str, str, str]:
    texts: dict[int, str] = {}
    for field, length in _fields(file, end):
        content = file.read(length)
        if field in (_NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR) and not texts.get(field):
            texts[field] = content.decode("utf-8")
    return texts.get(_NODE_OUTPUT, ""), texts.get(_NODE_NAME, ""), texts.get(_NODE_OPERATOR, "")


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """The fields of a protobuf message whose content is bytes: number and length, the file at the content's start.

    Whoever takes one reads or passes over its content. Fields of numbers are passed over here.
    """
    while file.tell() < end:
        key = _varint(file)
        field, kind = key >> 3, key & 7
        if kind == 2:
            yield field, _varint(file)
        elif kind == 0:
            _varint(file)
        elif kind in (1, 5):
            file.seek(8 if kind == 1 else 4, 1)
        else:
            raise ValueError(f"a field of kind {kind}")


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte:
            raise ValueError("it breaks off")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
