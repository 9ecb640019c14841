"""Operations of `keras.ops` that stand in a model beside its layers, as `x + 3` does: values, numbers, one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.networks.configuration.activations import number
from featuremap_cli.networks.configuration.kind import Kind, Shape, WeightNames
from featuremap_cli.networks.configuration.merging import common_shape
from featuremap_cli.networks.configuration.saved_graph import Argument
from featuremap_cli.networks.configuration.settings import UnknownLayerError

OPERATORS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "Add": ("Add", 2),
        "Subtract": ("Sub", 2),
        "Multiply": ("Mul", 2),
        "Divide": ("Div", 2),
        "TrueDivide": ("Div", 2),
        "Maximum": ("Max", 2),
        "Minimum": ("Min", 2),
        "Relu": ("Relu", 1),
        "Sigmoid": ("Sigmoid", 1),
        "Tanh": ("Tanh", 1),
        "Exp": ("Exp", 1),
        "Sqrt": ("Sqrt", 1),
        "Absolute": ("Abs", 1),
        "Negative": ("Neg", 1),
    }
)
"""{Keras's class: (ONNX's operator, how many values it takes)}."""


@dataclass(frozen=True)
class Operation(Kind):
    """An operation on values, some of which are numbers.

    Attributes:
        operator: ONNX's.
        numbers: one an argument; None for one that is a value of the network.
    """

    operator: str
    numbers: tuple[float | None, ...]

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        return common_shape(inputs)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        values = iter(inputs)
        given = [next(values) if value is None else number(nodes, value) for value in self.numbers]
        return nodes.add(self.operator, *given)


def known_operation(class_name: str, arguments: Sequence[Argument]) -> Operation:
    """What an operation computes.

    Args:
        class_name: of `keras.ops`.
        arguments: what it is called with.

    Raises:
        UnknownLayerError: it is not known, or is called otherwise.
    """
    operator, count = OPERATORS.get(class_name, ("", 0))
    if operator == "Max" and [one for one in arguments if isinstance(one, float)] == [0]:
        # A rectifier by another name, to whose gradient the methods of projection do what they do to a ReLU's.
        operator, count, arguments = "Relu", 1, [one for one in arguments if not isinstance(one, float)]
    if len(arguments) != count or not any(not isinstance(one, float) for one in arguments):
        raise UnknownLayerError(f"is the operation {class_name}, of {len(arguments)} values")
    return Operation(operator, tuple(one if isinstance(one, float) else None for one in arguments))
