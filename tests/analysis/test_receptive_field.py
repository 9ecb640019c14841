"""Receptive fields by hand: along one axis, with the formulas of Araujo, Norris and Sim."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.analysis.layers import LayerFacts, LayerGraph, LayerRecord, View
from featuremap_cli.analysis.receptive_field import AxisField, receptive_fields, through, union, whole_axis
from featuremap_cli.analysis.stack import describe_stack
from featuremap_cli.analysis.taps import AxisTaps, interpolated_taps, nearest_taps, transposed_taps, window_taps
from featuremap_cli.analysis.visible import visible_box

PIXEL = AxisField(1, ((0, 0),))
Layer = tuple[int, int, int, int]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    stack=st.lists(
        st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=8
    )
)
def test_closed_form_for_a_single_path(stack: list[Layer]) -> None:
    """Distill's equations 2, 3 and 4 for size, stride and first pixel, with k - 1 times the dilation for k - 1."""
    field = PIXEL
    for size, stride, dilation, before in stack:
        field = through(field, window_taps(size, stride, dilation, before))
    size, first, step = 1, 0, 1
    for taps, stride, dilation, before in stack:
        size += (taps - 1) * dilation * step
        first -= before * step
        step *= stride
    assert (field.size, field.stride, field.intervals[0]) == (size, step, (first, first + size - 1))
    assert field.offset == Fraction(2 * first + size - 1, 2)


def test_upsampling_alternates_and_downsampling_takes_it_back() -> None:
    pooled = through(PIXEL, window_taps(2, 2, 1, 0))
    doubled = through(pooled, nearest_taps(4, 8))
    assert [doubled.at(position) for position in range(4)] == [(0, 1), (0, 1), (2, 3), (2, 3)]
    assert doubled.stride == 1
    assert through(doubled, window_taps(2, 2, 1, 0)) == pooled


def test_bilinear_reads_two_neighbors_and_a_pixel_it_stands_on_alone() -> None:
    assert interpolated_taps(2, 4, 1) == AxisTaps(1, ((-1, 0), (0, 1)))
    assert interpolated_taps(2, 6, 1) == AxisTaps(1, ((-1, 0), (0,), (0, 1)))


def test_transposed_convolution_is_the_convolution_backwards() -> None:
    forward = window_taps(4, 2, 1, 1)
    backward = transposed_taps(4, 2, 1, 1)
    reached = {(tap, position) for position in range(-9, 9) for tap in forward.at(position)}
    read = {(position, tap) for position in range(-9, 9) for tap in backward.at(position)}
    inside = [pair for pair in reached ^ read if abs(pair[0]) < 8 and abs(pair[1]) < 8]
    assert inside == []


def test_gaps_of_a_transposed_convolution_see_nothing() -> None:
    field = through(through(PIXEL, window_taps(3, 1, 1, 1)), transposed_taps(1, 2, 1, 0))
    assert [field.at(position) for position in range(3)] == [(-1, 1), None, (0, 2)]


def test_union_of_branches() -> None:
    narrow, wide = through(PIXEL, window_taps(1, 2, 1, 0)), through(PIXEL, window_taps(5, 2, 1, 2))
    assert union([narrow, wide], 32) == wide
    assert union([narrow, whole_axis(32)], 32) == whole_axis(32)
    assert union([narrow, PIXEL], 32) is None, "fields that move at different speeds have no common stride"
    assert union([narrow, AxisField(0, (None,))], 32) == narrow


def test_unknown_layers_stay_unknown_unless_another_branch_sees_all() -> None:
    shape = (8, 8, 2)

    def record(reads: View, *inputs: int) -> LayerRecord:
        return LayerRecord(None, "layer", "Layer", inputs, LayerFacts(shape, 0, 0, reads), 128)

    records = (
        record(View.PIXELS),
        record(View.UNKNOWN, 0),
        record(View.POINT, 1, 0),
        record(View.WHOLE, 0),
        record(View.POINT, 1, 3),
    )
    fields = receptive_fields(LayerGraph("net", shape, records, (4,)))
    assert [field.axes is None for field in fields] == [False, True, True, False, False]
    assert fields[4].axes == (whole_axis(8), whole_axis(8))


@pytest.mark.parametrize(
    ("position", "box"),
    [((0, 0), ((0, 4), (0, 4))), ((3, 3), ((4, 8), (4, 8))), ((1, 2), ((0, 6), (2, 8)))],
)
def test_what_is_visible_ends_at_the_border_and_at_rows_left_out(
    position: tuple[int, int], box: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """10 x 10 under 3 x 3 VALID stride 2 leaves row 9 out; then 3 x 3 SAME: by hand."""
    graph = describe_stack((10, 10, 1), ["conv 1 3x3 /2", "conv 1 3x3 same"])
    assert visible_box(graph, 2, position) == box
