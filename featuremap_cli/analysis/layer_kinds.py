"""The kinds of layers whose arithmetic is known: what each makes of its input, and what that costs.

Each kind is a frozen dataclass with `facts(shape)`, from the input's (height, width, channels) to output shape,
parameters, multiplications and what is read. Sizes and paddings are TensorFlow's; with `same` the padding depends on
the input's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from featuremap_cli.analysis.layers import LayerFacts, Shape, View, Window
from featuremap_cli.analysis.taps import AxisTaps, interpolated_taps, nearest_taps, transposed_taps, window_taps
from featuremap_cli.convolution import geometry
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.errors import UsageError

Taps = tuple[AxisTaps, AxisTaps]
RADIUS = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


class LayerKind(Protocol):
    """A layer of known arithmetic."""

    @property
    def window(self) -> Window | None:
        """How its filter is laid; None for a kind without one."""

    def facts(self, shape: Shape) -> LayerFacts:
        """What it makes of an input of this shape.

        Raises:
            UsageError: it cannot be applied to such an input.
        """


@dataclass(frozen=True)
class Convolution:
    """A convolution of `filters` filters, each over `channels / groups` channels."""

    filters: int
    window: Window
    groups: int = 1
    bias: bool = True

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        for count, what in ((shape[2], "input channels"), (self.filters, "filters")):
            if count % self.groups:
                raise UsageError(f"{self.groups} groups do not divide {count} {what}: expected a divisor of both")
        (height, width), taps = _laid(self.window, shape)
        weights = _area(self.window) * (shape[2] // self.groups) * self.filters
        parameters = weights + self.filters * self.bias
        return LayerFacts((height, width, self.filters), parameters, height * width * weights, taps)


@dataclass(frozen=True)
class Depthwise:
    """A depthwise convolution: `multiplier` filters of one channel for each input channel."""

    window: Window
    multiplier: int = 1
    bias: bool = True

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        (height, width), taps = _laid(self.window, shape)
        filters = shape[2] * self.multiplier
        weights = _area(self.window) * filters
        return LayerFacts((height, width, filters), weights + filters * self.bias, height * width * weights, taps)


@dataclass(frozen=True)
class Separable:
    """A depthwise convolution, then one of 1 x 1; one bias, at the end."""

    filters: int
    window: Window
    multiplier: int = 1
    bias: bool = True

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        (height, width), taps = _laid(self.window, shape)
        middle = shape[2] * self.multiplier
        weights = _area(self.window) * middle + middle * self.filters
        parameters = weights + self.filters * self.bias
        return LayerFacts((height, width, self.filters), parameters, height * width * weights, taps)


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution; each input position is multiplied with every weight.

    Attributes:
        output_size: (height, width) where it is not the one that strides and padding give (Keras's output_padding).
    """

    filters: int
    window: Window
    bias: bool = True
    output_size: Pair | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        window, output, taps = self.window, [], []
        for axis in (0, 1):
            laid = window.size[axis], window.strides[axis], window.dilation[axis]
            length = geometry.transposed_length(shape[axis], *laid, window.padding_along(axis))
            length = length if self.output_size is None else self.output_size[axis]
            before = geometry.padding_around(length, *laid, window.padding_along(axis))[0]
            output.append(length)
            taps.append(transposed_taps(*laid, before))
        if min(output) < 1:
            raise UsageError(f"padding {window.padding} cuts off all of the output: take a smaller one")
        weights = _area(window) * shape[2] * self.filters
        return LayerFacts(
            (output[0], output[1], self.filters),
            weights + self.filters * self.bias,
            shape[0] * shape[1] * weights,
            (taps[0], taps[1]),
        )


@dataclass(frozen=True)
class Pooling:
    """A maximum or an average over windows."""

    window: Window

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        (height, width), taps = _laid(self.window, shape)
        return LayerFacts((height, width, shape[2]), 0, 0, taps)


@dataclass(frozen=True)
class GlobalPooling:
    """A maximum or an average over all positions."""

    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        return LayerFacts((1, 1, shape[2]), 0, 0, View.WHOLE)


