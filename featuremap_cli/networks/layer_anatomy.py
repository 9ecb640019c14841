"""How a network's layer makes one of its feature maps: the layer's own input, filters, geometry and activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32
from featuremap_cli.convolution import engine
from featuremap_cli.convolution.anatomy import (
    MapAnatomy,
    Stage,
    activation_words,
    channel_name,
    filter_alone,
    met_channels,
    with_pool,
)
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.convolution.operation import Operation, Pool
from featuremap_cli.convolution.pooling import pool_maps
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.input import PREPROCESSING, PreparedInput
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_weights import LayerWeights
from featuremap_cli.networks.network import Network
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES, filter_bank, weights_fit

_ROUNDING = 0.01
"""How far a layer may be from its plain convolution, as a part of the products' size: half precision stays below."""


@dataclass(frozen=True, eq=False)
class LayerRun:
    """One convolutional layer at work on one image.

    Attributes:
        path: the layer's.
        pixels: float32 (height, width, channels): what the layer is given.
        channel_names: one a channel: `R` where they are an image's colors, or the index.
        bank: its filters.
        groups: how many groups its channels are in.
        operation: how it applies them, without activation.
        activation: the name of its own activation; empty where it has none.
        before: float32 (filters, map height, map width): what its activation is given.
        after: float32 (filters, map height, map width): what it gives.
    """

    path: str
    pixels: Float32
    channel_names: tuple[str, ...]
    bank: FilterBank
    groups: int
    operation: Operation
    activation: str
    before: Float32
    after: Float32

    def anatomy(self, index: int, pool: Pool | None = None) -> MapAnatomy:
        """Take apart one of the maps; what follows the sum is what the network itself gave.

        Args:
            index: which map.
            pool: what is done to it last, which is not the layer's.

        Raises:
            UsageError: there is no such map, or the pool is larger than it.
            NetworkError: the layer computes something else than a convolution with its filters.
        """
        met = met_channels(self.bank, index, self.pixels.shape[2], groups=self.groups)
        seen = np.ascontiguousarray(self.pixels[:, :, met.channels])
        alone = filter_alone(met, self.bank.source)
        products = engine.channel_contributions(seen, alone, self.operation, 0)
        total = engine.convolve(seen, [alone], self.operation).maps[0]
        self._require_plain(total + np.float32(met.bias), products, index)
        stages = [Stage("sum", "sum", total)]
        if met.bias:
            stages.append(Stage("bias", "plus bias", self.before[index]))
        if self.activation:
            stages.append(Stage("activation", activation_words(self.activation), self.after[index]))
        return MapAnatomy(
            layer=self.path,
            index=index,
            pixels=seen,
            met=met,
            channel_names=tuple(self.channel_names[channel] for channel in met.channels),
            operation=self.operation,
            products=products,
            stages=with_pool(tuple(stages), pool),
        )

    def every_stage(self, pool: Pool | None = None) -> list[tuple[str, FeatureMaps]]:
        """All maps of the layer after each stage, each with the stage's kind.

        Raises:
            UsageError: the pool is larger than the maps.
        """
        biased = bool(self.bank.bias.any())
        stages = [("bias" if biased else "sum", self.before)]
        if biased:
            stages.insert(0, ("sum", self.before - self.bank.bias[:, np.newaxis, np.newaxis]))
        if self.activation:
            stages.append(("activation", self.after))
        if pool is not None:
            stages.append(("pool", pool_maps(stages[-1][1], pool)))
        return [(kind, FeatureMaps(maps, self.bank.names, self.path)) for kind, maps in stages]

    def _require_plain(self, ours: Float32, products: Float32, index: int) -> None:
        theirs = self.before[index]
        size = float(np.abs(products).sum(axis=0).max(initial=0)) + 1e-6
        if ours.shape != theirs.shape or float(np.abs(ours - theirs).max()) > _ROUNDING * size:
            raise NetworkError(
                f"{self.path} does not give the convolution of its input with its filters, so its maps cannot be "
                "taken apart; choose a plain Conv2D, DepthwiseConv2D, SeparableConv2D or Conv2DTranspose layer"
            )


