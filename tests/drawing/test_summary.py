from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.arrays import FeatureMaps, Image
from featuremap_cli.drawing.components import principal_components
from featuremap_cli.drawing.overlay import draw_overlay
from featuremap_cli.drawing.palette import MISSING_COLOR
from featuremap_cli.drawing.scaling import parse_scale
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.summary import draw_summary, parse_summary
from featuremap_cli.errors import UsageError

TITLE = "Feature maps · china.jpg · conv1"
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)
RANDOM = np.random.default_rng(5)


def layer(maps) -> FeatureMaps:
    maps = np.ascontiguousarray(maps, np.float32)
    return FeatureMaps(maps, ("",) * len(maps), "conv1")


@SETTINGS
@given(st.integers(2, 30), st.integers(2, 60), st.integers(0, 10_000))
def test_components_against_the_singular_value_decomposition(channels, positions, seed):
    values = np.random.default_rng(seed).normal(size=(channels, positions)).astype(np.float32)
    found = principal_components(values)
    centered = values.astype(np.float64) - values.mean(axis=1, dtype=np.float64, keepdims=True)
    _, sizes, right = np.linalg.svd(centered, full_matrices=False)
    for row, share in enumerate(found.shares):
        assert share == pytest.approx(sizes[row] ** 2 / (sizes**2).sum(), rel=1e-4)
        gaps = np.abs(np.delete(sizes, row) - sizes[row])
        if gaps.min() > 0.05 * sizes[0]:
            expected = sizes[row] * right[row]
            assert np.allclose(np.abs(found.scores[row]), np.abs(expected), atol=2e-3 * sizes[0])
        assert found.scores[row][np.abs(found.scores[row]).argmax()] > 0


def test_components_without_variance_are_left_out():
    line = np.outer([1, 2, -1], np.arange(5.0)).astype(np.float32)
    assert len(principal_components(line).shares) == 1
    assert principal_components(np.ones((4, 9), np.float32)).shares == ()
    assert principal_components(np.full((4, 9), np.nan, np.float32)).shares == ()


def test_positions_that_are_not_finite_are_left_out():
    values = RANDOM.normal(size=(6, 40)).astype(np.float32)
    holed = np.concatenate([values, np.full((6, 1), np.inf, np.float32)], axis=1)
    whole, found = principal_components(values), principal_components(holed)
    assert np.allclose(found.scores[:, :-1], whole.scores, atol=1e-5)
    assert np.isnan(found.scores[:, -1]).all()


