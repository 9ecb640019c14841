"""Layers that take several inputs and make them one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.networks.forward.kind import Kind, Shape
from featuremap_cli.networks.forward.settings import Settings, UnknownLayerError


@dataclass(frozen=True)
class Merged(Kind):
    """Add, Subtract, Multiply, Average, Maximum, Minimum: value by value."""

    combine: np.ufunc
    takes_mean: bool = False
    exactly_two: bool = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`; an axis of one value goes with any length, as in a channel's gate."""
        if len(inputs) < 2 or (self.exactly_two and len(inputs) != 2) or len({len(shape) for shape in inputs}) != 1:
            raise UnknownLayerError(f"is given {list(inputs)}")
        return tuple(_common(sizes) for sizes in zip(*inputs, strict=True))

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        shape = np.broadcast_shapes(*(one.shape for one in inputs))
        out = inputs[0] if spare and inputs[0].shape == shape else np.empty(shape, np.float32)
        self.combine(inputs[0], inputs[1], out=out)
        for one in inputs[2:]:
            self.combine(out, one, out=out)
        if self.takes_mean:
            np.divide(out, np.float32(len(inputs)), out=out)
        return out


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

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        return np.concatenate(list(inputs), axis=self._own_axis(inputs[0].ndim))

    def _own_axis(self, rank: int) -> int:
        """The axis without the batch axis, which Keras counts."""
        axis = self.axis - 1 if self.axis > 0 else rank + self.axis
        if not 0 <= axis < rank:
            raise UnknownLayerError(f"works along {self.axis}")
        return axis


def _common(sizes: Sequence[Any]) -> Any:
    longer = {size for size in sizes if size != 1}
    if len(longer) > 1:
        raise UnknownLayerError(f"is given lengths of {sizes}")
    return longer.pop() if longer else 1


def _reader(kind: Merged) -> Callable[[Settings], Kind]:
    return lambda settings: kind


MERGING: Mapping[str, Callable[[Settings], Kind]] = MappingProxyType(
    {
        "Add": _reader(Merged(np.add)),
        "Subtract": _reader(Merged(np.subtract, exactly_two=True)),
        "Multiply": _reader(Merged(np.multiply)),
        "Average": _reader(Merged(np.add, takes_mean=True)),
        "Maximum": _reader(Merged(np.maximum)),
        "Minimum": _reader(Merged(np.minimum)),
        "Concatenate": Concatenated.read,
    }
)
