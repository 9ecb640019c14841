"""The picture of one projection: its panels, in pixels, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.arrays import Image
from featuremap_cli.drawing.cutout import Window
from featuremap_cli.drawing.projections import Projected, draw_projection

RNG = np.random.default_rng(9)
YELLOW, GRAY = (255, 220, 0), (128, 128, 128)


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
