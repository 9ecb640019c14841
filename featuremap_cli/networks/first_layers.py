"""What a network's own first layers make of pixels, where they scale them themselves: measured, not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from featuremap_cli.analysis.moments import Float64
from featuremap_cli.arrays import Float32

if TYPE_CHECKING:
    from featuremap_cli.networks.network import Network

_SIDE = 64  # of the pictures that are tried, where the network takes any size


@dataclass(frozen=True)
class LinearPreparation:
    """Each color a weighted sum of the pixel's colors, and an offset.

    Attributes:
        weights: weights[to][from], of pixels in [0, 1].
        offset: one a channel.
    """

    weights: tuple[tuple[float, ...], ...]
    offset: tuple[float, ...]

    @property
    def order(self) -> Literal["rgb", "bgr"]:
        """The order of the color channels that it gives."""
        weights = np.abs(np.asarray(self.weights))
        return "bgr" if np.trace(weights) < np.trace(weights[::-1]) else "rgb"

    def apply(self, pixels: Float32) -> Float32:
        """Prepare pixels in [0, 1], float32 (..., height, width, channels); the argument is not written to."""
        return pixels @ np.asarray(self.weights, np.float32).T + np.asarray(self.offset, np.float32)


def first_layers(network: Network) -> LinearPreparation | None:
    """What is done to pixels before the first convolution of a network that takes them in [0, 255].

    Pictures of one color each are put through the layers before it: black, and each channel at its brightest; one of
    mixed color has to come out as these tell.

    Returns:
        None where these layers do not scale each pixel by itself, or cannot be run alone.
    """
    channels = network.input.channels or 3
    mixed = np.linspace(0.2, 0.7, channels)
    colors = np.vstack([np.zeros(channels), np.eye(channels), mixed]).astype(np.float32)
    size = (network.input.height or _SIDE, network.input.width or _SIDE)
    batch = np.broadcast_to(255 * colors[:, np.newaxis, np.newaxis], (len(colors), *size, channels))
    recorded = _met_by_the_first_convolution(network, np.ascontiguousarray(batch))
    if recorded is None or recorded.shape[-1] != channels:
        return None
    # The middle is of the picture itself, whatever padding is around it.
    given = recorded[:, recorded.shape[1] // 2, recorded.shape[2] // 2]
    offset, weights = given[0], (given[1:-1] - given[0]).T
    if not np.allclose(weights @ mixed + offset, given[-1], rtol=1e-3, atol=1e-3):
        return None
    return LinearPreparation(tuple(map(tuple, weights.tolist())), tuple(offset.tolist()))


def _met_by_the_first_convolution(network: Network, batch: Float32) -> Float64 | None:
    """What comes to it, (images, height, width, channels); None where it cannot be had."""
    layers = network.layers()
    first = next((place for place, entry in enumerate(layers) if entry.is_convolution), 0)
    if network.recorder.knows_weights and first < len(layers):
        return np.asarray(network.recorder.record_with_input(batch, layers[first])[0], np.float64)
    before = [entry for entry in layers[:first] if entry.undrawable is None]
    if not before:
        return None
    return network.record(batch, before[-1:], compiled=False)[0].astype(np.float64)
