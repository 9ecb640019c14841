"""What the positions of a layer's maps see of an image, for the commands that show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featuremap_cli.analysis.excitation import Fields
    from featuremap_cli.analysis.receptive_field import AxisField
    from featuremap_cli.drawing.cutout import Window
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.networks.network import Network


@dataclass(frozen=True)
class LayerField:
    """The receptive fields of a layer's positions, in pixels of a network's input.

    Attributes:
        axes: of the height and the width; None where they are not known.
        picture: (height, width) of the input.
    """

    axes: tuple[AxisField, AxisField] | None
    picture: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a field; of the whole picture where it is not known."""
        return self.picture if self.axes is None else (self.axes[0].size, self.axes[1].size)

    def window(self, row: int, column: int) -> Window:
        """Return what the position sees; it may leave the picture, and is the picture where it is not known."""
        from featuremap_cli.drawing.cutout import Window

        top, left = self._first(0, row), self._first(1, column)
        return Window(top, left, top + self.size[0], left + self.size[1])

    def fields(self, size: tuple[int, int]) -> Fields:
        """Return what the positions of maps of this (height, width) see inside the picture, as intervals."""
        from featuremap_cli.analysis.excitation import Fields

        axes = [
            tuple(
                (max(first, 0), min(first + self.size[axis], self.picture[axis]) - 1)
                for first in (self._first(axis, at) for at in range(size[axis]))
            )
            for axis in (0, 1)
        ]
        return Fields(axes[0], axes[1])

    def _first(self, axis: int, position: int) -> int:
        interval = None if self.axes is None else self.axes[axis].at(position)
        return 0 if interval is None else interval[0]


def layer_field(network: Network, layer: LayerEntry, picture: tuple[int, int]) -> LayerField:
    """Return the fields of one layer.

    Args:
        network: any network.
        layer: one of its layers.
        picture: (height, width) at which it runs.
    """
    from featuremap_cli.analysis.receptive_field import receptive_fields
    from featuremap_cli.networks.records import network_graph

    sized = replace(network.input, height=picture[0], width=picture[1])
    graph = network_graph(replace(network, input=sized))
    fields = zip(graph.records, receptive_fields(graph), strict=True)
    axes = next((field.axes for record, field in fields if record.index == layer.index), None)
    return LayerField(axes, picture)
