"""Where the picture that a network sees lies in the image that it was made from.

The arithmetic is that of `preparation.fit`, read backwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from featuremap_cli.sources.preparation import Fit

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels; right and bottom are the first ones outside."""


@dataclass(frozen=True)
class Placement:
    """A part of an image that was resized into a part of a picture.

    Attributes:
        source: the part of the image.
        target: the part of the picture that shows it.
    """

    source: Box
    target: Box

    def to_source(self, box: Box) -> Box:
        """Return what a box of the picture covers of the image: the smallest box of whole pixels that holds it.

        What lies outside the picture comes out in the same scale, and may lie outside the image.
        """
        left, right = self._axis(0, box[0], box[2])
        top, bottom = self._axis(1, box[1], box[3])
        return left, top, right, bottom

    def _axis(self, axis: int, first: int, end: int) -> tuple[int, int]:
        start, length = self.source[axis], self.source[axis + 2] - self.source[axis]
        inner, shown = self.target[axis], self.target[axis + 2] - self.target[axis]
        return start + (first - inner) * length // shown, start - (-(end - inner) * length // shown)


def placement(image: tuple[int, int], picture: tuple[int, int], how: Fit) -> Placement:
    """Return where `preparation.fit` puts an image.

    Args:
        image: its (width, height).
        picture: (width, height) of the result.
        how: as for `preparation.fit`.
    """
    (width, height), (shown_width, shown_height) = image, picture
    source, target = (0, 0, width, height), (0, 0, shown_width, shown_height)
    if how == "crop":
        size = (
            max(1, min(width, height * shown_width // shown_height)),
            max(1, min(height, width * shown_height // shown_width)),
        )
        source = _centered(size, image)
    elif how == "pad":
        scale = min(shown_width / width, shown_height / height)
        target = _centered((max(1, round(width * scale)), max(1, round(height * scale))), picture)
    return Placement(source, target)


def _centered(size: tuple[int, int], around: tuple[int, int]) -> Box:
    left, top = (around[0] - size[0]) // 2, (around[1] - size[1]) // 2
    return left, top, left + size[0], top + size[1]
