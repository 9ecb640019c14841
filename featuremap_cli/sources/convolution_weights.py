"""What the weights of Keras's two-dimensional convolutional layers look like, and the filters they are.

| layer | weights, in order | shapes |
|---|---|---|
| Conv2D | kernel, bias | (height, width, input_channels / groups, filters), (filters,) |
| DepthwiseConv2D | kernel, bias | (height, width, input_channels, multiplier), (input_channels * multiplier,) |
| SeparableConv2D | depthwise_kernel, | (height, width, input_channels, multiplier), |
| | pointwise_kernel, bias | (1, 1, input_channels * multiplier, filters), (filters,) |
| Conv2DTranspose | kernel, bias | (height, width, filters, input_channels), (filters,) |

The bias is missing where the layer has `use_bias=False`. A SeparableConv2D is two filter banks: its own path names the
depthwise one, in which there is something to see, and `PATH/pointwise` the 1x1 filters that mix the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank, Float32

KERNEL_NAMES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Conv2D": (("kernel",),),
    "DepthwiseConv2D": (("kernel", "depthwise_kernel"),),
    "SeparableConv2D": (("depthwise_kernel",), ("pointwise_kernel",)),
    "Conv2DTranspose": (("kernel",),),
}
"""For each class, for each of its kernels, the names that Keras 3 and Keras 2 give it in files."""

POINTWISE = "pointwise"
"""The last part of the path of a SeparableConv2D's 1x1 filters."""


def bank_paths(class_name: str, path: str) -> tuple[str, ...]:
    """The paths under which a convolutional layer's filter banks are asked for: one, or two for SeparableConv2D."""
    return (path, f"{path}/{POINTWISE}") if class_name == "SeparableConv2D" else (path,)


def weights_fit(class_name: str, settings: Mapping[str, Any], weights: Sequence[NDArray[Any]]) -> bool:
    """Whether weights are those of a layer with these settings.

    Args:
        class_name: one of `KERNEL_NAMES`.
        settings: the layer's `get_config()`.
        weights: in the order of the module's table.
    """
    kernels, biases = _split(class_name, weights)
    if len(kernels) != len(KERNEL_NAMES[class_name]) or len(biases) != int(settings.get("use_bias") is True):
        return False
    if any(kernel.ndim != 4 for kernel in kernels) or any(array.dtype.kind != "f" for array in weights):
        return False
    first, last = kernels[0].shape, kernels[-1].shape
    if list(first[:2]) != settings.get("kernel_size"):
        return False
    if class_name == "Conv2D":
        fits, filters = last[3] == settings.get("filters"), last[3]
    elif class_name == "Conv2DTranspose":
        fits, filters = last[2] == settings.get("filters"), last[2]
    elif class_name == "DepthwiseConv2D":
        fits, filters = last[3] == settings.get("depth_multiplier"), last[2] * last[3]
    else:
        channels = first[2] * first[3]
        fits = first[3] == settings.get("depth_multiplier") and last == (1, 1, channels, settings.get("filters"))
        filters = last[3]
    return fits and all(bias.shape == (filters,) for bias in biases)


def filter_bank(
    class_name: str, weights: Sequence[NDArray[Any]], source: str, *, groups: int = 1, pointwise: bool = False
) -> FilterBank:
    """A layer's weights as filters.

    Args:
        class_name: one of `KERNEL_NAMES`.
        weights: in the order of the module's table, of any float type.
        source: the SPEC they came from.
        groups: the layer's `groups`. Where each group is one channel, the layer is depthwise.
        pointwise: the 1x1 filters of a SeparableConv2D rather than its depthwise ones.

    Returns:
        float32 (filter_height, filter_width, input_channels, filters). Transposed convolutions have their last two
        axes changed over, depthwise ones are spread out as (filter_height, filter_width, 1, input_channels *
        multiplier), in the order of the layer's output channels. The depthwise half of a SeparableConv2D says so, in
        `source` and `notes`.
    """
    kernels, biases = _split(class_name, weights)
    kernel, bias = kernels[-1 if pointwise else 0], biases[0] if biases else None
    depthwise = class_name == "DepthwiseConv2D" or (class_name == "SeparableConv2D" and not pointwise)
    if class_name == "Conv2DTranspose":
        kernel = kernel.transpose(0, 1, 3, 2)
    elif depthwise:
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    notes: tuple[str, ...] = ()
    if class_name == "SeparableConv2D" and depthwise:
        bias = None
        other = f"{source}/{POINTWISE}"
        notes = (f"{source} is a SeparableConv2D: these are its depthwise filters; {other} gives its 1x1 ones",)
        source = f"{source} (depthwise)"
    filters = kernel.shape[3]
    return FilterBank(
        weights=_float32(kernel),
        names=("",) * filters,
        bias=np.zeros(filters, np.float32) if bias is None else _float32(bias),
        source=source,
        depthwise=depthwise or (groups > 1 and kernel.shape[2] == 1),
        notes=notes,
    )


def _split(class_name: str, weights: Sequence[NDArray[Any]]) -> tuple[Sequence[NDArray[Any]], Sequence[NDArray[Any]]]:
    kernels = len(KERNEL_NAMES[class_name])
    return weights[:kernels], weights[kernels:]


def _float32(array: NDArray[Any]) -> Float32:
    return np.ascontiguousarray(array, np.float32)
