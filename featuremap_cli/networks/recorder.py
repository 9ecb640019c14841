"""What every network can do, whatever runs it: list its layers and keep what they give."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_weights import LayerWeights


class Recorder(Protocol):
    """A network that can be run so that it keeps what its layers give."""

    @property
    def entries(self) -> tuple[LayerEntry, ...]:
        """All its layers, in depth."""

    @property
    def compiles(self) -> bool:
        """Whether it can be compiled, so that it gains by seeing batches of one size."""

    @property
    def knows_weights(self) -> bool:
        """Whether its layers' weights can be told apart."""

    def layer_weights(self, paths: Collection[str] | None = None) -> Iterable[LayerWeights]:
        """The weights of the layers of some paths, or of all; nothing where they cannot be told apart."""

    def record(
        self, batch: Float32, chosen: Sequence[LayerEntry], *, before_activation: bool, compiled: bool
    ) -> list[Float32]:
        """What the chosen layers give, as `Network.record` describes it."""

    def record_with_input(self, batch: Float32, entry: LayerEntry) -> tuple[Float32, Float32, Float32]:
        """What one layer is given, what its activation is given, and what it gives; where weights can be told apart.

        Returns:
            Three times float32 (images, height, width, channels).

        Raises:
            NetworkError, ImageError: as `record`; what the layer is given must be maps too.
        """

    def border_before(self, entry: LayerEntry) -> tuple[Pair, Pair] | None:
        """What a layer of zero padding right before this one puts around: (top, bottom), (left, right)."""
