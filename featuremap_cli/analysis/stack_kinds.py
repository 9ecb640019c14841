"""Kinds of layers that only code asks for: longer transposed convolutions, and pools by the size of their output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from featuremap_cli.analysis.layer_kinds import GlobalPooling, Pooling, Transposed
from featuremap_cli.analysis.layers import LayerFacts, Shape, Window
from featuremap_cli.convolution import geometry
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.errors import UsageError


@dataclass(frozen=True)
class LongerTransposed:
    """A transposed convolution with positions added behind its output, `output_padding`.

    Attributes:
        extra: positions added, (down, right).
        is_keras: whether SAME and VALID are cut as Keras does where it is given `output_padding`.
    """

    inner: Transposed
    extra: Pair
    is_keras: bool

    @property
    def window(self) -> Window:
        """See `layer_kinds.LayerKind`."""
        return self.inner.window

    def facts(self, shape: Shape) -> LayerFacts:
        """See `layer_kinds.LayerKind`."""
        return replace(self.inner, output_size=(self._length(0, shape[0]), self._length(1, shape[1]))).facts(shape)

    def _length(self, axis: int, length: int) -> int:
        window = self.window
        size, stride, dilation = window.size[axis], window.strides[axis], window.dilation[axis]
        padding = window.padding_along(axis)
        if self.is_keras:  # keras.src.backend.common.backend_utils.compute_conv_transpose_output_shape
            covered = geometry.span(size, dilation)
            padding = covered // 2 if padding == "same" else 0
        return geometry.transposed_length(length, size, stride, dilation, padding) + self.extra[axis]


@dataclass(frozen=True)
class AdaptivePooling:
    """A pool whose windows are as large as its output asks for, where they all come out alike."""

    output: Pair
    window: Window | None = None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `layer_kinds.LayerKind`."""
        if self.output == (1, 1):
            return GlobalPooling().facts(shape)
        if any(length % count for length, count in zip(shape, self.output, strict=False)):
            rows, columns = self.output
            raise UsageError(
                f"an output of {rows}x{columns} is known where it divides the input, which is {shape[0]}x{shape[1]}: "
                "take 1, or a size that divides it"
            )
        size = shape[0] // self.output[0], shape[1] // self.output[1]
        return Pooling(Window(size, size)).facts(shape)
