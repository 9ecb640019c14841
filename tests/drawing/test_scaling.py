from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from featuremap_cli.drawing.extents import join, measure
from featuremap_cli.drawing.scaling import Scale, clipped_fraction, parse_scale, shared_limits, to_levels
from featuremap_cli.errors import UsageError

SETTINGS = settings(max_examples=80, deadline=None, derandomize=True)
PINK = 240


def levels_of(values, low, high, levels=239):
    return to_levels(np.array(values, np.float32, ndmin=2), low, high, levels, PINK).tolist()


def limits_of(layers, text):
    layers = [np.array(layer, np.float32) for layer in layers]
    return shared_limits(layers, [measure(layer) for layer in layers], parse_scale(text))


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("map", Scale("map")),
        ("layer", Scale("layer")),
        ("symmetric", Scale("symmetric")),
        ("symmetric:99", Scale("symmetric", 0, 99)),
        ("percentile:1,99", Scale("percentile", 1, 99)),
        ("percentile:0.5,99.5", Scale("percentile", 0.5, 99.5)),
        ("-1,2.5", Scale("limits", -1, 2.5)),
        (" 0,1e3 ", Scale("limits", 0, 1000)),
    ],
)
def test_scales_are_read(text, scale):
    assert parse_scale(text) == scale


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile",
        "1",
        "1,2,3",
        "2,1",
        "1,1",
        "percentile",
        "percentile:5",
        "percentile:-1,50",
        "percentile:1,101",
        "percentile:99,1",
        "nan,1",
        "0,inf",
        "symmetric:1,2",
        "symmetric:0",
        "symmetric:101",
        "symmetric:",
        "a,b",
    ],
)
def test_anything_else_is_refused_naming_the_flag(text):
    with pytest.raises(UsageError, match="--scale"):
        parse_scale(text)


def test_a_scale_is_written_as_it_is_read():
    for text in ("map", "layer", "symmetric", "symmetric:99", "percentile:1,99", "-1,2.5"):
        assert str(parse_scale(text)) == text


def test_levels_are_straight_between_the_limits():
    # 0..4 on five levels: each value its own level; halves round to the next
    assert levels_of([0, 1, 2, 3, 4], 0, 4, levels=5) == [[0, 1, 2, 3, 4]]
    assert levels_of([0.4, 0.6, 3.4, 3.6], 0, 4, levels=5) == [[0, 1, 3, 4]]
    assert levels_of([-7, 11], 0, 4, levels=5) == [[0, 4]]


def test_zero_is_the_middle_level_of_a_symmetric_scale():
    assert levels_of([-2, 0, 2], -2, 2) == [[0, 119, 238]]
    assert levels_of([0.0], -1e-3, 1e-3, levels=127) == [[63]]


def test_limits_without_distance_give_the_middle():
    assert levels_of([0.12, 0.12], 0.12, 0.12) == [[119, 119]]


def test_nan_and_infinities_become_the_missing_entry_and_touch_nothing_else():
    with_holes = [0.0, np.nan, 1.0, np.inf, 0.5, -np.inf]
    assert levels_of(with_holes, 0, 1) == [[0, PINK, 238, PINK, 119, PINK]]


@pytest.mark.parametrize(
    ("low", "high"), [(-3.4e38, 3.4e38), (0, 1e-40), (-1e-38, 1e-38), (1e38, 3e38), (-3e38, -1e38)]
)
def test_the_ends_of_float32_neither_overflow_nor_vanish(low, high):
    middle = low / 2 + high / 2
    assert levels_of([low, middle, high], low, high)[0] == pytest.approx([0, 119, 238], abs=1)


@SETTINGS
@given(arrays(np.float32, (5, 7), elements=st.floats(-1e4, 1e4, width=32)))
def test_levels_against_the_formula_in_float64(values):
    low, high = float(values.min()), float(values.max())
    found = to_levels(values, low, high, 239, PINK)
    exact = np.full(values.shape, 119.0) if low == high else (values.astype(np.float64) - low) / (high - low) * 238
    assert np.abs(found - exact).max() <= 0.51


