"""Banks fitted to an image, and the words for it."""

from __future__ import annotations

import numpy as np

from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution.fitting import enlargement_notice, fit_banks
from featuremap_cli.convolution.operation import Operation


def kernel(size, name=""):
    return FilterBank(np.ones((size, size, 1, 1), np.float32), (name,), np.zeros(1, np.float32), "test", True)


def test_kernels_of_one_size_are_done_together_and_order_is_kept():
    banks = [kernel(3, "a"), kernel(3, "b"), kernel(5, "c"), kernel(3, "d")]
    assert [part.names for part in fit_banks(banks, 3, Operation())] == [("a", "b"), ("c",), ("d",)]
    assert [part.names for part in fit_banks(banks, 3, Operation(padding="valid"))] == [("a", "b", "c", "d")]


def test_the_notice_counts_the_filters_that_are_enlarged():
    banks = [kernel(3), kernel(5), kernel(1)]
    notice = enlargement_notice(banks, Operation(padding="valid"))
    assert notice is not None
    assert notice.startswith("2 of 3 filters are smaller than 5x5 and were set in the middle")
    assert enlargement_notice(banks, Operation()) is None
    assert enlargement_notice(banks[:1], Operation(padding=2)) is None


def test_turning_by_half_a_turn_leaves_the_bank_as_it_was():
    weights = np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1)
    bank = FilterBank(weights, ("",), np.zeros(1, np.float32), "test", True)
    (part,) = fit_banks([bank], 1, Operation(flip=True))
    assert part.weights.ravel().tolist() == [3, 2, 1, 0]
    assert bank.weights.ravel().tolist() == [0, 1, 2, 3]


def test_channels_of_multi_band_images_are_numbered():
    (part,) = fit_banks([kernel(3, "box")], 4, Operation(depthwise=True))
    assert part.names == ("box channel 0", "box channel 1", "box channel 2", "box channel 3")
    (gray,) = fit_banks([kernel(3, "box")], 1, Operation(depthwise=True))
    assert gray.names == ("box",)


def test_unnamed_filters_kept_apart_have_their_index_over_all_banks():
    unnamed = FilterBank(np.ones((5, 5, 3, 2), np.float32), ("", ""), np.zeros(2, np.float32), "bank.npy")
    parts = fit_banks([kernel(3, "box"), kernel(3), unnamed], 3, Operation(depthwise=True))
    assert parts[0].names == ("box R", "box G", "box B")
    assert parts[1].names == ("filter 1 R", "filter 1 G", "filter 1 B")
    assert parts[2].names == tuple(f"filter {index} {color}" for color in "RGB" for index in (2, 3))
    (alone,) = fit_banks([kernel(3)], 3, Operation(depthwise=True))
    assert alone.names == ("R", "G", "B")
