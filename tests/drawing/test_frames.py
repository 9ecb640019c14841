"""Receptive fields framed on an image: what is bright, what is framed, what the labels say."""

from __future__ import annotations

import numpy as np

from featuremap_cli.arrays import Image
from featuremap_cli.drawing.cutout import Window
from featuremap_cli.drawing.frames import FieldFrame, draw_fields

WHITE = Image(np.ones((100, 80, 3), np.float32), "white.png")


def frame(index: int, seen: Window | None, size: tuple[int, int] = (40, 20)) -> FieldFrame:
    return FieldFrame(index, f"conv{index}", (3, 4), size, seen)


def test_share_of_the_picture_that_is_bright() -> None:
    """40 x 20 of 100 x 80 pixels are a tenth; dimmed white is 89."""
    picture = np.asarray(draw_fields(WHITE, [frame(0, Window(10, 30, 50, 50))], "title", {}).picture.convert("RGB"))
    dark = np.all(picture == 89, axis=2)
    rows, columns = (np.flatnonzero(dark.sum(axis) > 50) for axis in (1, 0))
    tile = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    bright = np.all(tile == 255, axis=2).mean()
    yellow = np.all(tile == (255, 220, 0), axis=2)
    assert abs(bright - 0.1) < 0.005
    ys, xs = np.nonzero(yellow)
    scale = tile.shape[0] / 100
    assert abs(ys.min() / scale - 10) < 1
    assert abs(xs.max() / scale - 50) < 1


def test_labels_say_how_much_of_a_field_is_in_the_image() -> None:
    whole, cut, nothing = frame(1, Window(10, 30, 50, 50)), frame(2, Window(0, 0, 30, 20)), frame(3, None)
    assert whole.label.remarks[0] == "40 x 20 at 3, 4"
    assert cut.label.remarks[0] == "30 x 20 of 40 x 20 at 3, 4"
    assert nothing.label.remarks[0] == "sees nothing at 3, 4"


def test_a_position_that_sees_nothing_is_dark_all_over() -> None:
    picture = np.asarray(draw_fields(WHITE, [frame(0, None)] * 6, "title", {}).picture.convert("RGB"))
    assert not np.any(np.all(picture == (255, 220, 0), axis=2))
    assert np.all(picture == 89, axis=2).sum() >= 6 * 100 * 80
