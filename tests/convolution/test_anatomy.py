"""The parts of a feature map add up to what TensorFlow gives, however the filter is applied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution.anatomy import (
    MapAnatomy,
    anatomy_of_filter,
    choose_parts,
    met_channels,
    stages_of_all,
)
from featuremap_cli.convolution.engine import convolve
from featuremap_cli.convolution.operation import Operation, Pool
from featuremap_cli.convolution.worked_pixel import work_pixel
from featuremap_cli.errors import UsageError
from featuremap_cli.networks import tensorflow_engine

RNG = np.random.default_rng(3)


def pixels(height: int, width: int, channels: int) -> NDArray[np.float32]:
    return RNG.standard_normal((height, width, channels)).astype(np.float32)


def bank(*shape: int, bias: float = 0.25, **settings: bool) -> FilterBank:
    weights = RNG.standard_normal(shape).astype(np.float32)
    filters = shape[3]
    return FilterBank(weights, ("",) * filters, np.full(filters, bias, np.float32), "mine", **settings)


def close(ours: NDArray[np.float32], theirs: object) -> None:
    expected = np.asarray(theirs)
    np.testing.assert_allclose(ours, expected, atol=2e-6 * max(1.0, float(np.abs(expected).max())), rtol=1e-5)


def test_a_sum_done_by_hand() -> None:
    image = np.array([[[1, 10], [2, 20]], [[3, 30], [4, 40]]], np.float32)
    weights = np.array([[[1, 2], [0, 1]], [[0, 0], [1, -1]]], np.float32)[..., np.newaxis]
    one = FilterBank(weights, ("",), np.array([-100], np.float32), "by hand")
    anatomy = anatomy_of_filter(image, one, 0, Operation(padding="valid", activation="relu"))
    # channel 0: 1*1 + 4*1, channel 1: 10*2 + 20*1 - 40*1
    assert anatomy.products.tolist() == [[[5.0]], [[0.0]]]
    assert [(stage.kind, stage.values.tolist()) for stage in anatomy.stages] == [
        ("sum", [[5.0]]),
        ("bias", [[-95.0]]),
        ("activation", [[0.0]]),
    ]
    worked = work_pixel(anatomy, 0, 0)
    assert worked.window[..., 1].tolist() == [[10, 20], [30, 40]]
    assert worked.weights[..., 1].tolist() == [[2, 1], [0, -1]]
    assert worked.sums.tolist() == [5.0, 0.0]
    assert (worked.bias, worked.before, worked.after) == (-100.0, -95.0, 0.0)
    assert worked.span == (0, 0, 2, 2)


def test_each_product_is_its_channels_own_convolution() -> None:
    image, filters = pixels(11, 9, 3), bank(3, 3, 3, 4)
    anatomy = anatomy_of_filter(image, filters, 2, Operation(strides=(2, 2)))
    for channel in range(3):
        alone = tf.nn.conv2d(
            image[np.newaxis, ..., channel : channel + 1], filters.weights[:, :, channel : channel + 1, 2:3], 2, "SAME"
        )
        close(anatomy.products[channel], alone[0, ..., 0])


@pytest.mark.parametrize(
    "operation",
    [
        Operation(),
        Operation(padding="valid", strides=(2, 3)),
        Operation(padding=2, dilation=(2, 1), activation="relu"),
        Operation(border="reflect", flip=True, activation="leaky-relu"),
        Operation(border="wrap", activation="tanh", pool=Pool("avg", (2, 2), (2, 2))),
        Operation(transpose=True, strides=(3, 2), activation="abs"),
        Operation(activation="relu", pool=Pool("max", (3, 3), (2, 2))),
    ],
    ids=str,
)
@pytest.mark.parametrize("every_channel", [False, True])
def test_every_stage_is_what_tensorflow_gives(operation: Operation, every_channel: bool) -> None:
    image = pixels(12, 13, 3)
    filters = bank(3, 4, 1 if every_channel else 3, 3, every_channel=every_channel)
    anatomy = anatomy_of_filter(image, filters, 1, operation)
    linear = replace(operation, activation=None, pool=None)
    unbiased = replace(filters, bias=np.zeros(3, np.float32))
    steps = {
        "sum": (unbiased, linear),
        "bias": (filters, linear),
        "activation": (filters, replace(operation, pool=None)),
        "pool": (filters, operation),
    }
    assert len(anatomy.stages) == 2 + (operation.activation is not None) + (operation.pool is not None)
    for stage in anatomy.stages:
        used, applied = steps[stage.kind]
        close(stage.values, tensorflow_engine.convolve(image, [used], applied).maps[1])
    close(anatomy.products.sum(axis=0), anatomy.stages[0].values)
    np.testing.assert_allclose(
        anatomy.stages[-1].values, convolve(image, [filters], operation).maps[1], atol=1e-5, rtol=1e-5
    )


@given(st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_worked_pixel_gives_tensorflows_value(data: st.DataObject) -> None:
    transpose = data.draw(st.booleans())
    operation = Operation(
        padding=data.draw(st.sampled_from(["same", "valid", 0, 1])),
        border="zero" if transpose else data.draw(st.sampled_from(["zero", "reflect", "edge", "wrap"])),
        strides=(data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))),
        dilation=(data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3))),
        flip=data.draw(st.booleans()),
        transpose=transpose,
        activation=data.draw(st.sampled_from([None, "relu", "sigmoid"])),
    )
    image = pixels(data.draw(st.integers(7, 9)), data.draw(st.integers(7, 10)), 2)
    filters = bank(data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)), 2, 1)
    expected = tensorflow_engine.convolve(image, [filters], operation).maps[0]
    row = data.draw(st.integers(0, expected.shape[0] - 1))
    column = data.draw(st.integers(0, expected.shape[1] - 1))
    anatomy = anatomy_of_filter(image, filters, 0, operation)
    worked = work_pixel(anatomy, row, column)
    close(np.float32(worked.after), expected[row, column])
    close(np.float32(worked.sums.sum() + worked.bias), np.float32(worked.before))
    np.testing.assert_allclose(worked.sums, (worked.window.astype(float) * worked.weights).sum(axis=(0, 1)))
    if worked.span is not None:
        top, left, bottom, right = worked.span
        assert 0 <= top < bottom <= image.shape[0]
        assert 0 <= left < right <= image.shape[1]


def test_a_window_over_the_edge_says_what_is_outside() -> None:
    image = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1)
    ones = FilterBank(np.ones((3, 3, 1, 1), np.float32), ("",), np.zeros(1, np.float32), "box")
    worked = work_pixel(anatomy_of_filter(image, ones, 0, Operation()), 0, 2)
    assert worked.window[..., 0].tolist() == [[0, 0, 0], [2, 3, 0], [5, 6, 0]]
    assert worked.inside.tolist() == [[False] * 3, [True, True, False], [True, True, False]]
    assert (worked.rows, worked.columns) == ((-1, 0, 1), (1, 2, 3))
    assert worked.span == (0, 1, 2, 3)
    assert worked.before == 16.0


def test_a_value_that_no_pixel_reaches() -> None:
    image, one = pixels(3, 3, 2), bank(1, 1, 2, 1, bias=2.0)
    worked = work_pixel(anatomy_of_filter(image, one, 0, Operation(transpose=True, strides=(3, 3))), 1, 0)
    assert worked.span is None
    assert worked.sums.tolist() == [0.0, 0.0]
    assert worked.before == 2.0


@given(st.integers(1, 12), st.integers(1, 14), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_shown_and_the_rest_add_up_to_the_whole(channels: int, most: int, at: bool) -> None:
    image, filters = pixels(5, 6, channels), bank(3, 3, channels, 2)
    anatomy = anatomy_of_filter(image, filters, 1, Operation())
    parts = choose_parts(anatomy, most, (2, 3) if at else None)
    shown = anatomy.products[list(parts.shown)].sum(axis=0)
    whole = tf.nn.conv2d(image[np.newaxis], filters.weights[..., 1:2], 1, "SAME")[0, ..., 0]
    close(shown if parts.rest is None else shown + parts.rest, whole)
    assert len(parts.shown) + parts.others == channels
    assert parts.others != 1, "a rest of one channel is shown as itself"
    if parts.others:
        strength = np.abs(anatomy.products[:, 2, 3]) if at else np.abs(anatomy.products).mean(axis=(1, 2))
        hidden = np.delete(strength, parts.shown)
        assert strength[list(parts.shown)].min() >= hidden.max()
    assert choose_parts(anatomy, None).shown == tuple(range(channels))


def check_meets(anatomy: MapAnatomy, channels: tuple[int, ...], expected: object) -> None:
    assert anatomy.met.channels == channels
    assert len(anatomy.products) == len(channels)
    close(anatomy.stages[-1].values, expected)


def test_a_depthwise_bank_meets_one_channel() -> None:
    image, filters = pixels(8, 8, 3), bank(3, 3, 1, 6, depthwise=True)
    expected = tf.nn.depthwise_conv2d(image[np.newaxis], filters.weights.reshape(3, 3, 3, 2), (1, 1, 1, 1), "SAME")
    for index in range(6):
        anatomy = anatomy_of_filter(image, filters, index, Operation())
        check_meets(anatomy, (index // 2,), expected[0, ..., index] + 0.25)
        assert anatomy.channel_names == ("RGB"[index // 2],)


def test_channels_kept_apart_have_convolves_order() -> None:
    image, filters = pixels(8, 8, 3), bank(3, 3, 1, 2, every_channel=True)
    operation = Operation(depthwise=True)
    expected = tensorflow_engine.convolve(image, [filters], operation)
    for index in range(6):
        check_meets(anatomy_of_filter(image, filters, index, operation), (index // 2,), expected.maps[index])


def test_a_grouped_filter_meets_its_group() -> None:
    filters = bank(3, 3, 2, 6)
    met = met_channels(filters, 4, 6, groups=3)
    assert met.channels == (4, 5)
    np.testing.assert_array_equal(met.weights, filters.weights[..., 4])


def test_all_maps_after_each_stage() -> None:
    image, filters = pixels(9, 9, 3), bank(3, 3, 3, 4)
    operation = Operation(activation="relu", pool=Pool("max"))
    stages = stages_of_all(image, filters, operation)
    assert [kind for kind, _ in stages] == ["sum", "bias", "activation", "pool"]
    for index in range(4):
        for (_, maps), stage in zip(stages, anatomy_of_filter(image, filters, index, operation).stages, strict=True):
            close(maps.maps[index], stage.values)


def test_a_map_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="--filter 4: expected 0 to 3"):
        anatomy_of_filter(pixels(9, 9, 3), bank(3, 3, 3, 4), 4, Operation())


@pytest.mark.parametrize("at", [(9, 0), (0, 9), (-1, 0)])
def test_a_place_that_is_not_there_is_refused(at: tuple[int, int]) -> None:
    anatomy = anatomy_of_filter(pixels(9, 9, 3), bank(3, 3, 3, 4), 0, Operation())
    with pytest.raises(UsageError, match="a row from 0 to 8"):
        work_pixel(anatomy, *at)


def test_misfitting_filters_are_refused_as_convolve_does() -> None:
    with pytest.raises(UsageError, match="expect an image of 2 channels"):
        anatomy_of_filter(pixels(9, 9, 3), bank(3, 3, 2, 4), 0, Operation())