@pytest.mark.parametrize("kind", ["mean", "max"])
def test_mean_and_maximum_are_drawn_as_a_map_is(kind):
    maps = RANDOM.normal(size=(10, 12, 12)).astype(np.float32)
    sheet = draw_summary(layer(maps), kind, SheetStyle(), TITLE)
    one = getattr(maps, kind)(axis=0)
    indices = np.asarray(sheet.picture)
    inside = indices < 239
    top, left = np.flatnonzero(inside.any(1))[0], np.flatnonzero(inside.any(0))[0]
    side = np.flatnonzero(inside.any(1))[-1] - top + 1
    shown = indices[top : top + side : side // 12, left : left + side : side // 12]
    assert np.abs(shown - (one - one.min()) / (one.max() - one.min()) * 238).max() <= 0.51
    assert sheet.text["Summary"] == kind
    assert sheet.total == 10


def test_components_are_red_green_and_blue():
    rows, columns = np.mgrid[0:12, 0:12]
    maps = np.stack([10.0 * rows, 3.0 * columns, 0.0 * rows])
    sheet = draw_summary(layer(maps), "pca", SheetStyle(), TITLE)
    pixels = np.asarray(sheet.picture.convert("RGB")).astype(int)
    colored = np.abs(pixels[..., 0] - pixels[..., 2]) + np.abs(pixels[..., 1] - pixels[..., 2]) > 30
    top, bottom = np.flatnonzero(colored.any(1))[[0, -1]]
    left, right = np.flatnonzero(colored.any(0))[[0, -1]]
    assert abs(pixels[bottom, left, 0] - pixels[top, left, 0]) > 240, "red follows the rows, the strongest"
    assert abs(pixels[top, right, 1] - pixels[top, left, 1]) > 240, "green follows the columns"
    assert pixels[bottom, right, 2] == pixels[top, left, 2] == 128, "no third component: blue stays in the middle"


@pytest.mark.parametrize("kind", ["pca", "mean", "max"])
@pytest.mark.parametrize("value", [0.0, 3.0, np.nan, np.inf])
def test_summaries_of_odd_layers(kind, value):
    image = Image(np.zeros((20, 30, 3), np.float32), "x")
    for maps in (np.full((1, 4, 4), value), np.full((5, 100, 70), value)):
        sheet = draw_summary(layer(maps), kind, SheetStyle(labels=False), TITLE, image=image)
        pink = (np.asarray(sheet.picture.convert("RGB")) == MISSING_COLOR).all(-1).any()
        assert pink or np.isfinite(value) or kind == "pca"


def test_a_selection_is_summarized():
    maps = np.stack([np.full((8, 8), value) for value in (0.0, 1.0, 9.0)])
    maps[:, 0, 0] += 1
    sheet = draw_summary(layer(maps), "mean", SheetStyle(select=(0, 1)), TITLE)
    assert sheet.text["Limits"] == '{"mean": [0.5, 1.5]}'
    assert sheet.text["Shown"] == "mean of 2 of 3"


def test_components_say_what_their_colors_span():
    maps = RANDOM.normal(size=(5, 6, 7)).astype(np.float32)
    sheet = draw_summary(layer(maps), "pca", SheetStyle(), TITLE)
    limits = json.loads(sheet.text["Limits"])
    flat = maps.reshape(5, -1).astype(np.float64)
    _, sizes, right = np.linalg.svd(flat - flat.mean(axis=1, keepdims=True), full_matrices=False)
    for color, row in zip(("red", "green", "blue"), range(3), strict=True):
        scores = sizes[row] * right[row]
        assert np.ptp(limits[color]) == pytest.approx(np.ptp(scores), rel=1e-3)
    assert sheet.text["Shown"] == "pca of 5 of 5"


def test_summaries_are_read():
    assert parse_summary("pca") == "pca"
    with pytest.raises(UsageError, match="--summary"):
        parse_summary("median")


def overlay(maps, **style):
    image = Image(np.full((80, 120, 3), 0.5, np.float32), "gray.png")
    return draw_overlay(layer(maps), SheetStyle(labels=False, **style), TITLE, image)


def test_the_stronger_the_more_of_the_color_covers_the_image():
    maps = np.tile(np.linspace(0, 1, 12), (8, 1))[np.newaxis]
    pixels = np.asarray(overlay(maps).picture.convert("RGB")).astype(int)
    row = pixels[-60]
    redness = (row[:, 0] - row[:, 2])[24:-24]
    shown = redness[redness.argmax() - 100 : redness.argmax() + 1]
    assert shown[-1] > 140
    assert (np.diff(shown) >= 0).all()


def test_signs_are_told_apart_and_zero_leaves_the_image():
    maps = np.zeros((1, 8, 12))
    maps[0, :, :4], maps[0, :, 8:] = -2, 2
    pixels = np.asarray(overlay(maps).picture.convert("RGB")).astype(int)
    row = pixels[-60]
    assert (row[:, 2] - row[:, 0]).max() > 100, "blue for negative"
    assert (row[:, 0] - row[:, 2]).max() > 100, "red for positive"
    maps[0, 0, 0] = -5
    assert overlay(maps).text["Limits"] == '{"0": [-5.0, 5.0]}'
    base = round(128 * 0.7 + 70)
    assert (np.abs(row - base) <= 1).all(axis=1).sum() >= 40


def test_overlays_have_bars_marks_and_colors_of_their_own():
    maps = RANDOM.normal(size=(3, 8, 12))
    maps[1] = 0
    maps[2, 0, 0] = np.nan
    shared = overlay(maps, scale=parse_scale("layer"), cmap="viridis")
    assert shared.picture.width > overlay(maps).picture.width
    assert (np.asarray(shared.picture.convert("RGB")) == MISSING_COLOR).all(-1).any()
    assert shared.shown == (0, 1, 2)
    large = draw_overlay(
        layer(RANDOM.normal(size=(2, 300, 500))), SheetStyle(), TITLE, Image(np.zeros((90, 90, 1), np.float32), "x")
    )
    assert large.picture.mode == "RGB"
