"""Operators and what they are given: the records that every network whose layers are known is made of.

The vocabulary is ONNX's (https://onnx.ai/onnx/operators/), so that an existing engine runs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

OPSET = 17
"""The version of ONNX's operators in which this package writes nodes."""


@dataclass(frozen=True)
class Encoded:
    """An attribute that is handed on as the bytes in which a file had it: a graph within a node, for instance."""

    content: bytes


Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | NDArray[Any] | Encoded


@dataclass(frozen=True, eq=False)
class Node:
    """One operator at work.

    Attributes:
        operator: ONNX's name for it.
        inputs: names of the values that it takes; an empty one is left out.
        outputs: names of the values that it makes; an empty one is not asked for.
        attributes: its settings.
        domain: whose operator it is; empty for ONNX's own.
        captured: names of the values that graphs within it take from outside.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))
    domain: str = ""
    captured: tuple[str, ...] = ()


class NodeList:
    """Nodes in the order in which they run, with the constants that they need, while they are being written.

    Args:
        prefix: what the names of its values begin with; no other value has such a name.

    Attributes:
        nodes: so far.
        constants: arrays, by the names of their values.
    """

    def __init__(self, prefix: str) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._prefix = prefix
        self._count = 0

    def add(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node that makes one value, and return the value's name."""
        return self.add_several(operator, inputs, 1, **attributes)[0]

    def add_several(
        self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Attribute
    ) -> tuple[str, ...]:
        """Add a node that makes several values, and return their names."""
        made = tuple(self._fresh() for _ in range(outputs))
        self.nodes.append(Node(operator, tuple(inputs), made, MappingProxyType(attributes)))
        return made

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant, and return its name."""
        name = self._fresh()
        self.constants[name] = array
        return name

    def _fresh(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"


def needed_nodes(nodes: Sequence[Node], wanted: Iterable[str], given: Collection[str] = ()) -> list[Node]:
    """The nodes that some values need, in their order.

    Args:
        nodes: each after those whose values it takes.
        wanted: names of the values.
        given: names of values that need not be made.
    """
    names = set(wanted) - set(given)
    found = []
    for node in reversed(nodes):
        if names.intersection(node.outputs):
            found.append(node)
            names.update(name for name in (*node.inputs, *node.captured) if name not in given)
    return found[::-1]
