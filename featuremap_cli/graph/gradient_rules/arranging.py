"""Gradients of operators that change where values stand: shapes, slices, borders, sizes, and sums along axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.gradient_rules.backward import Backward, Rule, Shape, Signals
from featuremap_cli.graph.nodes import Node
from featuremap_cli.graph.runtime import GraphError, Session


def _as_before(node: Node, signals: Signals, at: Backward) -> Signals:
    """Whatever keeps the values in their order: Reshape, Flatten, Squeeze, Unsqueeze."""
    return [at.reshaped(str(signals[0]), at.shape(node.inputs[0]))]


def _unchanged(node: Node, signals: Signals, at: Backward) -> Signals:
    return [signals[0]]


def _cast(node: Node, signals: Signals, at: Backward) -> Signals:
    """From half precision and whole numbers to floats the signal is what it was, in the same numbers."""
    return [signals[0]]


def _turned(node: Node, signals: Signals, at: Backward) -> Signals:
    rank = len(at.shape(node.inputs[0]))
    order = node.attributes.get("perm")
    axes = [int(axis) for axis in order] if isinstance(order, tuple) else list(range(rank))[::-1]
    return [at.nodes.add("Transpose", str(signals[0]), perm=tuple(axes.index(axis) for axis in range(rank)))]


def _joined(node: Node, signals: Signals, at: Backward) -> Signals:
    """A part of a Concat's signal for each of its inputs."""
    axis = node.attributes.get("axis", 1)
    place = int(axis) if isinstance(axis, int) else 1
    lengths = [int(at.shape(name)[place] or 0) for name in node.inputs]
    return list(at.nodes.add_several("Split", (str(signals[0]), at.whole(*lengths)), len(lengths), axis=place))


def _divided(node: Node, signals: Signals, at: Backward) -> Signals:
    """The signals of a Split's outputs beside each other, zeros where there is none."""
    axis = node.attributes.get("axis", 0)
    parts = [
        signal if signal else at.nodes.add("Mul", name, at.number(0))
        for signal, name in zip(signals, node.outputs, strict=True)
    ]
    return [at.nodes.add("Concat", *parts, axis=int(axis) if isinstance(axis, int) else 0)]


def _sliced(node: Node, signals: Signals, at: Backward) -> Signals:
    """Zeros around what a Slice has taken."""
    shape = at.shape(node.inputs[0])
    before, after = [0] * len(shape), [0] * len(shape)
    for axis, start, end, step in _slices(node, shape, at):
        if step != 1:
            raise GraphError("Slice has no gradient here where it leaves positions out")
        length = shape[axis]
        if length is None:
            raise GraphError("Slice has no gradient here along the images")
        kept = range(length)[start:end]
        before[axis], after[axis] = kept.start, length - kept.stop
    return [at.nodes.add("Pad", str(signals[0]), at.whole(*before, *after))]


def _slices(node: Node, shape: Shape, at: Backward) -> list[tuple[int, int, int, int]]:
    """(axis, start, end, step) of each axis; older versions of the operator have them among the attributes."""
    if "starts" in node.attributes:
        lists = [_list(node, "starts"), _list(node, "ends"), _list(node, "axes"), []]
    else:
        given = [*node.inputs[1:], "", "", ""][:4]
        lists = [[int(one) for one in at.fixed(name, node).ravel()] if name else [] for name in given]
    starts, ends, axes, steps = lists
    axes = axes or list(range(len(starts)))
    steps = steps or [1] * len(starts)
    return [
        (axis % len(shape), start, end, step) for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    ]


def _list(node: Node, name: str) -> list[int]:
    value = node.attributes.get(name)
    return [int(one) for one in value] if isinstance(value, tuple) else []


