"""How one feature map is made: each channel times its kernel, the sum, the bias, the activation, the pool.

The maps of the stages are those of `engine.convolve`; the products add up to them within float32's rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32
from featuremap_cli.convolution import engine
from featuremap_cli.convolution.activation import activate
from featuremap_cli.convolution.operation import Activation, Operation, Pool
from featuremap_cli.convolution.pooling import pool_maps
from featuremap_cli.errors import UsageError

StageKind = Literal["sum", "bias", "activation", "pool"]
Convolve = Callable[[Float32, Sequence[FilterBank], Operation], FeatureMaps]

COLOR_CHANNELS = ("R", "G", "B")

_ACTIVATION_WORDS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky-relu": "leaky ReLU",
    "leaky_relu": "leaky ReLU",
    "abs": "absolute value",
}


@dataclass(frozen=True, eq=False)
class MetChannels:
    """One filter, and the channels of the image that it meets.

    Attributes:
        channels: indices of the channels; all of them but for depthwise and grouped convolutions.
        weights: float32 (filter_height, filter_width, channels), as written, not turned.
        bias: added to the sum.
        name: the filter's name, or an empty text.
        cells: the weights as they were written, cells[row][column], where that is known.
    """

    channels: tuple[int, ...]
    weights: Float32
    bias: float
    name: str
    cells: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """A map on its way.

    Attributes:
        kind: which step made it.
        words: what the step is called: `sum`, `ReLU`, `max-pool 3x3, stride 2`.
        values: float32 (height, width).
    """

    kind: StageKind
    words: str
    values: Float32


@dataclass(frozen=True, eq=False)
class MapAnatomy:
    """How one feature map is made.

    Attributes:
        layer: the layer path, or the filter bank's source.
        index: which of the layer's maps.
        pixels: float32 (height, width, channels): the channels that the filter meets.
        met: the filter, and which channels these are.
        channel_names: one a channel: `R`, `gray`, or the channel's index.
        operation: how the filter is applied.
        products: float32 (channels, map height, map width): what each channel adds to the sum.
        stages: the sum, and what follows it; a bias of zero is no stage.
    """

    layer: str
    index: int
    pixels: Float32
    met: MetChannels
    channel_names: tuple[str, ...]
    operation: Operation
    products: Float32
    stages: tuple[Stage, ...]

    @property
    def laid_weights(self) -> Float32:
        """The filter as it lies on the image, float32 (filter_height, filter_width, channels): turned by --flip."""
        return self.met.weights[::-1, ::-1] if self.operation.flip else self.met.weights

    def stage(self, kind: StageKind) -> Stage | None:
        """The stage of a kind, where there is one."""
        return next((stage for stage in self.stages if stage.kind == kind), None)


@dataclass(frozen=True, eq=False)
class Parts:
    """The terms of a sum that are shown one by one, and the others together.

    Attributes:
        shown: positions among the met channels, in the image's order.
        others: how many channels are not shown.
        rest: float32 (map height, map width): the sum of the others' products; None where there are none.
    """

    shown: tuple[int, ...]
    others: int
    rest: Float32 | None


def anatomy_of_filter(
    pixels: Float32,
    bank: FilterBank,
    index: int,
    operation: Operation,
    convolve: Convolve = engine.convolve,
    channel_names: Sequence[str] | None = None,
) -> MapAnatomy:
    """Take apart the map that one filter makes of an image.

    Args:
        pixels: float32 (height, width, channels).
        bank: the filters.
        index: which map; the order is that of `engine.convolve` for this bank alone.
        operation: how the filters are applied.
        convolve: what makes the sum: `engine.convolve`, or another function of its kind.
        channel_names: one a channel; as `channel_name` has them where they are not given.

    Raises:
        UsageError: there is no such map, or the filters do not fit the image.
    """
    engine.Convolution.plan(pixels, [bank], operation)  # refuses what does not fit, as `convolve` does
    met = met_channels(bank, index, pixels.shape[2], operation.depthwise)
    names = channel_names or [channel_name(channel, pixels.shape[2]) for channel in range(pixels.shape[2])]
    linear = replace(operation, depthwise=False, activation=None, pool=None)
    seen = np.ascontiguousarray(pixels[:, :, met.channels], np.float32)
    alone = filter_alone(met, bank.source)
    total = convolve(seen, [alone], linear).maps[0]
    return MapAnatomy(
        layer=bank.source,
        index=index,
        pixels=seen,
        met=met,
        channel_names=tuple(names[channel] for channel in met.channels),
        operation=linear,
        products=engine.channel_contributions(seen, alone, linear, 0),
        stages=stages_of(total, met.bias, operation.activation, operation.pool),
    )


def stages_of_all(
    pixels: Float32, bank: FilterBank, operation: Operation, convolve: Convolve = engine.convolve
) -> list[tuple[StageKind, FeatureMaps]]:
    """Return all maps of a bank after each stage, each with the stage's kind; arguments as `anatomy_of_filter`.

    Raises:
        UsageError: the filters do not fit the image, or the pool is larger than the maps.
    """
    linear = replace(operation, activation=None, pool=None)
    unbiased = replace(bank, bias=np.zeros_like(bank.bias))
    steps: list[tuple[StageKind, FilterBank, Operation]] = [("sum", unbiased, linear)]
    if bank.bias.any():
        steps.append(("bias", bank, linear))
    if operation.activation:
        steps.append(("activation", bank, replace(operation, pool=None)))
    if operation.pool:
        steps.append(("pool", bank, operation))
    return [(kind, convolve(pixels, [filters], step)) for kind, filters, step in steps]


def met_channels(bank: FilterBank, index: int, channels: int, depthwise: bool = False, groups: int = 1) -> MetChannels:
    """Find which channels a filter meets, and with which weights.

    Args:
        bank: the filters.
        index: which map of the layer.
        channels: how many the image has.
        depthwise: the channels are kept apart, as `Operation.depthwise` does: map c * filters + f is filter f on c.
        groups: of a grouped convolution, where each filter meets the channels of its group alone.

    Raises:
        UsageError: there is no such map.
    """
    maps = bank.filters * (channels if depthwise and not bank.depthwise else 1)
    if not 0 <= index < maps:
        raise UsageError(f"--filter {index}: expected 0 to {maps - 1}, since {bank.source} makes {maps} maps")
    position = index % bank.filters
    weights = bank.weights[..., position]
    if bank.depthwise:
        own: tuple[int, ...] = (index // (bank.filters // channels),)
    elif depthwise:
        own = (index // bank.filters,)
        weights = weights if bank.every_channel else weights[:, :, list(own)]
    elif groups > 1:
        first = index // (bank.filters // groups) * bank.input_channels
        own = tuple(range(first, first + bank.input_channels))
    else:
        own = tuple(range(channels))
    met = np.broadcast_to(weights, (*bank.size, len(own)))
    cells = None if bank.cells is None else bank.cells[position]
    return MetChannels(own, np.ascontiguousarray(met), float(bank.bias[position]), bank.names[position], cells)


def filter_alone(met: MetChannels, source: str) -> FilterBank:
    """Return a filter as a bank of its own, without its bias, for an image of the channels that it meets."""
    return FilterBank(met.weights[..., np.newaxis], (met.name,), np.zeros(1, np.float32), source)


def stages_of(total: Float32, bias: float, activation: Activation | None, pool: Pool | None) -> tuple[Stage, ...]:
    """Return the sum, and what bias, activation and pool make of it.

    Args:
        total: float32 (height, width), the sum of the products.
        bias: added to it; zero is left out.
        activation: applied after the bias.
        pool: applied last.

    Raises:
        UsageError: the pool is larger than the map.
    """
    stages = [Stage("sum", "sum", total)]
    if bias:
        stages.append(Stage("bias", "plus bias", total + np.float32(bias)))
    if activation:
        values = stages[-1].values.copy()
        activate(values, activation)
        stages.append(Stage("activation", activation_words(activation), values))
    return with_pool(tuple(stages), pool)


def with_pool(stages: tuple[Stage, ...], pool: Pool | None) -> tuple[Stage, ...]:
    """Return the stages with the last of them pooled, where there is a pool.

    Raises:
        UsageError: the pool is larger than the map.
    """
    if pool is None:
        return stages
    return (*stages, Stage("pool", pool_words(pool), pool_maps(stages[-1].values[np.newaxis], pool)[0]))


def choose_parts(anatomy: MapAnatomy, most: int | None, at: tuple[int, int] | None = None) -> Parts:
    """Choose the channels that contribute most.

    Args:
        anatomy: of the map.
        most: how many are shown one by one; None for all. One channel more is shown too, as it would be a rest of one.
        at: (row, column) of the one value that counts; the mean of what a channel adds or takes away otherwise.
    """
    products = anatomy.products
    count = len(products)
    if most is None or count <= most + 1:
        return Parts(tuple(range(count)), 0, None)
    strength = np.abs(products[:, at[0], at[1]] if at else products).reshape(count, -1).mean(axis=1)
    order = np.argsort(-strength, kind="stable")
    rest = products[order[most:]].sum(axis=0, dtype=np.float64).astype(np.float32)
    return Parts(tuple(sorted(int(position) for position in order[:most])), count - most, rest)


def channel_name(channel: int, channels: int) -> str:
    """Return what a channel of an image of so many is called: `R`, `gray`, or its index."""
    if channels == 1:
        return "gray"
    return COLOR_CHANNELS[channel] if channels == len(COLOR_CHANNELS) else str(channel)


def activation_words(name: str) -> str:
    """Return an activation's name as it is written in text: `ReLU` for `relu`."""
    return _ACTIVATION_WORDS.get(name, name)


def pool_words(pool: Pool) -> str:
    """Return a pool in words: `max-pool 3x3, stride 2`."""
    sizes = f"{pool.kind}-pool {pool.size[0]}x{pool.size[1]}"
    down, right = pool.strides
    words = f"{sizes}, stride {down}" if down == right else f"{sizes}, strides {down},{right}"
    return f"{words}, SAME" if pool.padding == "same" else words
