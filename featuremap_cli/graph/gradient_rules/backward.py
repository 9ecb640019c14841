"""What a gradient rule is, and what it may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.graph.nodes import Node, NodeList
from featuremap_cli.graph.runtime import GraphError

Method = Literal["gradient", "deconvnet", "guided"]

Shape = tuple[int | None, ...]
"""With the batch axis, the only one whose size may be None."""

Signals = Sequence[str | None]
"""What comes down to each output of a node, or goes on to each of its inputs; None for nothing."""


@dataclass(frozen=True, eq=False)
class Backward:
    """A gradient that is being written.

    Attributes:
        nodes: so far.
        shapes: of the forward graph's values.
        array: a value that is known beforehand; None for another.
        method: what rectifiers do.
        moving: the values of the forward graph that the start has an influence on.
        opsets: {domain: version} of the forward graph's operators.
    """

    nodes: NodeList
    shapes: Mapping[str, Shape]
    array: Callable[[str], NDArray[np.generic] | None]
    method: Method
    moving: frozenset[str]
    opsets: Mapping[str, int]

    def number(self, value: float) -> str:
        """A constant that is one number."""
        return self.nodes.constant(np.asarray(value, np.float32))

    def whole(self, *values: int) -> str:
        """A constant that is a list of whole numbers: axes, a shape."""
        return self.nodes.constant(np.asarray(values, np.int64))

    def fixed(self, name: str, node: Node) -> NDArray[np.generic]:
        """A value that has to be known beforehand.

        Raises:
            GraphError: it is not.
        """
        found = self.array(name)
        if found is None:
            raise GraphError(f"{node.operator} has no gradient here where `{name}` is computed from the image")
        return found

    def shape(self, name: str) -> Shape:
        """The shape of a value of the forward graph.

        Raises:
            GraphError: it is not known, or another size than that of the batch is free.
        """
        known = self.array(name)
        found = self.shapes.get(name) if known is None else tuple(known.shape)
        if found is None or None in found[1:]:
            raise GraphError(f"the shape of `{name}` is not known beforehand, {found}")
        return found

    def reshaped(self, signal: str, shape: Shape) -> str:
        """A signal in another shape; a free batch axis takes what is left."""
        return self.nodes.add("Reshape", signal, self.whole(*(-1 if size is None else size for size in shape)))

    def summed_to(self, signal: str, signal_shape: Shape, shape: Shape) -> str:
        """A signal summed over the axes along which values of `shape` were repeated."""
        missing = len(signal_shape) - len(shape)
        padded = (1,) * missing + shape
        axes = [axis for axis, size in enumerate(padded) if size == 1 and signal_shape[axis] != 1]
        made = self.nodes.add("ReduceSum", signal, self.whole(*axes), keepdims=1) if axes else signal
        return self.reshaped(made, shape) if missing else made

    def where(self, condition: str, signal: str) -> str:
        """A signal where a condition holds, else zero."""
        return self.nodes.add("Where", condition, signal, self.number(0))


@dataclass(frozen=True)
class Rule:
    """How a signal goes through an operator.

    Attributes:
        apply: from the node and what comes down to its outputs to what goes on to its inputs, in their order; what
            would go to weights may be None, and inputs at the end may be left out.
        keeps_its_own: it is an activation that cuts off nothing: the methods leave its gradient alone, and say so.
    """

    apply: Callable[[Node, Signals, Backward], Signals]
    keeps_its_own: bool = False
