"""From the class and the configuration of a layer to what it computes; the list of all layers that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from featuremap_cli.networks.configuration.arranging import Cropped, Enlarged, Padded, Reshaped
from featuremap_cli.networks.configuration.convolutions import Convolution, Dense, Depthwise, Separable, Transposed
from featuremap_cli.networks.configuration.kind import Kind
from featuremap_cli.networks.configuration.merging import MERGING
from featuremap_cli.networks.configuration.normalization import BatchNormalized, LayerNormalized, Normalized
from featuremap_cli.networks.configuration.pointwise import (
    UNCHANGED,
    ParametricRelu,
    Rescaled,
    Scaled,
    read_activation,
    read_elu,
    read_leaky_relu,
    read_relu,
    read_softmax,
)
from featuremap_cli.networks.configuration.pooling import GlobalPool, Pool
from featuremap_cli.networks.configuration.settings import Settings, UnknownLayerError

READERS: Mapping[str, Callable[[Settings], Kind]] = MappingProxyType(
    {
        "Conv2D": Convolution.read,
        "DepthwiseConv2D": Depthwise.read,
        "SeparableConv2D": Separable.read,
        "Conv2DTranspose": Transposed.read,
        "Dense": Dense.read,
        "BatchNormalization": BatchNormalized.read,
        "Normalization": Normalized.read,
        "LayerNormalization": LayerNormalized.read,
        "LayerScale": Scaled.read,
        "Rescaling": Rescaled.read,
        "Activation": read_activation,
        "ReLU": read_relu,
        "LeakyReLU": read_leaky_relu,
        "PReLU": ParametricRelu.read,
        "ELU": read_elu,
        "Softmax": read_softmax,
        "MaxPooling2D": partial(Pool.read, takes="max"),
        "AveragePooling2D": partial(Pool.read, takes="mean"),
        "GlobalMaxPooling2D": partial(GlobalPool.read, takes="max"),
        "GlobalAveragePooling2D": partial(GlobalPool.read, takes="mean"),
        "ZeroPadding2D": Padded.read,
        "Cropping2D": Cropped.read,
        "UpSampling2D": Enlarged.read,
        "Flatten": Reshaped.read_flatten,
        "Reshape": Reshaped.read,
        **{name: kind.read for name, kind in UNCHANGED.items()},
        **MERGING,
    }
)
"""By the names of Keras's classes."""

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")
"""Those of them that are convolutions."""


def known_layer(class_name: str, settings: Mapping[str, Any]) -> Kind:
    """What a layer computes.

    Args:
        class_name: of Keras's own.
        settings: what its `get_config()` gave.

    Raises:
        UnknownLayerError: the class or one of the settings is not known.
    """
    if class_name not in READERS:
        raise UnknownLayerError(f"is a {class_name}")
    unread = Settings(settings)
    kind = READERS[class_name](unread)
    unread.finish()
    return kind
