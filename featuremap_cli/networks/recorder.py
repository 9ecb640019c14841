"""What every network can do, whatever runs it: list its layers and keep what they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from featuremap_cli.arrays import Float32
from featuremap_cli.networks.layer_entry import LayerEntry


class Recorder(Protocol):
    """A network that can be run so that it keeps what its layers give."""

    @property
    def entries(self) -> tuple[LayerEntry, ...]:
        """All its layers, in depth."""

    def record(
        self, batch: Float32, chosen: Sequence[LayerEntry], *, before_activation: bool, compiled: bool
    ) -> list[Float32]:
        """What the chosen layers give, as `Network.record` describes it."""