def _bordered(node: Node, signals: Signals, at: Backward) -> Signals:
    """What lies inside a border of one value; a border cut off becomes zeros."""
    if node.attributes.get("mode", "constant") != "constant":
        raise GraphError(f"Pad has no gradient here for a border of the kind {node.attributes['mode']}")
    shape = at.shape(node.inputs[0])
    given = [int(one) for one in at.fixed(node.inputs[1], node).ravel()] if len(node.inputs) > 1 else []
    borders = given or _list(node, "pads") or _list(node, "paddings")
    axes = [int(one) for one in at.fixed(node.inputs[3], node).ravel()] if len(node.inputs) > 3 else range(len(shape))
    full = [0] * (2 * len(shape))
    for place, axis in enumerate(axes):
        full[axis], full[len(shape) + axis] = borders[place], borders[len(borders) // 2 + place]
    return [at.nodes.add("Pad", str(signals[0]), at.whole(*(-border for border in full)))]


def _resized(node: Node, signals: Signals, at: Backward) -> Signals:
    """A resize is a product with one matrix an axis; the signal is multiplied with them turned.

    The matrices are what the runtime itself makes of each single pixel.
    """
    before, after = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    if before[:2] != after[:2] or len(before) != 4:
        raise GraphError(f"{node.operator} has no gradient here where it changes the channels")
    down, right = (_matrix(node, axis, before, after, at) for axis in (2, 3))
    rows = at.nodes.add("MatMul", at.nodes.constant(np.ascontiguousarray(down.T)), str(signals[0]))
    return [at.nodes.add("MatMul", rows, at.nodes.constant(right))]


def _matrix(node: Node, axis: int, before: Shape, after: Shape, at: Backward) -> NDArray[np.float32]:
    """(length after, length before): how much of each pixel before is in each one after."""
    length, other = int(before[axis] or 0), 5 - axis
    across = int(before[other] or 0)
    pixels = np.eye(length, dtype=np.float32)
    images = pixels[:, None, :, None] if axis == 2 else pixels[:, None, None, :]
    images = np.ascontiguousarray(np.repeat(images, across, axis=other))
    known = {name: np.asarray(at.fixed(name, node)) for name in node.inputs[1:] if name}
    known = {name: _for_images(array, length, node, name) for name, array in known.items()}
    single = Node(node.operator, ("image", *node.inputs[1:]), ("resized",), node.attributes)
    kind = {"image": ValueType("float32", images.shape)}
    (made,) = Session([single], kind, ["resized"], known, at.opsets, optimized=False).run({"image": images})
    line = made[:, 0, :, 0] if axis == 2 else made[:, 0, 0, :]
    return np.ascontiguousarray(line.T, np.float32)


def _for_images(array: NDArray[np.generic], images: int, node: Node, name: str) -> NDArray[np.generic]:
    """The sizes that a Resize is given, for another number of images with one channel; its factors stay."""
    is_sizes = len(node.inputs) > 3 and name == node.inputs[3]
    return np.array([images, 1, *array[2:]], np.int64) if is_sizes else array


def _summed(node: Node, signals: Signals, at: Backward) -> Signals:
    """A ReduceSum or ReduceMean: the signal again at every position that was summed."""
    shape = at.shape(node.inputs[0])
    axes = _axes(node, len(shape), at)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    signal = at.reshaped(str(signals[0]), kept)
    if node.operator == "ReduceMean":
        signal = at.nodes.add("Mul", signal, at.number(1 / math.prod(int(shape[axis] or 1) for axis in axes)))
    return [at.nodes.add("Expand", signal, at.whole(*(1 if size is None else size for size in shape)))]


def _axes(node: Node, rank: int, at: Backward) -> Sequence[int]:
    given = [int(one) for one in at.fixed(node.inputs[1], node).ravel()] if len(node.inputs) > 1 else []
    axes = given or _list(node, "axes") or list(range(rank))
    if 0 in [axis % rank for axis in axes]:
        raise GraphError(f"{node.operator} has no gradient here along the images")
    return [axis % rank for axis in axes]


ARRANGING: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), Rule(_as_before)),
        **dict.fromkeys(("Identity", "Dropout"), Rule(_unchanged)),
        **dict.fromkeys(("Resize", "Upsample"), Rule(_resized)),
        **dict.fromkeys(("ReduceSum", "ReduceMean"), Rule(_summed)),
        "Cast": Rule(_cast),
        "Transpose": Rule(_turned),
        "Concat": Rule(_joined),
        "Split": Rule(_divided),
        "Slice": Rule(_sliced),
        "Pad": Rule(_bordered),
    }
)