def test_levels_can_be_written_into_a_part_of_a_page():
    page = np.full((4, 6), 255, np.uint8)
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    to_levels(values, 0, 5, 6, PINK, out=page[1:3, 2:5])
    assert page[1:3, 2:5].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (page[0] == 255).all()
    assert (page[:, :2] == 255).all()


def test_a_layer_of_one_sign_is_scaled_from_its_least_to_its_greatest():
    limits = limits_of([[[1, 2]], [[3, 9]]], "layer")
    assert (limits.low, limits.high, limits.clipped) == (1, 9, 0)


@pytest.mark.parametrize("text", ["layer", "symmetric"])
def test_a_signed_layer_has_zero_in_the_middle(text):
    limits = limits_of([[[-1, 2]], [[3, 9]]], text)
    assert (limits.low, limits.high) == (-9, 9)
    assert "zero in the middle" in limits.words


def test_symmetric_holds_for_one_sign_too():
    assert limits_of([[[-5, -1]]], "symmetric").high == 5


def test_one_border_row_does_not_decide_a_symmetric_scale():
    # sizes 0..99 in both signs, and one value of 5000: their 90th percentile is 90 (np.percentile of 0, 1, 1, ... 5000)
    values = np.concatenate([np.arange(-99.0, 100), [5000]]).reshape(1, -1)
    limits = limits_of([values], "symmetric:90")
    expected = np.percentile(np.abs(values), 90)
    assert (limits.low, limits.high) == pytest.approx((-expected, expected))
    outside = (np.abs(values) > expected).mean()
    assert limits.clipped == pytest.approx(outside)
    assert limits.words == "one symmetric scale, 90% of sizes, zero in the middle, 9.5% of pixels clipped"
    assert limits_of([values], "symmetric:100").high == 5000


def test_percentiles_say_how_much_they_clip():
    # 0..100: the 10th and the 90th percentile are 10 and 90; ten values lie below, ten above
    limits = limits_of([np.arange(101.0).reshape(1, -1)], "percentile:10,90")
    assert (limits.low, limits.high) == (10, 90)
    assert limits.clipped == pytest.approx(20 / 101)
    assert limits.words == "one scale, 10% to 90%, 20% of pixels clipped"


def test_limits_given_as_numbers_stay_and_say_what_they_clip():
    limits = limits_of([[[-1, 0, 1, 2]]], "0,1")
    assert (limits.low, limits.high, limits.clipped) == (0, 1, 0.5)
    assert limits.words == "one scale, 0 to 1 as given, 50% of pixels clipped"


def test_a_little_clipping_is_never_rounded_away():
    assert "under 0.1% of pixels clipped" in limits_of([[[*np.zeros(1999), 5]]], "0,1").words
    assert "0% of pixels clipped" in limits_of([[[0, 1]]], "0,1").words


def test_nan_counts_for_neither_limits_nor_clipping():
    limits = limits_of([[[np.nan, 0, 4, np.inf]]], "layer")
    assert (limits.low, limits.high) == (0, 4)
    assert clipped_fraction([np.array([[np.nan, 0, 4]], np.float32)], 0, 2) == 0.5


def test_a_layer_without_finite_values_has_limits_all_the_same():
    for text in ("layer", "symmetric", "percentile:1,99"):
        limits = limits_of([[[np.nan, np.inf]]], text)
        assert (limits.low, limits.high) == (0, 0)


def test_extents():
    extent = measure(np.array([np.nan, -1, 3, np.inf], np.float32))
    assert (extent.low, extent.high, extent.unreal, extent.size) == (-1, 3, 2, 4)
    assert measure(np.zeros(3, np.float32)).silent
    assert measure(np.full(3, 0.12, np.float32)).constant
    assert not measure(np.array([0, 1e-30], np.float32)).constant
    assert not measure(np.array([0, np.nan], np.float32)).silent
    assert measure(np.full(2, np.nan, np.float32)).empty
    both = join([measure(np.array([1, 2], np.float32)), measure(np.array([np.nan], np.float32))])
    assert (both.low, both.high, both.unreal, both.size) == (1, 2, 1, 3)


def test_rounding_of_float32_sums_does_not_make_a_constant_map_textured():
    values = np.float32(0.12) + np.array([0, 1, -1], np.float32) * np.float32(1.5e-8)
    assert len(set(values.tolist())) > 1
    assert measure(values).constant
