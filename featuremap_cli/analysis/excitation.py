"""Where in many images each filter of a layer fires most, after Zeiler and Fergus 2014, figure 2.

An `Excitation` keeps the best few responses of each filter while the images stream by, in memory that does not grow
with their number. Two of them, of different images, merge into what one pass over all the images would have kept.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32

Ints = NDArray[np.int64]
Interval = tuple[int, int]


@dataclass(frozen=True)
class Fields:
    """What the positions of a map see of the image.

    Attributes:
        rows: one a row of the map, (first, last) row of pixels; they may lie outside the image.
        columns: the same for columns.
    """

    rows: tuple[Interval, ...]
    columns: tuple[Interval, ...]


@dataclass(frozen=True)
class Response:
    """One place where a filter fires.

    Attributes:
        filter: index of the filter.
        rank: 1 for the place where it fires most.
        image: number of the image.
        row, column: the position in the filter's map.
        value: the activation there.
    """

    filter: int
    rank: int
    image: int
    row: int
    column: int
    value: float


@dataclass(frozen=True, eq=False)
class Found:
    """Responses of some filters, (filters, places) each; the strongest first, and -inf where there is none.

    Attributes:
        values: float32.
        images, rows, columns: int64; -1 where there is none.
    """

    values: Float32
    images: Ints
    rows: Ints
    columns: Ints

    def best(self, places: int) -> Found:
        """Return the best so many; of equal ones first that of the earlier image, then the upper, then the left."""
        order = np.lexsort((self.columns, self.rows, self.images, -self.values), axis=-1)[:, :places]
        return Found(*(np.take_along_axis(array, order, axis=1) for array in self._arrays()))

    def beside(self, other: Found) -> Found:
        """Return both together, unsorted."""
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        return Found(*(np.concatenate(pair, axis=1) for pair in pairs))

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self.values, self.images, self.rows, self.columns


class Excitation:
    """The places where filters fire most, in all images seen so far.

    Args:
        filters: indices of the filters that are watched.
        top: how many places are kept for each.
        per_image: how many of them may be in one image at most.
        fields: what the positions of the maps see.
        overlap: the share of a field, 0 to 1, that two places of a filter in one image may have in common; of the
            smaller field where they differ, and counted in pixels.
    """

    def __init__(self, filters: Sequence[int], top: int, per_image: int, fields: Fields, overlap: float = 0.0) -> None:
        self.filters, self.top = tuple(filters), top
        self._per_image = min(per_image, top)
        self._common = _common(fields.rows), _common(fields.columns)
        self._overlap = overlap
        self._found = _nothing(len(self.filters), top)
        self._unreal = np.zeros(len(self.filters), np.bool_)

    def add(self, image: int, maps: Float32) -> None:
        """Take in one image.

        Args:
            image: its number, another one for each image; it decides between equal responses.
            maps: float32 (filters of the layer, height, width). Zero and what is below it, NaN and infinities are no
                firing.
        """
        watched = maps[list(self.filters)]
        self._unreal |= ~np.isfinite(watched).all(axis=(1, 2))
        self._keep(self._in_image(image, watched))

    def merge(self, other: Excitation) -> None:
        """Take in what another one has seen, of the same filters on other images."""
        self._unreal |= other._unreal
        self._keep(other._found)

    def fresh(self) -> Excitation:
        """Return one that watches the same and has seen nothing."""
        other = copy.copy(self)
        other._found = _nothing(len(self.filters), self.top)
        other._unreal = np.zeros(len(self.filters), np.bool_)
        return other

    def unreal(self) -> tuple[int, ...]:
        """The filters whose map of some image held NaN or infinity: what they would have fired there is not known."""
        return tuple(index for index, unreal in zip(self.filters, self._unreal, strict=True) if unreal)

    def images(self) -> tuple[int, ...]:
        """The images that hold a kept place, in order."""
        return tuple(int(image) for image in np.unique(self._found.images) if image >= 0)

    def responses(self) -> list[list[Response]]:
        """The places of each filter, the strongest first; none for a filter that never fired, or gave NaN only."""
        found = self._found
        return [
            [
                Response(
                    index,
                    rank + 1,
                    int(found.images[place, rank]),
                    int(found.rows[place, rank]),
                    int(found.columns[place, rank]),
                    float(found.values[place, rank]),
                )
                for rank in range(self.top)
                if found.images[place, rank] >= 0
            ]
            for place, index in enumerate(self.filters)
        ]

    def _keep(self, more: Found) -> None:
        self._found = self._found.beside(more).best(self.top)

    def _in_image(self, image: int, maps: Float32) -> Found:
        """The best places in one image: always the strongest whose field is clear enough of those before it."""
        filters, _, width = maps.shape
        firing = np.where((maps > 0) & (maps < np.inf), maps, np.float32(-np.inf))
        found = _nothing(filters, self._per_image)
        every = np.arange(filters)
        for place in range(self._per_image):
            rows, columns = np.divmod(firing.reshape(filters, -1).argmax(axis=1), width)
            values = firing[every, rows, columns]
            fires = values > 0
            if not fires.any():
                break
            found.values[:, place] = values
            for array, numbers in ((found.images, image), (found.rows, rows), (found.columns, columns)):
                array[:, place] = np.where(fires, numbers, -1)
            if place + 1 < self._per_image:
                common = self._common[0][rows][:, :, np.newaxis] * self._common[1][columns][:, np.newaxis, :]
                firing[common > self._overlap] = -np.inf
                firing[every, rows, columns] = -np.inf
        return found


def _nothing(filters: int, places: int) -> Found:
    shape = (filters, places)
    return Found(np.full(shape, -np.inf, np.float32), np.full(shape, -1), np.full(shape, -1), np.full(shape, -1))


def _common(intervals: Sequence[Interval]) -> NDArray[np.float64]:
    """What each two of the intervals have in common, as a share of the shorter one: (intervals, intervals)."""
    first, last = np.array(intervals, np.int64).reshape(-1, 2).T
    length = np.maximum(last - first + 1, 1)
    common = np.minimum(last[:, np.newaxis], last) - np.maximum(first[:, np.newaxis], first) + 1
    shares: NDArray[np.float64] = common.clip(0) / np.minimum(length[:, np.newaxis], length)
    return shares
