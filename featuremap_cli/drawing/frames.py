"""The receptive field of one position of each layer, framed on the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Image
from featuremap_cli.drawing.canvas import Canvas, Pixels, color_canvas
from featuremap_cli.drawing.cutout import Window, outline, scaled_window
from featuremap_cli.drawing.grid import Grid, Order, lay_out
from featuremap_cli.drawing.input_image import input_picture
from featuremap_cli.drawing.labels import Label
from featuremap_cli.drawing.page import Heading, Sheet
from featuremap_cli.drawing.style import Tile

_DIMMED = 0.35
_FEW, _LARGE = 4, (560, 560)


@dataclass(frozen=True)
class FieldFrame:
    """What one position of a layer sees.

    Attributes:
        index: the layer's number.
        layer: its path.
        position: (row, column) in its output.
        size: (height, width) of its receptive field, which may be larger than the image.
        seen: the pixels of the image that the position depends on; None where it sees none.
    """

    index: int
    layer: str
    position: tuple[int, int]
    size: tuple[int, int]
    seen: Window | None

    @property
    def label(self) -> Label:
        """Index and path of the layer, the size of the field and the position it belongs to."""
        size = f"{self.size[0]} x {self.size[1]}"
        place = f"at {self.position[0]}, {self.position[1]}"
        if self.seen is None:
            return Label(str(self.index), self.layer, (f"sees nothing {place}", "sees nothing", ""), word=True)
        whole = self.seen.size == self.size
        cut = "" if whole else f"{self.seen.size[0]} x {self.seen.size[1]} of "
        return Label(str(self.index), self.layer, (f"{cut}{size} {place}", f"{size} {place}", size, ""))


def draw_fields(image: Image, frames: Sequence[FieldFrame], title: str, text: Mapping[str, str]) -> Sheet:
    """Return the image once for each layer, bright where the position sees it, with a frame around that part.

    Args:
        image: as the network sees it.
        frames: one a layer, at least one.
        title: the first line.
        text: for the PNG's text chunks.
    """
    heading = Heading(
        title,
        (
            f"image {image.height} x {image.width}",
            "framed: what one position of each layer depends on",
            "below: layer, receptive field, position (row, column)",
        ),
    )
    labels = tuple(frame.label for frame in frames)
    tile: Tile = _LARGE if len(frames) <= _FEW else "auto"
    grid = lay_out(Order(len(frames), (image.height, image.width), tile, columns=None, heading=heading, labels=labels))
    canvas = color_canvas(grid.width, grid.height)
    heading.draw(canvas, grid.measures, grid.width - 2 * grid.measures.margin)
    picture = input_picture(image, *grid.tile)
    for place, frame in enumerate(frames):
        _draw_tile(canvas, grid, place, frame, _lit(picture, frame.seen, (image.height, image.width)), image)
    return Sheet(canvas.picture(), text, tuple(range(len(frames))), len(frames))


def _draw_tile(canvas: Canvas, grid: Grid, place: int, frame: FieldFrame, tile: Pixels, image: Image) -> None:
    box = grid.box(place)
    canvas.frame(box.left, box.top, box.width, box.height, grid.measures.line)
    canvas.paste(tile, box.left, box.top)
    if frame.seen is not None:
        part = scaled_window(frame.seen, (image.height, image.width), grid.tile)
        outline(canvas, part, grid.tile, box.left, box.top, grid.measures.line)
    if grid.lettering is not None:
        grid.lettering.draw(canvas, frame.label, box.left, box.top + box.height, grid.label_width)


def _lit(picture: Pixels, seen: Window | None, size: tuple[int, int]) -> Pixels:
    """The picture, dimmed where nothing is seen."""
    dimmed: Pixels = np.rint(picture * _DIMMED).astype(np.uint8)
    if seen is not None:
        part = scaled_window(seen, size, picture.shape[:2])
        rows, columns = slice(part.top, part.bottom), slice(part.left, part.right)
        dimmed[rows, columns] = picture[rows, columns]
    return dimmed
