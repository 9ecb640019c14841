"""Changes by arithmetic, and by NumPy over whole arrays."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.analysis.change import Change, LayerChange, map_sums, most_changed, weight_sums
from featuremap_cli.arrays import FilterBank


def bank(weights: np.ndarray) -> FilterBank:
    return FilterBank(weights.astype(np.float32), ("",) * weights.shape[3], np.zeros(weights.shape[3], np.float32), "x")


def test_weights_by_hand() -> None:
    before, after = np.zeros((1, 2, 1, 4)), np.zeros((1, 2, 1, 4))
    before[0, :, 0, :3] = [[3, 1, 2], [4, 0, 0]]
    after[0, :, 0] = [[3, 0, 4, 1], [4, 1, 0, 0]]
    each = weight_sums(bank(before), bank(after)).each()
    assert each[0] == Change(0.0, 1.0)
    assert each[1] == Change(pytest.approx(np.sqrt(2)), 0.0)
    assert each[2] == Change(1.0, 1.0)
    assert each[3] == Change(None, None)


def test_maps_of_several_images_as_numpy_has_them() -> None:
    random = np.random.default_rng(3)
    before, after = random.normal(size=(2, 5, 4, 6, 7)).astype(np.float32)
    sums = map_sums(before[0], after[0])
    for one, two in zip(before[1:], after[1:], strict=True):
        sums = sums.merge(map_sums(one, two))
    whole = sums.whole()
    assert whole.relative == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before), rel=1e-6)
    cosine = (after * before).sum() / np.linalg.norm(after) / np.linalg.norm(before)
    assert whole.cosine == pytest.approx(cosine, rel=1e-5)
    third = sums.each()[3]
    expected = np.linalg.norm((after - before)[:, 3]) / np.linalg.norm(before[:, 3])
    assert third.relative == pytest.approx(expected, rel=1e-6)


def test_what_became_nan_or_infinite_is_change_and_what_stayed_so_is_none() -> None:
    before, after = np.ones((1, 2, 2), np.float32), np.ones((1, 2, 2), np.float32)
    before[0, 0, 0], after[0, 1, 1], after[0, 0, 1] = np.nan, np.inf, 2
    assert map_sums(before, after).whole() == Change(None, None, 2)
    assert map_sums(before, before).whole() == Change(0.0, 1.0)
    assert map_sums(after, after).whole() == Change(0.0, 1.0)
    assert map_sums(after, -after).merge(map_sums(before, after)).whole().unreal == 3


def test_a_bias_is_one_of_the_weights() -> None:
    weights = np.zeros((1, 2, 1, 2), np.float32)
    weights[0, :, 0] = [[3, 1], [0, 0]]
    before = FilterBank(weights, ("", ""), np.array([4, 0], np.float32), "x")
    after = FilterBank(weights, ("", ""), np.array([-6, np.nan], np.float32), "x")
    # (3, 0, 4) became (3, 0, -6): 10 of 5, and (9 - 24) / (5 sqrt(45)).
    first, second = weight_sums(before, after).each()
    assert (first.relative, first.cosine) == (pytest.approx(2.0), pytest.approx(-15 / (5 * np.sqrt(45))))
    assert second == Change(None, None, 1)


def test_nothing_before_and_nothing_after_is_no_change() -> None:
    nothing = np.zeros((1, 2, 2), np.float32)
    assert map_sums(nothing, nothing).whole() == Change(0.0, None)


def test_the_most_changed_go_by_weights_first_and_unchanged_ones_are_left_out() -> None:
    same, some, much = Change(0.0, 1.0), Change(0.3, 0.9), Change(2.0, 0.1)
    changes = (
        LayerChange("a", some, some, (same, some, Change(None, None)), (much, same, same)),
        LayerChange("b", None, some, None, (same, much)),
    )
    found = most_changed(changes, 10)
    assert [(one.layer, one.index) for one in found] == [("a", 2), ("b", 1), ("a", 1), ("a", 0)]
    assert [one.index for one in most_changed(changes, 1)] == [2]


def test_nan_is_the_greatest_change_then_what_was_zero() -> None:
    same, much, from_zero, nan = Change(0.0, 1.0), Change(9.0, 0.1), Change(None, None), Change(None, None, 3)
    changes = (LayerChange("a", much, much, (much, from_zero, nan, same), (same, same, same, nan)),)
    assert [one.index for one in most_changed(changes, 10)] == [2, 1, 0, 3]
