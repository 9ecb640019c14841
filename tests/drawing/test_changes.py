"""The sheet of changes: both sides of a pair on one scale, by their gray values."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.drawing.changes import Pair, draw_changes
from featuremap_cli.errors import UsageError


def pixels_of(*pairs: Pair) -> np.ndarray:
    return np.asarray(draw_changes(pairs, "Filters that changed most · a to b", ("1 of 1",)).picture.convert("RGB"))


def plain(before: list[list[float]], after: list[list[float]]) -> Pair:
    return Pair("conv · filter 1", "maps by 5%", None, (np.array(before, np.float32), np.array(after, np.float32)))


def count(pixels: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((pixels == color).all(axis=2).sum())


def test_both_maps_have_one_scale() -> None:
    pixels = pixels_of(plain([[0, 1], [1, 1]], [[0, 2], [2, 1]]))
    square = 110 * 110
    assert square * 4 <= count(pixels, (127, 127, 127)) < square * 4.1
    assert square * 2 <= count(pixels, (0, 0, 0)) < square * 2.5


def test_nan_and_silence_are_marked() -> None:
    pixels = pixels_of(plain([[0, 0], [0, 0]], [[0, np.nan], [1, 1]]))
    assert count(pixels, (255, 20, 147)) >= 110 * 110
    assert count(pixels, (232, 232, 232)) >= 0.9 * 4 * 110 * 110


def test_the_channels_that_moved_most_are_the_ones_drawn() -> None:
    before = np.zeros((1, 1, 40), np.float32)
    after = before.copy()
    after[0, 0, 20:36] = 1
    after[0, 0, 3] = 0.5
    maps = (np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32))
    pixels = pixels_of(Pair("conv · filter 0", "", (before, after), maps))
    panel = 52 * 52
    # Sixteen panels at the greatest weight and sixteen at zero, in the middle; the channel that moved half as far is
    # none of them.
    assert 16 * panel <= count(pixels, (127, 127, 127)) < 17 * panel
    assert count(pixels, (190, 190, 190)) < panel / 2


def test_color_filters_are_in_color() -> None:
    filters = np.zeros((1, 1, 3), np.float32)
    red = filters.copy()
    red[0, 0, 0] = 1
    maps = (np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32))
    assert count(pixels_of(Pair("conv", "", (filters, red), maps)), (254, 0, 0)) == 220 * 220


def test_white_all_round_for_any_number() -> None:
    for number in (1, 2, 5):
        pixels = pixels_of(*[plain([[0, 1], [1, 1]], [[0, 2], [2, 1]])] * number)
        for edge in (pixels[:20], pixels[-20:], pixels[:, :20], pixels[:, -20:]):
            assert (edge == 255).all()


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(UsageError, match="the same"):
        draw_changes((), "", ())
