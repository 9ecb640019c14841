"""The patches that excite each filter most, beside their projections: Zeiler and Fergus 2014, figure 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Float32, Image
from featuremap_cli.drawing.blocks import BlockLabel, BlockOrder, BlockPage
from featuremap_cli.drawing.cutout import (
    Size,
    Window,
    cutout,
    outline,
    scaled_window,
)
from featuremap_cli.drawing.input_image import input_picture
from featuremap_cli.drawing.numerals import same_digits, value_range
from featuremap_cli.drawing.page import MISSING_WORDS, Heading, Sheet
from featuremap_cli.drawing.projections import draw_values
from featuremap_cli.drawing.style import Tile

_PROJECTIONS, _PATCHES = 0, 1
_DIMMED = 0.35


@dataclass(frozen=True)
class FilterPlaces:
    """A filter and its places.

    Attributes:
        index: of the filter.
        values: the activations of its places from the strongest on; none for one that never fired.
        unreal: whether a map of it holds NaN or infinity: without a place it may have fired all the same.
    """

    index: int
    values: tuple[float, ...]
    unreal: bool = False

    @property
    def label(self) -> BlockLabel:
        """What stands above its block."""
        if not self.values and self.unreal:
            return BlockLabel(str(self.index), (MISSING_WORDS, "not finite", "NaN"))
        if not self.values:
            return BlockLabel(str(self.index), ("never fires", "silent"))
        greatest = same_digits(self.values[:1])[0]
        if len(self.values) == 1:
            return BlockLabel(str(self.index), (greatest,))
        return BlockLabel(
            str(self.index), (value_range(self.values[-1], self.values[0]), f"up to {greatest}", greatest)
        )


def unreal_words(filters: Sequence[int]) -> str:
    """Return which filters' maps are not finite, in words; nothing where there is none."""
    if not filters:
        return ""
    if len(filters) == 1:
        return f"the map of filter {filters[0]} holds {MISSING_WORDS} values"
    named = ", ".join(map(str, filters[:8])) + (", ..." if len(filters) > 8 else "")
    return f"the maps of filters {named} hold {MISSING_WORDS} values"


@dataclass(frozen=True)
class PatchOrder:
    """What a sheet of patches has to hold.

    Attributes:
        title: the first line.
        details: parts of the second.
        filters: one a block.
        size: (height, width) of a patch, in pixels of the network's input.
        columns: blocks in a row, or None.
        tile: the tile size asked for.
    """

    title: str
    details: tuple[str, ...]
    filters: tuple[FilterPlaces, ...]
    size: Size
    columns: int | None = None
    tile: Tile = "auto"


class PatchSheet:
    """A sheet of patches, painted one by one: its memory does not grow with their number.

    Raises:
        UsageError: it would have more pixels than image viewers open.
    """

    def __init__(self, order: PatchOrder) -> None:
        labels = tuple(one.label for one in order.filters)
        heading = Heading(order.title, order.details)
        places = tuple(len(one.values) for one in order.filters)
        self._page = BlockPage(BlockOrder(heading, labels, 2, places, order.size, order.columns, order.tile))
        self._shown = tuple(one.index for one in order.filters)
        self._pink: set[int] = set()

    def put(self, block: int, place: int, picture: Image, projection: Float32, window: Window) -> None:
        """Paint a patch and its projection.

        Args:
            block: the filter's place among `PatchOrder.filters`.
            place: 0 for the strongest.
            picture: what the network saw.
            projection: float32 (height, width, channels) of the same height and width.
            window: which part of both.
        """
        if not np.isfinite(projection).all():
            self._pink.add(self._shown[block])
        pixels = input_picture(picture, picture.height, picture.width)
        self._page.put(block, _PROJECTIONS, place, draw_values(projection, window, self._page.tile)[0])
        self._page.put(block, _PATCHES, place, cutout(pixels, window, self._page.tile))

    @property
    def pink(self) -> tuple[int, ...]:
        """The filters with a projection, of those painted so far, that holds NaN or infinity; these are in pink."""
        return tuple(index for index in self._shown if index in self._pink)

    def sheet(self, total: int, text: Mapping[str, str], notes: Sequence[str] = ()) -> Sheet:
        """Return the finished sheet.

        Args:
            total: how many filters the layer has.
            text: for the PNG's text chunks.
            notes: lines for stderr.
        """
        return Sheet(self._page.canvas.picture(), text, self._shown, total, tuple(notes))


@dataclass(frozen=True)
class Spot:
    """A box on an image: which filter fired there, and how strongly.

    Attributes:
        filter: index of the filter.
        rank: 1 where it fires most of all images.
        value: the activation.
        window: in pixels of the image.
    """

    filter: int
    rank: int
    value: float
    window: Window


def draw_boxes(image: Image, spots: Sequence[Spot], title: str, details: tuple[str, ...]) -> Sheet:
    """Return an image once for each filter that has spots on it, with all outside the spots' boxes dimmed.

    Args:
        image: as it was read.
        spots: at least one; those of a filter from the strongest on.
        title: the first line.
        details: parts of the second.
    """
    filters: dict[int, list[Spot]] = {}
    for spot in spots:
        filters.setdefault(spot.filter, []).append(spot)
    labels = tuple(_box_label(index, own) for index, own in filters.items())
    size = image.height, image.width
    page = BlockPage(BlockOrder(Heading(title, details), labels, 1, (1,) * len(filters), size))
    pixels = input_picture(image, *page.tile)
    dimmed = np.rint(255 - (255 - pixels.astype(np.float32)) * _DIMMED).astype(np.uint8)
    for block, own in enumerate(filters.values()):
        parts = [scaled_window(spot.window.visible(size), size, page.tile) for spot in own]
        shown = dimmed.copy()
        for part in parts:
            inside = slice(part.top, part.bottom), slice(part.left, part.right)
            shown[inside] = pixels[inside]
        page.put(block, 0, 0, shown)
        for part in parts:
            outline(page.canvas, part, page.tile, *page.corner(block, 0, 0), page.line)
    return Sheet(page.canvas.picture(), {}, tuple(filters), len(filters))


def _box_label(index: int, spots: Sequence[Spot]) -> BlockLabel:
    if len(spots) == 1:
        value = same_digits((spots[0].value,))[0]
        return BlockLabel(str(index), (f"{value}, rank {spots[0].rank}", value))
    values = value_range(spots[-1].value, spots[0].value)
    ranks = ", ".join(str(spot.rank) for spot in spots)
    return BlockLabel(
        str(index), (f"{values}, ranks {ranks}", f"{values}, {len(spots)} places", f"{len(spots)} places")
    )
