"""Pools, of windows and of whole maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.networks.forward.kind import Kind, Shape, channels_of
from featuremap_cli.networks.forward.settings import Settings
from featuremap_cli.networks.forward.window import Sliding


@dataclass(frozen=True)
class Pool(Kind):
    """MaxPooling2D and AveragePooling2D; an average under SAME is over the image's own pixels, as TensorFlow's."""

    sliding: Sliding
    takes: Literal["max", "mean"]

    @classmethod
    def read(cls, settings: Settings, takes: Literal["max", "mean"]) -> Pool:
        """Take it from a layer's settings."""
        return cls(Sliding.read(settings, "pool_size", dilates=False), takes)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        return (*self.sliding.lengths(inputs[0]), channels)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        image = self.sliding.padded(inputs[0], -np.inf if self.takes == "max" else 0.0)
        # The greatest of the others where one is NaN, as in TensorFlow's pool.
        collect = np.fmax if self.takes == "max" else np.add
        down = self._along_rows(image, collect)
        out = self._along_rows(down.swapaxes(0, 1), collect, 1).swapaxes(0, 1)
        if self.takes == "mean":
            np.divide(out, self._pixels_under(inputs[0].shape), out=out)
        return np.ascontiguousarray(out)

    def _along_rows(self, image: Float32, collect: np.ufunc, axis: int = 0) -> Float32:
        """Collect along the first axis of an image, by the window's size and stride along `axis`."""
        size, stride = self.sliding.size[axis], self.sliding.strides[axis]
        count = (image.shape[0] - size) // stride + 1
        taps = [image[tap : tap + (count - 1) * stride + 1 : stride] for tap in range(size)]
        out = taps[0].copy()
        for tap in taps[1:]:
            collect(out, tap, out=out)
        return out

    def _pixels_under(self, image: Sequence[int]) -> Float32:
        """How many of the image's own pixels each window covers: (out height, out width, 1)."""
        ones = self.sliding.padded(np.ones((*image[:2], 1), np.float32))
        down = self._along_rows(ones, np.add)
        return self._along_rows(down.swapaxes(0, 1), np.add, 1).swapaxes(0, 1)


@dataclass(frozen=True)
class GlobalPool(Kind):
    """GlobalAveragePooling2D and GlobalMaxPooling2D."""

    takes: Literal["max", "mean"]
    keeps_axes: bool

    @classmethod
    def read(cls, settings: Settings, takes: Literal["max", "mean"]) -> GlobalPool:
        """Take it from a layer's settings."""
        settings.require("data_format", "channels_last")
        return cls(takes, bool(settings.take_or("keepdims", False)))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        return (1, 1, channels) if self.keeps_axes else (channels,)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        reduce = np.max if self.takes == "max" else np.mean
        return np.asarray(reduce(inputs[0], axis=(0, 1), keepdims=self.keeps_axes), np.float32)
