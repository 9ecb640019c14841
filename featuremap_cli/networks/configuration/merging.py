"""Layers that take several inputs and make them one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.networks.configuration.activations import number
from featuremap_cli.networks.configuration.kind import Kind, Shape, WeightNames
from featuremap_cli.networks.configuration.settings import Settings, UnknownLayerError


@dataclass(frozen=True)
class Merged(Kind):
    """Add, Subtract, Multiply, Average, Maximum, Minimum: value by value."""

    operator: str
    takes_mean: bool = False
    exactly_two: bool = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`; an axis of one value goes with any length, as in a channel's gate."""
        if len(inputs) < 2 or (self.exactly_two and len(inputs) != 2):
            raise UnknownLayerError(f"is given {list(inputs)}")
        return common_shape(inputs)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        if self.operator in ("Max", "Min") or len(inputs) == 2:
            made = nodes.add(self.operator, *inputs)
        else:
            made = inputs[0]
            for one in inputs[1:]:
                made = nodes.add(self.operator, made, one)
        return nodes.add("Div", made, number(nodes, len(inputs))) if self.takes_mean else made


@dataclass(frozen=True)
class Concatenated(Kind):
    """Concatenate."""

    axis: int

    @classmethod
    def read(cls, settings: Settings) -> Concatenated:
        """Take it from a layer's settings."""
        axis = settings.take("axis")
        if not isinstance(axis, int) or axis == 0:
            raise UnknownLayerError(f"works along {axis}")
        return cls(axis)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        axis = self._own_axis(len(inputs[0]))
        along = [shape[axis] for shape in inputs]
        others = {(*shape[:axis], *shape[axis + 1 :]) for shape in inputs}
        if len(inputs) < 2 or len(others) != 1 or (None in along and any(along)):
            raise UnknownLayerError(f"is given {list(inputs)}")
        joined = None if None in along else sum(size or 0 for size in along)
        return (*inputs[0][:axis], joined, *inputs[0][axis + 1 :])

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        own = self._own_axis(len(shapes[0]))
        axis = (2, 3, 1)[own] if len(shapes[0]) == 3 else own + 1
        return nodes.add("Concat", *inputs, axis=axis)

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return View.POINT if self.axis in (-1, len(after)) else View.UNKNOWN

    def _own_axis(self, rank: int) -> int:
        """The axis without the batch axis, which Keras counts."""
        axis = self.axis - 1 if self.axis > 0 else rank + self.axis
        if not 0 <= axis < rank:
            raise UnknownLayerError(f"works along {self.axis}")
        return axis


def common_shape(inputs: Sequence[Shape]) -> Shape:
    """The shape of values that are combined one by one; an axis of one value goes with any length.

    Raises:
        UnknownLayerError: they do not go together.
    """
    if len({len(shape) for shape in inputs}) != 1:
        raise UnknownLayerError(f"is given {list(inputs)}")
    return tuple(_common(sizes) for sizes in zip(*inputs, strict=True))


def _common(sizes: Sequence[Any]) -> Any:
    longer = {size for size in sizes if size != 1}
    if len(longer) > 1:
        raise UnknownLayerError(f"is given lengths of {sizes}")
    return longer.pop() if longer else 1


@dataclass(frozen=True)
class ScaledSum(Kind):
    """CustomScaleLayer of keras.applications' InceptionResNetV2: the first input and a share of the second."""

    scale: float

    @classmethod
    def read(cls, settings: Settings) -> ScaledSum:
        """Take it from a layer's settings."""
        return cls(float(settings.take("scale")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        if len(inputs) != 2:
            raise UnknownLayerError(f"is given {list(inputs)}")
        return common_shape(inputs)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        return nodes.add("Add", inputs[0], nodes.add("Mul", inputs[1], number(nodes, self.scale)))


def _reader(kind: Merged) -> Callable[[Settings], Kind]:
    return lambda settings: kind


MERGING: Mapping[str, Callable[[Settings], Kind]] = MappingProxyType(
    {
        "Add": _reader(Merged("Add")),
        "Subtract": _reader(Merged("Sub", exactly_two=True)),
        "Multiply": _reader(Merged("Mul")),
        "Average": _reader(Merged("Add", takes_mean=True)),
        "Maximum": _reader(Merged("Max")),
        "Minimum": _reader(Merged("Min")),
        "Concatenate": Concatenated.read,
        "CustomScaleLayer": ScaledSum.read,
    }
)
