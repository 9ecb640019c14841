"""Cut-out parts of pictures, against pixels chosen by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.drawing.canvas import color_canvas
from featuremap_cli.drawing.cutout import (
    CLIPPED,
    Window,
    cutout,
    hatching,
    outline,
    projection_cutout,
    scaled_window,
    whole,
)

RNG = np.random.default_rng(2)
PICTURE = RNG.integers(0, 255, (6, 8, 3)).astype(np.uint8)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_every_pixel_is_the_picture_s_or_hatching(top: int, left: int, height: int, width: int, factor: int) -> None:
    window = Window(top, left, top + height, left + width)
    shown = cutout(PICTURE, window, (height * factor, width * factor))
    hatched = hatching((height * factor, width * factor))
    for row in range(height * factor):
        for column in range(width * factor):
            y, x = top + row // factor, left + column // factor
            is_inside = 0 <= y < 6 and 0 <= x < 8
            assert (shown[row, column] == (PICTURE[y, x] if is_inside else hatched[row, column])).all()


def test_a_reduced_cutout_is_the_mean_of_what_it_covers() -> None:
    shown = cutout(PICTURE, Window(0, -4, 6, 8), (3, 6))
    np.testing.assert_array_equal(shown[:, :2], hatching((3, 6))[:, :2])
    means = PICTURE.reshape(3, 2, 4, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shown[:, 2:], means, atol=0.5)


def test_zero_is_gray_and_signs_are_symmetric() -> None:
    projection = np.zeros((2, 2, 3), np.float32)
    projection[0, 0], projection[1, 1] = (0.5, -0.5, 0.25), (-0.5, 0.5, 0)
    shown, limit = projection_cutout(projection, whole((2, 2)), (2, 2))
    assert limit == pytest.approx(0.5)
    assert shown[0, 1].tolist() == [128, 128, 128]
    assert shown[0, 0].tolist() == [255, 1, 192]
    assert shown[1, 1].tolist() == [1, 255, 128]


def test_a_projection_that_is_zero_is_even_gray() -> None:
    shown, limit = projection_cutout(np.zeros((4, 4, 1), np.float32), whole((4, 4)), (8, 8))
    assert limit == 0
    assert (shown == 128).all()


def test_no_more_than_was_said_is_clipped() -> None:
    projection = RNG.standard_normal((60, 50, 3)).astype(np.float32)
    projection[:30] = 0
    _, limit = projection_cutout(projection, whole((60, 50)), (60, 50))
    beyond = np.count_nonzero(np.abs(projection) > limit)
    assert 0 < beyond <= CLIPPED * np.count_nonzero(projection)


def test_what_lies_outside_the_window_does_not_set_its_scale() -> None:
    projection = np.ones((4, 4, 1), np.float32)
    projection[0] = 100
    assert projection_cutout(projection, Window(2, 0, 6, 4), (4, 4))[1] == 1


def test_a_reduced_projection_shows_the_strongest_of_each_area() -> None:
    projection = np.zeros((6, 6, 1), np.float32)
    projection[0, 0], projection[1, 2], projection[4, 4], projection[5, 5] = 0.2, -1, 0.5, -0.5
    shown, limit = projection_cutout(projection, whole((6, 6)), (2, 2))
    assert limit == 1
    assert shown[..., 0].tolist() == [[1, 128], [128, 192]]


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels_are_drawn_gray(channels: int) -> None:
    projection = RNG.standard_normal((3, 3, channels)).astype(np.float32)
    shown, _ = projection_cutout(projection, whole((3, 3)), (3, 3))
    assert (shown == shown[..., :1]).all()
    assert ((shown[..., 0] > 128) == (projection.mean(axis=2) > 0)).all()


def test_a_window_larger_than_the_picture_shows_the_picture() -> None:
    assert Window(-50, 3, 60, 9).within((6, 8)) == Window(0, 3, 6, 9)


def test_a_frame_goes_around_its_part_and_stays_on_the_picture() -> None:
    canvas = color_canvas(30, 30)
    outline(canvas, Window(10, 1, 12, 4), (20, 20), 5, 5, 1)
    drawn = (canvas.pixels != 255).any(axis=2)
    rows, columns = np.nonzero(drawn)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 19, 5, 11)
    # On the left there is room for one of its three lines only.
    assert not drawn[15:17, 8].any()
    assert drawn[15:17, 5:8].all()
    assert drawn[15:17, 9:12].all()


def test_a_window_on_an_enlarged_picture() -> None:
    assert scaled_window(Window(1, 2, 3, 4), (10, 20), (30, 40)) == Window(3, 4, 9, 8)
