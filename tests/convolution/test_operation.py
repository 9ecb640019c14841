"""Option texts, and operations that make no sense."""

from __future__ import annotations

import pytest

from featuremap_cli.convolution.operation import Operation, Pool, parse_padding, parse_pair, parse_pool
from featuremap_cli.drawing.scaling import Scale
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.errors import NotationError, UsageError


def test_paddings():
    assert [parse_padding(text) for text in ("same", "VALID", "0", "12")] == ["same", "valid", 0, 12]


@pytest.mark.parametrize("text", ["some", "", "-1", "1.5", "1,2", "²"])
def test_other_paddings_are_refused(text):
    with pytest.raises(NotationError, match="--padding takes same, valid or a number of pixels"):
        parse_padding(text)


def test_pairs():
    assert [parse_pair(text, "--strides") for text in ("2", "1,2", " 3 , 4 ")] == [(2, 2), (1, 2), (3, 4)]
    for text in ("3x4", "3X4", "3×4", "3*4", "3 x 4", "(3, 4)", "[3,4]"):
        assert parse_pair(text, "--strides") == (3, 4)
    for text in ("3x0", "3x4,2", "(3, 4", "x3", "3xx4", "٣x4"):
        with pytest.raises(NotationError):
            parse_pair(text, "--strides")


@pytest.mark.parametrize(
    ("text", "start", "length"), [("0", 0, 1), ("2,x", 2, 1), ("2,", 2, 0), ("1,2,3", 4, 1), ("", 0, 0), ("1,-2", 2, 2)]
)
def test_the_wrong_part_of_a_pair_is_underlined(text, start, length):
    with pytest.raises(NotationError, match="--strides takes") as caught:
        parse_pair(text, "--strides")
    assert (caught.value.start, caught.value.length) == (start, length)


def test_pools():
    assert parse_pool("max") == Pool("max", (2, 2), (2, 2))
    assert parse_pool("avg:3") == Pool("avg", (3, 3), (3, 3))
    assert parse_pool("max:3,2") == Pool("max", (3, 3), (2, 2))
    assert parse_pool("max:3x2") == Pool("max", (3, 2), (3, 2))
    assert parse_pool("max:3x2,1") == Pool("max", (3, 2), (1, 1))
    assert parse_pool("avg:3,1x2,same") == Pool("avg", (3, 3), (1, 2), "same")


@pytest.mark.parametrize(
    ("text", "start", "length"), [("mean", 0, 4), ("", 0, 0), ("max:", 4, 0), ("max:3,0", 6, 1), ("max:3,2,1", 8, 1)]
)
def test_the_wrong_part_of_a_pool_is_underlined(text, start, length):
    with pytest.raises(NotationError, match="--pool takes") as caught:
        parse_pool(text)
    assert (caught.value.start, caught.value.length) == (start, length)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strides": (1, 0)}, "stride of 1 or more in both directions, got 1,0"),
        ({"dilation": (0, 1)}, "dilation of 1 or more"),
        ({"padding": -1}, "padding of 0 pixels or more, got -1"),
        ({"transpose": True, "border": "wrap"}, "expected border zero, got wrap; leave out --border"),
    ],
)
def test_impossible_operations_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Operation(**settings)


def test_impossible_pools_are_refused():
    with pytest.raises(UsageError, match="pool's size of 1 or more"):
        Pool("max", (0, 2))


def test_a_pool_with_same_padding_is_written_behind_its_sizes():
    assert parse_pool("max:3,2,same") == Pool("max", (3, 3), (2, 2), "same")
    assert parse_pool("avg:2,SAME") == Pool("avg", (2, 2), (2, 2), "same")
    assert parse_pool("max:3,2,valid") == Pool("max", (3, 3), (2, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pool("mean"), "a pool 'mean': expected 'max' or 'avg'"),
        (lambda: Pool("max", padding="full"), "a pool's padding 'full': expected 'same' or 'valid'"),
        (lambda: Pool("max", 2), "a pool's size as two numbers, down and right, got 2"),
        (lambda: Operation(activation="relu6"), "activation 'relu6': expected 'relu', .* or None"),
        (lambda: Operation(padding="full"), "padding 'full': expected 'same' or 'valid'"),
        (lambda: Operation(border="mirror"), "border 'mirror': expected 'zero'"),
        (lambda: Operation(pool="max"), "pool 'max': expected a Pool or None"),
        (lambda: Operation(strides=2), "a stride as two numbers, down and right, got 2"),
        (lambda: SheetStyle(sort="nonsense"), "sort 'nonsense': expected 'index'"),
        (lambda: SheetStyle(tile="large"), "tile 'large': expected 'auto' or 'full'"),
        (lambda: Scale("maps"), "scale 'maps': expected 'map'"),
    ],
)
def test_words_are_checked_where_the_python_api_takes_them(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_same_and_valid_may_be_written_as_tensorflow_writes_them():
    assert Operation(padding="SAME") == Operation(padding="same")
    assert Operation(padding="VALID").padding == "valid"
    assert Pool("max", padding="SAME").padding == "same"
    assert parse_padding("SAME") == "same"
