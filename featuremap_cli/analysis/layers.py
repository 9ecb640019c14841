"""What is known of one layer, and of a network as a graph of layers; plain values, whatever they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from featuremap_cli.analysis.taps import AxisTaps
from featuremap_cli.convolution.geometry import Padding, Pair

Shape = tuple[int, int, int]


class View(Enum):
    """What a layer reads, where windows do not tell it.

    PIXELS: it is the image. NOTHING: an input that is no image. POINT: each position reads the same position of
    every input. WHOLE: each position reads all of the input. UNKNOWN: it is not known.
    """

    PIXELS = "pixels"
    NOTHING = "nothing"
    POINT = "point"
    WHOLE = "whole"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Window:
    """How a layer's filter is laid over its input, as it was written; each pair is (height, width).

    Attributes:
        size: taps of the filter.
        strides: input positions between outputs; of a transposed convolution, outputs between inputs.
        dilation: positions between taps.
        padding: `same`, `valid`, positions on every side, or (above and below, left and right).
    """

    size: Pair
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding | Pair = "valid"

    def padding_along(self, axis: int) -> Padding:
        """The padding of rows (0) or columns (1)."""
        return self.padding[axis] if isinstance(self.padding, tuple) else self.padding


@dataclass(frozen=True)
class LayerFacts:
    """What follows from a layer's kind and its input.

    Attributes:
        output_shape: (height, width, channels); a vector of n values is (1, 1, n). None where it is no image.
        parameters: weights and biases; None where they are not known.
        macs: multiplications, each with its addition, for one image; biases, normalization, activation and pooling
            are not counted. None where it is not known.
        reads: what each output position reads of the input, (height, width).
    """

    output_shape: Shape | None
    parameters: int | None
    macs: int | None
    reads: tuple[AxisTaps, AxisTaps] | View


@dataclass(frozen=True)
class LayerRecord:
    """One call of one layer.

    Attributes:
        index: its number among the layers; None for what is none, an input or a bare operation.
        path: the layer path.
        type: the kind of layer, in Keras's words (`Conv2D`).
        inputs: places in `LayerGraph.records` of what it reads.
        facts: sizes, costs and what it reads. The parameters of a layer that is called several times are with the
            first call.
        values: numbers in its output for one image; None where that is not known.
        window: how its filter is laid; None for a layer without one.
    """

    index: int | None
    path: str
    type: str
    inputs: tuple[int, ...]
    facts: LayerFacts
    values: int | None
    window: Window | None = None

    @property
    def is_input(self) -> bool:
        """Whether it stands for something that is fed in."""
        return self.facts.reads in (View.PIXELS, View.NOTHING)

    @property
    def is_spatial(self) -> bool:
        """Whether it is a convolution or a pool."""
        return self.window is not None or self.type.startswith("Global")


@dataclass(frozen=True)
class LayerGraph:
    """A network, or a stack of layers that is only described.

    Attributes:
        name: what tables call it.
        input_shape: (height, width, channels) of the image.
        records: the layers, each after those it reads; what is fed in comes first.
        outputs: places in `records` of the network's outputs.
    """

    name: str
    input_shape: Shape
    records: tuple[LayerRecord, ...]
    outputs: tuple[int, ...]

    @property
    def layers(self) -> tuple[LayerRecord, ...]:
        """The records without what is fed in."""
        return tuple(record for record in self.records if not record.is_input)


def values_of(shape: Shape | None) -> int | None:
    """How many numbers an array of this shape holds; None where the shape is not known."""
    return None if shape is None else shape[0] * shape[1] * shape[2]
