"""Maps brought to the size of their tiles, as they are read: a map too large for memory gets there rows by rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from featuremap_cli.analysis.map_facts import read_maps
from featuremap_cli.arrays import Float32, LayerMaps
from featuremap_cli.drawing.resampling import BandReducer

Put = Callable[[int, int, Float32], None]
"""Takes a map's index, a row of its tile, and the values from there on, float32 (rows, width)."""


class TileReader:
    """Averages maps down to a size and hands on the rows that are complete; a `BandReader`.

    Args:
        maps: what will be read.
        shown: indices of the maps that are wanted.
        size: (height, width) of each tile, at most that of the maps.
        put: what is done with the rows; different maps' from several threads at a time.
    """

    def __init__(self, maps: LayerMaps, shown: Iterable[int], size: tuple[int, int], put: Put) -> None:
        self._reducers = {index: BandReducer(maps.size, size) for index in shown}
        self._put = put

    def take(self, index: int, first: int, rows: Float32) -> None:
        """See `BandReader.take`."""
        if index in self._reducers:
            top, reduced = self._reducers[index].take(first, rows)
            if len(reduced):
                self._put(index, top, reduced)


class KeptTiles:
    """Averages maps down and keeps them, for maps that are read before it is known how they will be drawn.

    Args:
        maps: what will be read.
        shown: indices of the maps that are wanted.
        size: (height, width) of each tile, at most that of the maps.
    """

    def __init__(self, maps: LayerMaps, shown: Iterable[int], size: tuple[int, int]) -> None:
        self._size = size
        self._tiles = {index: np.empty(size, np.float32) for index in shown}
        self._reader = TileReader(maps, self._tiles, size, self._keep)

    def take(self, index: int, first: int, rows: Float32) -> None:
        """See `BandReader.take`."""
        self._reader.take(index, first, rows)

    def serves(self, shown: Iterable[int], size: tuple[int, int]) -> bool:
        """Whether these maps are here in this size."""
        return size == self._size and set(shown) <= self._tiles.keys()

    def hand_on(self, shown: Iterable[int], put: Put) -> None:
        """Hand on some of the tiles, whole."""
        for index in shown:
            put(index, 0, self._tiles[index])

    def _keep(self, index: int, top: int, values: Float32) -> None:
        self._tiles[index][top : top + len(values)] = values


def put_tiles(
    maps: LayerMaps, shown: Sequence[int], size: tuple[int, int], put: Put, kept: KeptTiles | None = None
) -> None:
    """Hand on the maps that are wanted, averaged down to a size.

    Args:
        maps: the layer; read once, unless what is wanted was kept.
        shown: indices of the maps that are wanted.
        size: (height, width) of each tile, at most that of the maps.
        put: what is done with them, as in `TileReader`.
        kept: what was kept of an earlier reading.
    """
    if kept is not None and kept.serves(shown, size):
        kept.hand_on(shown, put)
    else:
        read_maps(maps, TileReader(maps, shown, size, put), only=shown)