@dataclass(frozen=True)
class Flattening:
    """All values in one vector."""

    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        return LayerFacts((1, 1, shape[0] * shape[1] * shape[2]), 0, 0, View.WHOLE)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer.

    Attributes:
        everywhere: True for one that is applied to the channels of every position, as Keras does with a feature map;
            False for one that takes all values of its input.
    """

    units: int
    bias: bool = True
    everywhere: bool = False
    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        height, width, inputs = shape if self.everywhere else (1, 1, shape[0] * shape[1] * shape[2])
        weights = inputs * self.units
        reads = View.POINT if self.everywhere else View.WHOLE
        return LayerFacts(
            (height, width, self.units), weights + self.units * self.bias, height * width * weights, reads
        )


@dataclass(frozen=True)
class Border:
    """Padding (positive) or cropping (negative) at top, bottom, left and right."""

    top: int
    bottom: int
    left: int
    right: int
    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        height, width = shape[0] + self.top + self.bottom, shape[1] + self.left + self.right
        if min(height, width) < 1:
            raise UsageError(f"cropping leaves nothing of a {shape[0]}x{shape[1]} feature map: crop less")
        return LayerFacts(
            (height, width, shape[2]), 0, 0, (window_taps(1, 1, 1, self.top), window_taps(1, 1, 1, self.left))
        )


@dataclass(frozen=True)
class Sliced:
    """Some of the positions: from `start` on, every `step`-th, (down, right); and some of the channels.

    Attributes:
        output_shape: (height, width, channels) of what is taken.
    """

    start: Pair
    step: Pair
    output_shape: Shape
    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        rows, columns = (window_taps(1, step, 1, -start) for start, step in zip(self.start, self.step, strict=True))
        return LayerFacts(self.output_shape, 0, 0, (rows, columns))


@dataclass(frozen=True)
class Resizing:
    """A resize to (height, width) pixels, or by a factor."""

    size: Pair | None = None
    factors: Pair = (1, 1)
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"] = "nearest"
    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        height, width = self.size or (shape[0] * self.factors[0], shape[1] * self.factors[1])
        return LayerFacts((height, width, shape[2]), 0, 0, (self._taps(shape[0], height), self._taps(shape[1], width)))

    def _taps(self, before: int, after: int) -> AxisTaps:
        if self.interpolation == "nearest":
            return nearest_taps(before, after)
        return interpolated_taps(before, after, RADIUS[self.interpolation])


@dataclass(frozen=True)
class PointByPoint:
    """A layer that looks at one position at a time and leaves the shape: activation, dropout, batch normalization.

    Attributes:
        parameters_a_channel: 4 for batch normalization (scale, shift, mean, variance).
    """

    parameters_a_channel: int = 0
    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        return LayerFacts(shape, self.parameters_a_channel * shape[2], 0, View.POINT)


def _area(window: Window) -> int:
    return window.size[0] * window.size[1]


def _laid(window: Window, shape: Shape) -> tuple[Pair, Taps]:
    """The (height, width) that a window gives on an input, and what it reads."""
    height, rows = _laid_along(window, 0, shape[0])
    width, columns = _laid_along(window, 1, shape[1])
    if min(height, width) < 1:
        spans = [geometry.span(window.size[axis], window.dilation[axis]) for axis in (0, 1)]
        dilated = f" ({spans[0]}x{spans[1]} with its dilation)" if window.dilation != (1, 1) else ""
        raise UsageError(
            f"a window of {window.size[0]}x{window.size[1]}{dilated} does not fit a {shape[0]}x{shape[1]} feature map "
            f"with padding {window.padding}: take a smaller one, or padding same"
        )
    return (height, width), (rows, columns)


def _laid_along(window: Window, axis: int, length: int) -> tuple[int, AxisTaps]:
    laid = window.size[axis], window.strides[axis], window.dilation[axis]
    before, after = geometry.padding_around(length, *laid, window.padding_along(axis))
    return geometry.output_length(length, *laid, before, after), window_taps(*laid, before)
