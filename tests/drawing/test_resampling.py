from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.drawing.resampling import enlarge, reduce_by_area

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def exact_weights(length: int, count: int) -> np.ndarray:
    """The part of each old pixel in each new one, by fractions: overlap of intervals over the new one's length."""
    ratio = Fraction(length, count)
    rows = []
    for new in range(count):
        start, stop = new * ratio, (new + 1) * ratio
        rows.append([float(max(Fraction(0), min(stop, old + 1) - max(start, old)) / ratio) for old in range(length)])
    return np.array(rows)


def test_whole_ratios_are_block_means():
    values = np.random.default_rng(0).normal(size=(12, 20)).astype(np.float32)
    assert np.allclose(reduce_by_area(values, 4, 5), values.reshape(4, 3, 5, 4).mean((1, 3)), atol=1e-6)


def test_three_pixels_into_two_by_hand():
    values = np.array([[3, 6, 9]], np.float32)
    # each new pixel covers one and a half: (3 + 6/2) / 1.5 and (6/2 + 9) / 1.5
    assert np.allclose(reduce_by_area(values, 1, 2), [[4, 8]])
    assert np.allclose(reduce_by_area(values.T, 2, 1), [[4], [8]])


@SETTINGS
@given(st.data(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_any_ratio_is_exact(data, height, width, seed):
    new_height, new_width = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    values = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    exact = exact_weights(height, new_height) @ values @ exact_weights(width, new_width).T
    assert np.allclose(reduce_by_area(values, new_height, new_width), exact, atol=1e-5)


def test_the_mean_stays():
    values = np.random.default_rng(1).normal(size=(101, 67)).astype(np.float32)
    assert np.isclose(reduce_by_area(values, 13, 29).mean(), values.mean(), atol=1e-6)


def test_a_nan_marks_only_the_pixels_that_cover_it():
    values = np.ones((6, 6), np.float32)
    values[2, 3] = np.nan
    values[5, 0] = np.inf
    expected = np.array([[1, 1, 1], [1, np.nan, 1], [np.nan, 1, 1]], np.float32)
    assert np.array_equal(reduce_by_area(values, 3, 3), expected, equal_nan=True)


def test_the_same_size_is_the_same_values():
    values = np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
    assert reduce_by_area(values, 5, 4) is values


def test_enlarging_repeats_pixels():
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(enlarge(values, 4), np.kron(values, np.ones((4, 4), np.uint8)))
    assert enlarge(np.zeros((2, 3, 3), np.uint8), 5).shape == (10, 15, 3)