def run_layer(network: Network, entry: LayerEntry, prepared: PreparedInput, preprocess: str = "auto") -> LayerRun:
    """Run a network on an image, and keep what one convolutional layer is given and gives.

    Args:
        network: one whose layers' weights can be told apart.
        entry: the layer.
        prepared: the image.
        preprocess: what it was prepared with; it says in which order the colors are.

    Raises:
        NetworkError: the network's graph does not keep its layers apart, or the layer is no convolution over height
            and width.
    """
    recorder = network.recorder
    if not recorder.knows_weights:
        raise NetworkError(
            f"{network.name} is a SavedModel, whose graph does not keep its layers' filters apart: expected a Keras "
            "model; save the network with model.save('NAME.keras') and give the file"
        )
    path = entry.path.rpartition("#")[0] or entry.path
    layer = next(iter(recorder.layer_weights({path})), None)
    if layer is None or layer.kind is None:
        raise NetworkError(
            f"{entry.path} in {network.name} is a {entry.type} layer: expected one of {', '.join(KERNEL_NAMES)}; "
            f"`featuremap layers {network.name}` lists all layers"
        )
    name = network.preprocessing if preprocess == "auto" else preprocess
    given, before, after = (maps[0] for maps in recorder.record_with_input(prepared.array, entry))
    given, operation = _unpadded(given, _operation(layer), recorder.border_before(entry))
    return LayerRun(
        path=entry.path,
        pixels=given,
        channel_names=_channel_names(network, entry, given.shape[2], name),
        bank=_bank(layer, entry.path),
        groups=int(layer.settings.get("groups") or 1),
        operation=operation,
        activation=_activation(layer),
        before=np.ascontiguousarray(before.transpose(2, 0, 1)),
        after=np.ascontiguousarray(after.transpose(2, 0, 1)),
    )


def _bank(layer: LayerWeights, path: str) -> FilterBank:
    """The layer's filters; of a SeparableConv2D the plain ones that do in one step what its two steps do."""
    weights, kind = list(layer.arrays.values()), str(layer.kind)
    if not weights_fit(kind, layer.settings, weights):
        shapes = ", ".join(str(array.shape) for array in weights) or "none"
        raise NetworkError(
            f"{path} has other weights than a {kind} layer of Keras: expected a kernel and a bias, got {shapes}; "
            "save the network with plain weights"
        )
    if kind != "SeparableConv2D":
        return filter_bank(kind, weights, path, groups=int(layer.settings.get("groups") or 1))
    spatial, pointwise, *bias = weights
    channels, multiplier = spatial.shape[2:]
    mixing = pointwise.reshape(channels, multiplier, -1)
    return filter_bank("Conv2D", [np.einsum("hwcm,cmf->hwcf", spatial, mixing), *bias], path)


def _operation(layer: LayerWeights) -> Operation:
    strides, dilation = _pair(layer.settings["strides"]), _pair(layer.settings["dilation_rate"])
    return Operation(
        padding=layer.settings["padding"],
        strides=strides,
        dilation=dilation,
        transpose=layer.kind == "Conv2DTranspose",
    )


def _pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _unpadded(given: Float32, operation: Operation, border: tuple[Pair, Pair] | None) -> tuple[Float32, Operation]:
    """Take the zeros that a layer of padding put around a layer's input for the layer's own padding, which they are.

    Only what is the same on all sides can be said so; other padding stays in the input.
    """
    sides = {side for pair in border or () for side in pair}
    around = max(sides, default=0)
    if len(sides) != 1 or not around or operation.transpose or operation != replace(operation, padding="valid"):
        return given, operation
    inner = given[around : given.shape[0] - around, around : given.shape[1] - around]
    if not inner.size or np.count_nonzero(given) != np.count_nonzero(inner):
        return given, operation
    return np.ascontiguousarray(inner), replace(operation, padding=around)


def _activation(layer: LayerWeights) -> str:
    name = layer.settings.get("activation")
    return "" if name in (None, "linear") else str(name)


def _channel_names(network: Network, entry: LayerEntry, channels: int, preprocess: str) -> tuple[str, ...]:
    """The colors for the first convolution, which sees the image; numbers for those that see other layers' maps."""
    first = next((one for one in network.layers() if one.is_convolution), entry)
    if entry.index != first.index or channels not in (1, 3) or channels != network.input.channels:
        return tuple(str(channel) for channel in range(channels))
    names = tuple(channel_name(channel, channels) for channel in range(channels))
    return names[::-1] if PREPROCESSING[preprocess].order == "bgr" else names
