"""The engine against TensorFlow's own operations, SciPy and numpy.pad."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d

from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution import products
from featuremap_cli.convolution.engine import channel_contributions, convolve, layer_name
from featuremap_cli.convolution.operation import Operation, Pool
from featuremap_cli.convolution.pooling import pool_maps
from featuremap_cli.errors import UsageError

exhaustive = settings(max_examples=80, deadline=None, derandomize=True)
lengths = st.integers(1, 13)
steps = st.tuples(st.integers(1, 4), st.integers(1, 4))
up_to_five = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


def bank(weights, every_channel=False, depthwise=False, names=None):
    weights = np.asarray(weights, np.float32)
    filters = weights.shape[3]
    bias = np.zeros(filters, np.float32)
    return FilterBank(weights, names or ("",) * filters, bias, "test", every_channel, depthwise)


def kernel(rows):
    return bank(np.asarray(rows, np.float32)[:, :, None, None], every_channel=True)


def with_zeros(weights, dilation):
    """The filter as it is after dilation: zeros written between its taps."""
    height, width = ((length - 1) * step + 1 for length, step in zip(weights.shape, dilation, strict=False))
    written = np.zeros((height, width, *weights.shape[2:]), np.float32)
    written[:: dilation[0], :: dilation[1]] = weights
    return written


def maps_first(tensor):
    return np.asarray(tensor)[0].transpose(2, 0, 1)


def assert_same(maps, expected):
    assert maps.shape == expected.shape
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=2e-5)


def tf_padding(padding):
    return padding.upper() if isinstance(padding, str) else [[0, 0], [padding] * 2, [padding] * 2, [0, 0]]


@st.composite
def scenes(draw, filters=up_to_five, channels=up_to_five):
    """Pixels, weights (some of them zero) and an operation under which the filters fit the pixels."""
    random = np.random.default_rng(draw(seeds))
    size, filter_size = draw(st.tuples(lengths, lengths)), draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    strides, dilation = draw(steps), draw(steps)
    padding = draw(st.sampled_from(["same", "valid", 0, 1, 2, 5]))
    around = 0 if isinstance(padding, str) else 2 * padding
    spans = [(length - 1) * step + 1 for length, step in zip(filter_size, dilation, strict=True)]
    if padding != "same" and any(length + around < span for length, span in zip(size, spans, strict=True)):
        padding = "same"
    pixels = random.normal(size=(*size, draw(channels))).astype(np.float32)
    weights = random.normal(size=(*filter_size, pixels.shape[2], draw(filters))).astype(np.float32)
    weights *= random.random(weights.shape) < draw(st.sampled_from([0.1, 0.6, 1]))
    return pixels, weights, Operation(padding=padding, strides=strides, dilation=dilation)


@given(scenes(filters=st.integers(1, 16)))
@exhaustive
def test_convolution_is_conv2d(scene):
    pixels, weights, operation = scene
    expected = tf.nn.conv2d(
        pixels[None], with_zeros(weights, operation.dilation), operation.strides, tf_padding(operation.padding)
    )
    assert_same(convolve(pixels, [bank(weights)], operation).maps, maps_first(expected))


@given(scenes())
@exhaustive
def test_dilation_and_strides_together_as_conv2d_itself_takes_them(scene):
    pixels, weights, operation = scene
    expected = tf.nn.conv2d(
        pixels[None], weights, operation.strides, tf_padding(operation.padding), dilations=operation.dilation
    )
    assert_same(convolve(pixels, [bank(weights)], operation).maps, maps_first(expected))


@given(scenes())
@exhaustive
def test_a_kernel_for_every_channel_is_conv2d_with_it_repeated(scene):
    pixels, weights, operation = scene
    weights = weights[:, :, :1]
    repeated = np.repeat(with_zeros(weights, operation.dilation), pixels.shape[2], axis=2)
    expected = tf.nn.conv2d(pixels[None], repeated, operation.strides, tf_padding(operation.padding))
    assert_same(convolve(pixels, [bank(weights, every_channel=True)], operation).maps, maps_first(expected))


@given(scenes(filters=st.integers(1, 3)), st.sampled_from(["every_channel", "input_channels", "depthwise layer"]))
@exhaustive
def test_channels_kept_apart_are_depthwise_conv2d(scene, kind):
    pixels, weights, operation = scene
    one = bank(weights)
    operation = replace(operation, depthwise=True)
    if kind == "every_channel":
        weights = np.repeat(weights[:, :, :1], pixels.shape[2], axis=2)
        one = bank(weights[:, :, :1], every_channel=True)
    elif kind == "depthwise layer":
        one = bank(weights.reshape(*weights.shape[:2], 1, -1), depthwise=True)
        operation = replace(operation, depthwise=False)
    # depthwise_conv2d takes no strides beside a dilation, and on some machines none that differ; conv2d takes both.
    dilated = with_zeros(weights, operation.dilation)
    channels = [
        tf.nn.conv2d(pixels[None, ..., [one]], dilated[:, :, [one]], operation.strides, tf_padding(operation.padding))
        for one in range(pixels.shape[2])
    ]
    expected = tf.concat(channels, axis=3)
    assert_same(convolve(pixels, [one], operation).maps, maps_first(expected))


@given(scenes(), st.sampled_from(["reflect", "edge", "wrap"]))
@exhaustive
def test_borders_are_those_of_numpy_pad_however_wide(scene, border):
    pixels, weights, operation = scene
    dilated = with_zeros(weights, operation.dilation)
    around = ((0, 0), (0, 0))
    if operation.padding == "same":
        totals = [
            max((-(-length // step) - 1) * step + span - length, 0)
            for length, step, span in zip(pixels.shape, operation.strides, dilated.shape, strict=False)
        ]
        around = [(total // 2, total - total // 2) for total in totals]
    elif operation.padding != "valid":
        around = [(operation.padding,) * 2] * 2
    padded = np.pad(pixels, (*around, (0, 0)), border)
    expected = tf.nn.conv2d(padded[None], dilated, operation.strides, "VALID")
    maps = convolve(pixels, [bank(weights)], replace(operation, border=border)).maps
    assert_same(maps, maps_first(expected))


@given(scenes(), st.sampled_from(["same", "valid"]), st.booleans())
@exhaustive
def test_transposed_convolution_is_conv2d_transpose(scene, padding, every_channel):
    pixels, weights, operation = scene
    one = bank(weights)
    if every_channel:
        one = bank(weights[:, :, :1], every_channel=True)
        weights = np.repeat(weights[:, :, :1], pixels.shape[2], axis=2)
    dilated = with_zeros(weights, operation.dilation)
    size = [
        length * step + (max(span - step, 0) if padding == "valid" else 0)
        for length, step, span in zip(pixels.shape, operation.strides, dilated.shape, strict=False)
    ]
    expected = tf.nn.conv2d_transpose(
        pixels[None], dilated.transpose(0, 1, 3, 2), (1, *size, weights.shape[3]), operation.strides, padding.upper()
    )
    maps = convolve(pixels, [one], replace(operation, padding=padding, transpose=True)).maps
    assert_same(maps, maps_first(expected))


@given(scenes(), st.integers(0, 2))
@exhaustive
def test_a_number_of_padding_cuts_the_transposed_convolution(scene, cut):
    pixels, weights, operation = scene
    dilated = with_zeros(weights, operation.dilation)
    size = [
        (length - 1) * step + span
        for length, step, span in zip(pixels.shape, operation.strides, dilated.shape, strict=False)
    ]
    operation = replace(operation, padding=cut, transpose=True)
    if min(size) <= 2 * cut:
        with pytest.raises(UsageError, match=rf"padding {cut} cuts off all .* {pixels.shape[0]}x{pixels.shape[1]}"):
            convolve(pixels, [bank(weights)], operation)
        return
    whole = tf.nn.conv2d_transpose(
        pixels[None], dilated.transpose(0, 1, 3, 2), (1, *size, weights.shape[3]), operation.strides, "VALID"
    )
    expected = maps_first(whole)[:, cut : size[0] - cut, cut : size[1] - cut]
    assert_same(convolve(pixels, [bank(weights)], operation).maps, expected)


def test_a_transposed_convolution_keeps_channels_apart():
    random = np.random.default_rng(0)
    pixels, weights = random.random((5, 4, 3), np.float32), random.random((3, 2, 3, 2), np.float32)
    maps = convolve(pixels, [bank(weights)], Operation(transpose=True, depthwise=True, strides=(2, 3))).maps
    expected = [
        maps_first(
            tf.nn.conv2d_transpose(
                pixels[None, :, :, i : i + 1],
                weights[:, :, i : i + 1].transpose(0, 1, 3, 2),
                (1, 10, 12, 2),
                (2, 3),
                "SAME",
            )
        )
        for i in range(3)
    ]
    assert_same(maps, np.concatenate(expected))


@given(st.tuples(lengths, lengths), st.tuples(st.integers(1, 5), st.integers(1, 5)), seeds)
@exhaustive
def test_flip_is_true_convolution(size, filter_size, seed):
    random = np.random.default_rng(seed)
    pixels = random.normal(size=(*size, 1)).astype(np.float32)
    rows = random.normal(size=filter_size).astype(np.float32)
    full = convolve2d(pixels[:, :, 0], rows, mode="full")
    around = max(filter_size) - 1
    maps = convolve(pixels, [kernel(rows)], Operation(padding=around, flip=True)).maps
    top, left = around - filter_size[0] + 1, around - filter_size[1] + 1
    assert_same(maps[:, top : maps.shape[1] - top, left : maps.shape[2] - left], full[None].astype(np.float32))
    if filter_size[0] <= size[0] and filter_size[1] <= size[1]:
        valid = convolve2d(pixels[:, :, 0], rows, mode="valid")
        maps = convolve(pixels, [kernel(rows)], Operation(padding="valid", flip=True)).maps
        assert_same(maps, valid[None].astype(np.float32))


def test_flip_with_same_is_one_pixel_from_scipy_where_the_size_is_even():
    random = np.random.default_rng(4)
    pixels = random.normal(size=(8, 9, 1)).astype(np.float32)
    for height, width in ((2, 2), (4, 3), (3, 6), (5, 5)):
        rows = random.normal(size=(height, width)).astype(np.float32)
        same = convolve2d(pixels[:, :, 0], rows, mode="same").astype(np.float32)
        maps = convolve(pixels, [kernel(rows)], Operation(flip=True)).maps
        down, right = height % 2 == 0, width % 2 == 0
        assert_same(maps[0, : 8 - down, : 9 - right], same[down:, right:])


@given(
    scenes(),
    st.sampled_from(["MAX", "AVG"]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from(["VALID", "SAME"]),
    st.data(),
)
@exhaustive
def test_pooling_after_bias_and_relu_is_that_of_tensorflow(scene, kind, size, padding, data):
    pixels, weights, operation = scene
    # tf.nn.pool takes no strides larger than the window.
    strides = tuple(data.draw(st.integers(1, length)) for length in size)
    bias = np.linspace(-1, 1, weights.shape[3], dtype=np.float32)
    maps = tf.nn.conv2d(
        pixels[None], with_zeros(weights, operation.dilation), operation.strides, tf_padding(operation.padding)
    )
    operation = replace(operation, activation="relu", pool=Pool(kind.lower(), size, strides, padding))
    if padding == "VALID" and (maps.shape[1] < size[0] or maps.shape[2] < size[1]):
        with pytest.raises(UsageError, match=f"pool of {size[0]}x{size[1]} .* {maps.shape[1]}x{maps.shape[2]} "):
            convolve(pixels, [bank(weights)], operation)
        return
    expected = tf.nn.pool(tf.nn.relu(maps + bias), size, kind, strides, padding)
    assert_same(convolve(pixels, [replace(bank(weights), bias=bias)], operation).maps, maps_first(expected))


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_max_pool_passes_over_nan_as_tensorflows_does(padding):
    maps = np.random.default_rng(3).normal(size=(1, 9, 8)).astype(np.float32)
    maps[0, [2, 6], [3, 1]] = np.nan
    pool = Pool("max", (3, 3), (2, 2), padding)
    expected = tf.nn.pool(maps.transpose(1, 2, 0)[None], (3, 3), "MAX", (2, 2), padding.upper())
    np.testing.assert_array_equal(pool_maps(maps, pool), maps_first(expected))


def test_bands_of_pooled_rows_are_those_of_the_whole(monkeypatch):
    random = np.random.default_rng(6)
    pixels, one = random.normal(size=(50, 20, 1)).astype(np.float32), bank(random.normal(size=(3, 3, 1, 2)))
    for pool in (Pool("max", (3, 3), (2, 2), "same"), Pool("avg", (4, 2), (3, 1), "same"), Pool("avg", (3, 3))):
        whole = convolve(pixels, [one], Operation(pool=pool)).maps
        monkeypatch.setattr("featuremap_cli.convolution.engine._BYTES_AT_ONCE", 1)
        np.testing.assert_allclose(convolve(pixels, [one], Operation(pool=pool)).maps, whole, rtol=1e-5, atol=1e-6)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", tf.nn.relu),
        ("leaky-relu", tf.nn.leaky_relu),
        ("sigmoid", tf.nn.sigmoid),
        ("tanh", tf.nn.tanh),
        ("abs", tf.abs),
    ],
)
def test_activations_are_those_of_tensorflow(activation, function):
    pixels = np.linspace(-200, 200, 400, dtype=np.float32).reshape(20, 20, 1)
    maps = convolve(pixels, [kernel([[1]])], Operation(activation=activation)).maps
    assert_same(maps, maps_first(function(pixels[None])))


@pytest.mark.parametrize("method", [products.shifted, products.unrolled])
@given(scene=scenes(channels=st.integers(1, 3), filters=st.integers(1, 4)))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_every_way_to_multiply_gives_the_same(method, scene):
    pixels, weights, operation = scene
    expected = tf.nn.conv2d(
        pixels[None], with_zeros(weights, operation.dilation), operation.strides, tf_padding(operation.padding)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products.Product, "method", property(lambda product: method))
        maps = convolve(pixels, [bank(weights)], operation).maps
    assert_same(maps, maps_first(expected))


def test_the_cheaper_way_depends_on_the_filters():
    random = np.random.default_rng(0)
    chosen = {
        products.shifted: np.eye(11).reshape(11, 11, 1, 1),
        products.unrolled: random.random((3, 3, 3, 2)),
    }
    for method, weights in chosen.items():
        assert products.Product(weights.astype(np.float32), (1, 1), (1, 1)).method is method


@pytest.mark.parametrize("filters", [2, 40])
def test_wide_images_are_unrolled_a_few_columns_at_a_time(monkeypatch, filters):
    monkeypatch.setattr(products, "UNROLLED_BYTES", 1)
    random = np.random.default_rng(0)
    pixels, weights = random.random((9, 300, 2), np.float32), random.random((3, 3, 2, filters), np.float32)
    maps = convolve(pixels, [bank(weights)], Operation(strides=(1, 2), dilation=(2, 3))).maps
    expected = tf.nn.conv2d(pixels[None], with_zeros(weights, (2, 3)), (1, 2), "SAME")
    assert_same(maps, maps_first(expected))


@pytest.mark.parametrize("small", [True, False], ids=["small kernels", "ordinary kernels"])
@pytest.mark.parametrize("filters", [1, 2, 5, 20])
@pytest.mark.parametrize(("strides", "dilation"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 3))])
def test_rows_cut_into_pieces(small, filters, strides, dilation, monkeypatch):
    monkeypatch.setattr(products, "multiplies_small_matrices_well", lambda: small)
    monkeypatch.setattr(products, "_SMALL_PRODUCT", 40 * filters * 5 * 3 * 2)
    monkeypatch.setattr(products, "_SHORTEST_PIECE", 8)
    random = np.random.default_rng(0)
    pixels, weights = random.random((11, 101, 2), np.float32), random.random((5, 3, 2, filters), np.float32)
    maps = convolve(pixels, [bank(weights)], Operation(strides=strides, dilation=dilation)).maps
    expected = tf.nn.conv2d(pixels[None], with_zeros(weights, dilation), strides, "SAME")
    assert_same(maps, maps_first(expected))


@pytest.mark.parametrize("filters", [2, 16])
@pytest.mark.parametrize(
    "operation", [Operation(), Operation(transpose=True, strides=(2, 2)), Operation(pool=Pool("avg"))]
)
def test_memory_is_the_output_and_a_few_tens_of_megabytes(filters, operation):
    random = np.random.default_rng(0)
    pixels, weights = random.random((600, 900, 3), np.float32), random.random((11, 11, 3, filters), np.float32)
    tracemalloc.start()
    try:
        maps = convolve(pixels, [bank(weights)], operation).maps
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak >= maps.nbytes  # tracemalloc does count NumPy's buffers
    assert peak - maps.nbytes < 40e6


def test_the_default_filters_give_the_numbers_of_a_seven_pixel_line_over_three_channels():
    vertical, horizontal = np.zeros((7, 7)), np.zeros((7, 7))
    vertical[:, 3] = 1
    horizontal[3, :] = 1
    maps = convolve(np.ones((9, 10, 3), np.float32), [kernel(vertical), kernel(horizontal)], Operation()).maps
    assert maps.max() == 21
    assert maps[0, :, 0].tolist() == [12, 15, 18, 21, 21, 21, 18, 15, 12]
    assert maps[1, 0].tolist() == [12, 15, 18, 21, 21, 21, 21, 18, 15, 12]


def test_valid_padding_centers_smaller_filters_so_that_maps_cover_the_same_pixels():
    pixels = np.arange(30, dtype=np.float32).reshape(5, 6, 1)
    one, two, five = np.ones((1, 1)), np.ones((2, 2)), np.zeros((5, 5))
    five[2, 2] = 1
    maps = convolve(pixels, [kernel(one), kernel(two), kernel(five)], Operation(padding="valid")).maps
    # The center pixels are those of row 2, columns 2 and 3; the 2x2 sums reach one row down and one column right.
    assert maps.tolist() == [[[14, 15]], [[14 + 15 + 20 + 21, 15 + 16 + 21 + 22]], [[14, 15]]]


def test_contributions_of_the_channels_add_up_to_the_map():
    random = np.random.default_rng(0)
    pixels, weights = random.random((8, 9, 3), np.float32), random.random((3, 3, 3, 4), np.float32)
    operation = Operation(strides=(2, 1), activation="relu", pool=Pool("max"))
    parts = channel_contributions(pixels, bank(weights), operation, 2)
    assert_same(parts[1:2], maps_first(tf.nn.conv2d(pixels[None, :, :, 1:2], weights[:, :, 1:2, 2:3], (2, 1), "SAME")))
    assert_same(parts.sum(axis=0), maps_first(tf.nn.conv2d(pixels[None], weights, (2, 1), "SAME"))[2])


def test_contributions_of_a_depthwise_layer_come_from_one_channel():
    random = np.random.default_rng(0)
    pixels, weights = random.random((8, 9, 3), np.float32), random.random((3, 3, 1, 6), np.float32)
    parts = channel_contributions(pixels, bank(weights, depthwise=True), Operation(), 3)
    expected = maps_first(tf.nn.depthwise_conv2d(pixels[None], weights.reshape(3, 3, 3, 2), (1, 1, 1, 1), "SAME"))
    assert_same(parts[1], expected[3])
    assert not parts[[0, 2]].any()


def test_maps_are_named_and_know_their_bank():
    three = np.ones((3, 3, 1, 1))
    sobel = replace(bank(three, every_channel=True, names=("sobel-x",)), source="sobel-x")
    box = replace(bank(three, every_channel=True), source="1 1 1; 1 1 1; 1 1 1")
    maps = convolve(np.ones((4, 4, 3), np.float32), [sobel, box], Operation())
    assert maps.names == ("sobel-x", "")
    assert maps.layer == "sobel-x, 1 1 1; 1 1 1; 1 1 1"
    sharpen = replace(sobel, names=("sharpen",), source="sharpen=0 -1 0; -1 5 -1; 0 -1 0")
    assert layer_name([sobel, sharpen, box]) == "sobel-x, sharpen, 1 1 1; 1 1 1; 1 1 1"
    from_a_file = [replace(one, source="two.json") for one in (sobel, sharpen)]
    assert layer_name(from_a_file) == "two.json"
    apart = convolve(np.ones((4, 4, 3), np.float32), [sobel, box], Operation(depthwise=True))
    assert apart.names == ("sobel-x R", "sobel-x G", "sobel-x B", "filter 1 R", "filter 1 G", "filter 1 B")


@pytest.mark.parametrize(
    ("banks", "operation", "message"),
    [
        ([kernel(np.ones((3, 9)))], Operation(padding="valid"), "filter of 3x9 is larger than the image of 5x6"),
        ([kernel(np.ones((3, 3)))], Operation(padding=1, dilation=(4, 4)), r"3x3 \(9x9 with its dilation\) .* 5x6"),
        ([bank(np.ones((3, 3, 4, 2)))], Operation(), r"3 x 3 x 4 x 2.* of 4 channels, got one of 3 channels; give an"),
        ([bank(np.ones((3, 3, 1, 2)))], Operation(), "of 1 channel, got one of 3 channels; --gray"),
        ([bank(np.ones((3, 3, 1, 4)), depthwise=True)], Operation(), "depthwise with 4 filters"),
        ([], Operation(), "at least one filter"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_sizes(banks, operation, message):
    with pytest.raises(UsageError, match=message):
        convolve(np.ones((5, 6, 3), np.float32), banks, operation)


def test_pixels_without_channels_are_refused():
    with pytest.raises(UsageError, match=r"\(height, width, channels\), got \(5, 6\)"):
        convolve(np.ones((5, 6), np.float32), [kernel([[1]])], Operation())


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (7, 7, 3, 32)])
def test_what_is_too_large_becomes_infinite_without_a_warning(shape):
    pixels, huge = np.full((9, 9, 3), 1e38, np.float32), np.full(shape, 9, np.float32)
    assert (products.Product(huge, (1, 1), (1, 1)).method is products.unrolled) == (shape[3] > 1)
    filters = bank(huge, every_channel=shape[2] == 1)
    meeting = np.broadcast_to(huge, (*shape[:2], 3, shape[3]))
    for operation in (Operation(), Operation(activation="leaky-relu"), Operation(pool=Pool("avg", (2, 2), (2, 2)))):
        maps = convolve(pixels, [filters], operation).maps
        assert (maps == np.inf).all()
    expected = tf.nn.conv2d(pixels[None], meeting, 1, "SAME")
    np.testing.assert_array_equal(convolve(pixels, [filters], Operation()).maps, maps_first(expected))
