"""From an operation of `keras.ops`, as it stands in a model, to the kind whose arithmetic is known.

What counts is what becomes of the positions, the axes 1 and 2 of (batch, height, width, ...): an operation along other
axes looks at one position at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featuremap_cli.analysis.layer_kinds import Border, LayerKind, Sliced
from featuremap_cli.analysis.layers import View
from featuremap_cli.networks.layer_facts import TensorShape

ELEMENTWISE = {
    *("Absolute", "Add", "Cast", "Clip", "Divide", "Elu", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSilu"),
    *("HardTanh", "LeakyRelu", "Log", "LogSigmoid", "Maximum", "Minimum", "Multiply", "Negative", "Power", "Relu"),
    *("Relu6", "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Silu", "Softplus", "Softsign", "Sqrt", "Square"),
    *("Subtract", "Tanh", "TrueDivide"),
}
"""They look at one value at a time."""

_REDUCTIONS = {"Max", "Mean", "Min", "Prod", "Std", "Sum", "Var"}
_ALONG_AN_AXIS = {"Concatenate", "Softmax", "LogSoftmax", "Split", "Stack"}
_POSITIONS = (1, 2)


def operation_kind(
    operation: Any, inputs: Sequence[TensorShape], output: TensorShape, given: Sequence[Any]
) -> LayerKind | View:
    """The kind of an operation.

    Args:
        operation: of `keras.ops`.
        inputs: shapes of the tensors that it is given, without the batch axis.
        output: of what it returns, the first where that is several.
        given: its arguments, in the order of its `call`.
    """
    name = type(operation).__name__
    if not type(operation).__module__.startswith("keras.src.ops.") or not inputs:
        return View.UNKNOWN
    rank = len(inputs[0]) + 1
    if name in ELEMENTWISE:
        return View.POINT
    if name in _ALONG_AN_AXIS:
        return _along(operation.axis, len(output) + 1 if name == "Stack" else rank)
    if name in _REDUCTIONS:
        return _reduction(operation.axis, rank)
    if name in ("Reshape", "Transpose", "Moveaxis", "ExpandDims", "Squeeze"):
        return _arranged(operation, name, inputs[0], output)
    if name == "GetItem" and len(given) > 1:
        return _item(given[1], inputs[0], output)
    if name == "Slice" and len(given) > 1:
        starts = _numbers(given[1])
        return View.UNKNOWN if starts is None else _sliced([slice(start, None) for start in starts], inputs[0], output)
    if name == "Pad" and rank == 4 and operation.mode == "constant":
        _, (top, bottom), (left, right), channels = operation.pad_width
        return Border(top, bottom, left, right) if tuple(channels) == (0, 0) else View.UNKNOWN
    return View.UNKNOWN


def _along(axis: Any, rank: int) -> View:
    """Of an operation along one axis: positions stay apart unless they are that axis."""
    if not isinstance(axis, int) or rank < 4:
        return View.UNKNOWN
    return View.UNKNOWN if axis % rank in (0, *_POSITIONS) else View.POINT


def _reduction(axis: Any, rank: int) -> View:
    if axis is None or rank < 4:
        return View.UNKNOWN
    axes = {one % rank for one in ((axis,) if isinstance(axis, int) else axis)}
    if 0 in axes:
        return View.UNKNOWN
    if not axes & set(_POSITIONS):
        return View.POINT
    return View.WHOLE if axes >= set(_POSITIONS) else View.UNKNOWN


def _arranged(operation: Any, name: str, before: TensorShape, after: TensorShape) -> View:
    """Of an operation that changes the order of values: whether each stays at its position."""
    rank = len(before) + 1
    if min(len(before), len(after)) < 3 or before[:2] != after[:2]:
        return View.UNKNOWN
    if name == "Transpose":
        axes = tuple(operation.axes or range(rank)[::-1])
        return View.POINT if tuple(axis % rank for axis in axes[:3]) == (0, *_POSITIONS) else View.UNKNOWN
    if name == "Moveaxis":
        moved = (*_axes(operation.source), *_axes(operation.destination))
        return View.POINT if all(axis % rank > max(_POSITIONS) for axis in moved) else View.UNKNOWN
    if name in ("ExpandDims", "Squeeze"):
        axes = _axes(operation.axis)
        rank = max(rank, len(after) + 1)
        return View.POINT if axes and all(axis % rank > max(_POSITIONS) for axis in axes) else View.UNKNOWN
    return View.POINT


def _axes(axis: Any) -> tuple[int, ...]:
    return () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


def _item(key: Any, before: TensorShape, after: TensorShape) -> LayerKind | View:
    """Of `tensor[key]`: slices of positions and channels; anything that takes one position alone is not followed."""
    # A key of several parts comes back from a file as a list.
    parts = list(key) if isinstance(key, tuple | list) else [key]
    rank = len(before) + 1
    if parts.count(Ellipsis) > 1 or any(part is not Ellipsis and not isinstance(part, slice) for part in parts):
        return View.UNKNOWN
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        parts[place : place + 1] = [slice(None)] * (rank - len(parts) + 1)
    return _sliced(parts, before, after)


def _sliced(parts: Sequence[slice], before: TensorShape, after: TensorShape) -> LayerKind | View:
    parts = [*parts, *[slice(None)] * (len(before) + 1 - len(parts))]
    if len(before) < 3 or len(before) != len(after) or None in before or not _is_whole(parts[0]):
        return View.UNKNOWN
    steps = [parts[axis].indices(int(before[axis - 1] or 0)) for axis in _POSITIONS]
    if all(start == 0 and step == 1 for start, _, step in steps) and before[:2] == after[:2]:
        return View.POINT
    if len(before) != 3 or any(step < 1 for _, _, step in steps):
        return View.UNKNOWN
    (top, _, down), (left, _, right) = steps
    shape = tuple(int(size or 0) for size in after)
    return Sliced((top, left), (down, right), (shape[0], shape[1], shape[2]))


def _is_whole(part: slice) -> bool:
    return part.start in (None, 0) and part.step in (None, 1)


def _numbers(starts: Any) -> list[int] | None:
    try:
        return [int(start) for start in starts]
    except (TypeError, ValueError):
        return None
