"""A network as calls of layers, each with the nodes that compute it: what every format of known layers is read into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View, Window
from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import OPSET, Node
from featuremap_cli.networks.layer_entry import LayerEntry, Size, why_undrawable

Shape = tuple[Size, ...]
"""Without the batch axis, channels last; None where the size depends on the image."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of a network.

    Attributes:
        path: as `LayerEntry` has it, without the number of a call.
        type: its class, or the operator that it is.
        weights: the shapes of its weights, by name, in the order in which its format keeps them.
        settings: what its format says of it, in Keras's words: `filters`, `kernel_size`, `groups`, `activation`.
        kernels: which of Keras's convolutions it is, where it has filters as these have; None for another layer.
        is_convolution: it is a convolution, of whatever rank.
        is_operation: it stands in the network without being a layer to its framework, and is not listed.
        window: how its filter is laid over its input; None for a layer without one.
    """

    path: str
    type: str
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    kernels: str | None = None
    is_convolution: bool = False
    is_operation: bool = False
    window: Window | None = None


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer.

    Attributes:
        layer: the layer.
        number: which of its calls, from 0.
        inputs: the values that it is given.
        output: the value that it makes.
        shape: of that value; None where it is not known.
        before_activation: the value that its activation is given; None where it has no activation inside.
        nodes: what computes it.
        arithmetic: the kind whose arithmetic it has.
        needs: an input beside the image that it depends on.
    """

    layer: Layer
    number: int
    inputs: tuple[str, ...]
    output: str
    shape: Shape | None
    before_activation: str | None
    nodes: tuple[Node, ...]
    arithmetic: LayerKind | View
    needs: str | None = None

    @property
    def makes(self) -> tuple[str, ...]:
        """All values that its nodes make."""
        return tuple(name for node in self.nodes for name in node.outputs)


@dataclass(frozen=True)
class Weight:
    """A value of the graph that is a weight of a layer.

    Attributes:
        layer: the layer's path.
        name: the weight's.
        axes: the order of its axes in the graph; None where it is the format's own.
        shape: in the graph.
    """

    layer: str
    name: str
    axes: tuple[int, ...] | None
    shape: tuple[int, ...]

    def laid(self, array: NDArray[Any]) -> NDArray[Any]:
        """The format's own array as the graph has it."""
        return (array if self.axes is None else array.transpose(self.axes)).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class LayeredGraph:
    """A network.

    Attributes:
        name: what its file calls it.
        input_name: what its input is called.
        input: the value that the image is, and what it must be, with the batch axis.
        image: (height, width, channels) of the image; None where a size is free.
        calls: in the order of execution.
        outputs: the values that the network gives.
        layers: in the order in which they are listed.
        prelude: nodes before those of the calls, which turn the image.
        constants: arrays at hand that the nodes need, by value.
        weights: those that are read from the network's file when they are needed, by value.
        opsets: {domain: version} of the operators.
        shapes_at: the shape of every call's value for images of a (height, width, channels), where the format can say.
    """

    name: str
    input_name: str
    input: tuple[str, ValueType]
    image: Shape
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    layers: tuple[Layer, ...]
    prelude: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    weights: Mapping[str, Weight]
    shapes_at: Callable[[Shape], Mapping[str, Shape | None]]
    opsets: Mapping[str, int] = field(default_factory=lambda: {"": OPSET})

    @cached_property
    def listed(self) -> tuple[Call, ...]:
        """The calls of layers."""
        return tuple(call for call in self.calls if not call.layer.is_operation)

    def entries(self) -> tuple[LayerEntry, ...]:
        """What each call of a layer is to users: `entries()[i]` is `listed[i]`."""
        times = Counter(call.layer.path for call in self.listed)
        return tuple(
            LayerEntry(
                index,
                call.layer.path + (f"#{call.number + 1}" if times[call.layer.path] > 1 else ""),
                call.layer.type,
                call.shape,
                call.layer.is_convolution,
                _why_undrawable(call),
            )
            for index, call in enumerate(self.listed)
        )

    def nodes(self) -> Iterator[Node]:
        """All nodes, in the order of execution."""
        yield from self.prelude
        for call in self.calls:
            yield from call.nodes


def _why_undrawable(call: Call) -> str | None:
    if call.needs is not None:
        return f"needs the input `{call.needs}` beside the image"
    return "gives no values of a shape that is known" if call.shape is None else why_undrawable(call.shape)
