"""Sizes against TensorFlow's and NumPy's own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.convolution import geometry

few = settings(max_examples=60, deadline=None, derandomize=True)
lengths, sizes, steps = st.integers(1, 20), st.integers(1, 7), st.integers(1, 5)


@given(lengths, sizes, steps, steps)
@few
def test_lengths_are_those_of_conv2d(length, size, stride, dilation):
    span = (size - 1) * dilation + 1
    pixels, taps = np.ones((1, length, 1, 1), np.float32), np.ones((span, 1, 1, 1), np.float32)
    for padding in ("same", "valid"):
        before, after = geometry.padding_around(length, size, stride, dilation, padding)
        ours = geometry.output_length(length, size, stride, dilation, before, after)
        if padding == "valid" and span > length:
            assert ours == 0
        else:
            assert ours == tf.nn.conv2d(pixels, taps, (stride, 1), padding.upper()).shape[1]


def test_the_odd_pixel_of_same_goes_after():
    assert geometry.same_padding(5, 2, 1, 1) == (0, 1)
    assert geometry.same_padding(224, 7, 2, 1) == (2, 3)
    assert geometry.same_padding(10, 1, 3, 1) == (0, 0)


@pytest.mark.parametrize(
    ("length", "size", "stride", "dilation", "padding", "expected"),
    [
        # PyTorch's ConvTranspose2d: (in - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
        (4, 3, 2, 1, 0, 9),
        (4, 3, 2, 1, 1, 7),
        (4, 3, 2, 2, 1, 9),
        (2, 1, 1, 1, 1, 0),
        # Keras' Conv2DTranspose
        (4, 3, 2, 1, "same", 8),
        (4, 3, 2, 1, "valid", 9),
        (4, 2, 3, 1, "valid", 12),
    ],
)
def test_transposed_lengths(length, size, stride, dilation, padding, expected):
    assert geometry.transposed_length(length, size, stride, dilation, padding) == expected


@given(lengths, st.integers(0, 50), st.integers(0, 50), st.sampled_from(["reflect", "edge", "wrap"]))
@few
def test_borders_repeat_as_in_numpy_pad(length, before, after, border):
    positions = np.arange(-before, length + after)
    expected = np.pad(np.arange(length), (before, after), border)
    assert geometry.border_index(positions, length, border).tolist() == expected.tolist()


def test_outside_a_zero_border_there_is_no_pixel():
    assert geometry.border_index(np.arange(-2, 5), 3, "zero").tolist() == [-1, -1, 0, 1, 2, -1, -1]


@given(sizes, sizes, st.integers(1, 12))
@few
def test_a_centered_filter_stays_over_its_pixel_under_same(size, larger, length):
    largest = max(size, larger)
    offset = geometry.centered_offset(size, largest)
    assert 0 <= offset <= largest - size
    image = np.zeros((1, length, 1, 1), np.float32)
    image[0, length // 2] = 1
    taps = np.arange(1, size + 1, dtype=np.float32).reshape(-1, 1, 1, 1)
    enlarged = np.zeros((largest, 1, 1, 1), np.float32)
    enlarged[offset : offset + size] = taps
    same = [tf.nn.conv2d(image, weights, 1, "SAME").numpy().ravel().tolist() for weights in (taps, enlarged)]
    assert same[0] == same[1]
