"""The picture of one projection: its panels, in pixels, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.arrays import Image
from featuremap_cli.drawing.cutout import Window
from featuremap_cli.drawing.projections import Projected, draw_projection, draw_values, map_caption

RNG = np.random.default_rng(9)
YELLOW, GRAY, PINK = (255, 220, 0), (128, 128, 128), (255, 20, 147)


def drawn(place: tuple[int, int] | None, window: Window | None, projection: np.ndarray) -> np.ndarray:
    picture = Image(RNG.random((32, 32, 3)).astype(np.float32), "noise")
    values = RNG.random((4, 4)).astype(np.float32)
    shown = Projected(picture, values, place, projection.astype(np.float32), window, "guided")
    return np.asarray(draw_projection(shown, "Projection · noise", ("a detail",), {}).picture)


def count(pixels: np.ndarray, color: tuple[int, ...]) -> int:
    return int((pixels == color).all(axis=2).sum())


def test_a_small_field_is_shown_close_up_below() -> None:
    projection = np.zeros((32, 32, 3))
    projection[8:16, 8:16] = RNG.standard_normal((8, 8, 3))
    near = drawn((1, 1), Window(8, 8, 16, 16), projection)
    wide = drawn((1, 1), Window(2, 2, 30, 30), projection)
    assert near.shape[0] > 1.7 * wide.shape[0]
    assert near.shape[1] == wide.shape[1]
    assert count(near, YELLOW) > 0
    # 15/16 of the projection's panel, 672 x 672 pixels, is zero; the frame covers a part of it.
    assert count(wide, GRAY) == pytest.approx(672 * 672 * 15 / 16, rel=0.1)


def test_a_whole_map_has_no_frames() -> None:
    assert count(drawn(None, None, RNG.standard_normal((32, 32, 3))), YELLOW) == 0


def test_a_silent_filter_gives_even_gray() -> None:
    assert count(drawn((0, 0), None, np.zeros((32, 32, 3))), GRAY) >= 672 * 672


def test_nan_has_a_color_of_its_own_and_words() -> None:
    projection = np.ones((32, 32, 3), np.float32)
    projection[8:16, 8:16, 0] = np.nan
    colors, words = draw_values(projection, Window(4, 4, 12, 12), (16, 16))
    assert count(colors, PINK) == 8 * 8
    assert (colors[8:, 8:] == PINK).all()
    assert words == "gray is zero, full from 1 on, NaN or infinite in pink"
    # Outside the picture nothing is known to be NaN.
    assert count(draw_values(projection, Window(-4, -4, 4, 4), (16, 16))[0], PINK) == 0
    colors, words = draw_values(np.full((32, 32, 1), np.inf, np.float32), Window(0, 0, 32, 32), (16, 16))
    assert (count(colors, PINK), words) == (16 * 16, "NaN or infinite, in pink")
    assert count(drawn((1, 1), None, projection), PINK) >= 8 * 8 * 21 * 21


def test_a_map_of_nan_is_not_silent() -> None:
    assert map_caption(np.full((4, 4), np.nan, np.float32)) == "the filter's map, 4 x 4, NaN or infinite everywhere"
    some = np.array([[0, 3], [np.nan, 1]], np.float32)
    assert map_caption(some) == "the filter's map, 2 x 2, 0 to 3.00, NaN or infinite in pink"
    assert map_caption(np.zeros((2, 2), np.float32)) == "the filter's map, 2 x 2, silent"
