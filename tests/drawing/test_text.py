from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.drawing.numerals import same_digits, short, value_range
from featuremap_cli.drawing.page import Measures
from featuremap_cli.drawing.text import coverage, line_height, shorten, shorten_parts, text_width, wrap

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def test_labels_are_at_least_thirteen_pixels_high_at_the_reference_width():
    for unit in (1.0, 1.4, 2.0, 4.5):
        ink = np.flatnonzero(coverage("lg", Measures.at(unit).label).any(axis=1))
        assert ink[-1] - ink[0] + 1 >= 13 * unit - 1


def test_coverage_is_as_wide_as_measured_and_as_high_as_a_line():
    for text in ("17   0 to 4.21", "conv2d_block", "", "Größe 7 × 7"):
        assert coverage(text, 20).shape == (line_height(20), max(1, text_width(text, 20)))


def test_figures_set_one_by_one_look_as_pillow_sets_them():
    together, single = coverage("x0.", 30), coverage("0", 30)
    start = text_width("x", 30)
    assert np.abs(together[:, start : start + single.shape[1]].astype(int) - single).mean() < 12


def test_letters_that_the_typeface_lacks_are_still_drawn():
    box = coverage("\uffff", 24)
    for letter in "éÜжλ×":
        drawn = coverage(letter, 24)
        assert drawn.any()
        assert drawn.shape != box.shape or not np.array_equal(drawn, box)


@SETTINGS
@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60), st.integers(0, 300))
def test_shortened_texts_fit_and_keep_both_ends(text, width):
    shown = shorten(text, 15, width)
    assert shown == "" or text_width(shown, 15) <= width
    if shown not in ("", "…", text):
        head, _, tail = shown.partition("…")
        assert text.startswith(head)
        assert text.endswith(tail)


@pytest.mark.parametrize("text", ["two\nlines", "tab\there", "\u2028", "caf\udce9.jpg", "\0"])
def test_names_of_any_file_can_be_written(text):
    assert coverage(text, 15).shape == (line_height(15), text_width(text, 15))


def test_the_middle_is_left_out():
    assert shorten("block5_conv4_depthwise_separable", 15, 120).startswith("block")
    assert shorten("block5_conv4_depthwise_separable", 15, 120).endswith("able")


def test_only_the_long_parts_of_a_title_are_shortened():
    title = f"Feature maps · china.jpg · {'nested/' * 20}conv1"
    shown = shorten_parts(title, 23, 700)
    assert shown.startswith("Feature maps · china.jpg · nested")
    assert shown.endswith("conv1")
    assert text_width(shown, 23) <= 700


def test_lines_break_between_parts():
    lines = wrap(["192 maps of 27 x 27", "each tile scaled to its own range", "SAME"], 17, 300)
    assert lines == ["192 maps of 27 x 27", "each tile scaled to its own range", "SAME"] or len(lines) == 2
    assert all(text_width(line, 17) <= 300 for line in lines)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 4.21, "0 to 4.21"),
        (0, 13.724, "0 to 13.7"),
        (-3.2, 21, "-3.20 to 21.0"),
        (0, 0.85, "0 to 0.850"),
        (0, 9.999, "0 to 10.0"),
        (3, 127, "3.00 to 127"),
        (0, 12345, "0 to 12345"),
        (0, 1.5e7, "0 to 1.50e7"),
        (-2e-5, 0, "-2.00e-5 to 0"),
        (0, 0, "0 to 0"),
        (-1.4, 31.2, "-1.40 to 31.2"),
        (-0.0312, 9.53, "-0.0312 to 9.53"),
        (-4e-5, 31.2, "-4.00e-5 to 31.2"),
    ],
)
def test_ranges(low, high, text):
    assert value_range(low, high) == text


def test_numbers():
    assert same_digits((5.0, 0.0, -5.0)) == ("5.00", "0", "-5.00")
    assert same_digits((-0.001, 31.0)) == ("0.0", "31.0")
    assert [short(value) for value in (0.12, 1.0, 1234567.0, 0.0000123)] == ["0.12", "1", "1.23e6", "1.23e-5"]
