"""The weights of ONNX's nodes, with their axes as Keras has them, and which of Keras's convolutions a node is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.graph.nodes import Node

PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Conv": ("kernel", "bias"),
        "ConvTranspose": ("kernel", "bias"),
        "Gemm": ("kernel", "bias"),
        "MatMul": ("kernel",),
        "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
        "InstanceNormalization": ("gamma", "beta"),
        "LayerNormalization": ("gamma", "beta"),
        "GroupNormalization": ("gamma", "beta"),
        "PRelu": ("alpha",),
        "Add": ("bias",),
        "Sub": ("bias",),
        "Mul": ("scale",),
        "Div": ("scale",),
    }
)
"""What an operator's inputs after the first are called, where they are weights."""


def source_of(node: Node, name: str) -> str:
    """The value that a node's weight is."""
    if node.operator == "QLinearConv":
        return node.inputs[3] if name == "kernel" else node.inputs[8]
    return node.inputs[1 + PARAMETERS[node.operator].index(name)] if node.operator != "MatMul" else node.inputs[1]


def node_weights(node: Node, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A node's weights in Keras's order of axes, by Keras's names."""
    if node.operator == "QLinearConv":
        return _quantized(node, arrays)
    names = PARAMETERS.get(node.operator, ())
    found = {
        name: arrays[value]
        for name, value in zip(names, node.inputs[1:], strict=False)
        if value in arrays and arrays[value].dtype.kind == "f" and (arrays[value].size > 1 or name != "scale")
    }
    if "kernel" in found:
        found["kernel"] = _keras_kernel(node, found["kernel"])
    return found


def _quantized(node: Node, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The filters of a QLinearConv as the numbers that they stand for."""
    kernel, scale, zero = (arrays.get(name) for name in node.inputs[3:6])
    if kernel is None or scale is None or zero is None:
        return {}
    each = (-1, *(1,) * (kernel.ndim - 1))
    real = (kernel.astype(np.float32) - zero.astype(np.float32).reshape(each)) * scale.reshape(each)
    found = {"kernel": _keras_kernel(node, real.astype(np.float32))}
    bias = arrays.get(node.inputs[8]) if len(node.inputs) > 8 else None
    given = arrays.get(node.inputs[1])
    if bias is not None and given is not None:
        found["bias"] = (bias.astype(np.float32) * given * scale.reshape(-1)).astype(np.float32)
    return found


def _keras_kernel(node: Node, kernel: NDArray[Any]) -> NDArray[Any]:
    """(filters, channels, height, width) with its axes as Keras has them for the same convolution."""
    if node.operator == "Gemm":
        return kernel.T if node.attributes.get("transB", 0) else kernel
    if kernel.ndim != 4:
        return kernel
    if kernels_of(node, kernel.shape) == "DepthwiseConv2D":
        groups = int(node.attributes["group"])  # type: ignore[arg-type]
        return kernel.reshape(groups, -1, *kernel.shape[2:]).transpose(2, 3, 0, 1)
    return kernel.transpose(2, 3, 1, 0)


def kernels_of(node: Node, shape: tuple[int, ...]) -> str | None:
    """Which of Keras's convolutions a node is, by the shape of its filters as ONNX has them."""
    group = node.attributes.get("group", 1)
    if len(shape) != 4 or not isinstance(group, int):
        return None
    if node.operator == "ConvTranspose":
        return "Conv2DTranspose" if group == 1 else None
    if node.operator not in ("Conv", "QLinearConv"):
        return None
    return "DepthwiseConv2D" if group > 1 and shape[1] == 1 and shape[0] % group == 0 else "Conv2D"


def onnx_shape(node: Node, kernel: NDArray[Any]) -> tuple[int, ...]:
    """The shape of filters as ONNX has them, from Keras's."""
    height, width, first, second = kernel.shape
    if node.operator == "ConvTranspose":
        return (second, first, height, width)
    group = node.attributes.get("group", 1)
    if isinstance(group, int) and group > 1 and first == group:
        return (first * second, 1, height, width)
    return (second, first, height, width)
