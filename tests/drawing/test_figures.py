"""The curves of `health.png`: what they plot is read back from the figure and held against the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from featuremap_cli.analysis.health import LayerHealth, LayerState
from featuremap_cli.drawing.figures import MOST_NAMED, draw_health, health_figure


def layers(count: int, scale: float = 1.0, name: str = "conv{}") -> list[LayerHealth]:
    random = np.random.default_rng(6)
    found = []
    for index in range(count):
        state = LayerState(name.format(index + 1), 8)
        for _ in range(2):
            maps = np.maximum(random.normal(size=(8, 5, 5)) - index / count, 0) * scale**index
            maps[: index % 4] = 0
            state.add(maps.astype(np.float32))
        found.append(state.report())
    return found


def test_the_panels_plot_the_numbers() -> None:
    measured = layers(6)
    sparsity, ranges, faults = health_figure(measured, "Health · net", "2 images, 6 layers").axes
    names = ("zero_fraction", "hoyer", "lifetime_sparseness", "population_sparseness")
    for line, name in zip(sparsity.lines, names, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), [getattr(layer, name) for layer in measured])
    np.testing.assert_array_equal(ranges.lines[0].get_ydata(), [layer.mean for layer in measured])
    band = ranges.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == min(layer.min for layer in measured)
    assert band[:, 1].max() == max(layer.max for layer in measured)
    silent, dead = faults.containers
    assert [bar.get_height() for bar in silent] == pytest.approx([100 * layer.silent_fraction for layer in measured])
    assert [bar.get_height() for bar in dead] == [100 * len(layer.dead) / 8 for layer in measured]
    assert [text.get_text() for text in faults.get_xticklabels()] == [layer.layer for layer in measured]


def test_lines_differ_in_stroke_and_marker_and_not_in_color_alone() -> None:
    lines = health_figure(layers(3), "", "").axes[0].lines
    assert len({line.get_marker() for line in lines}) == len({line.get_linestyle() for line in lines}) == 4


@pytest.mark.parametrize(("scale", "axis"), [(1.0, "linear"), (4.0, "symlog")])
def test_ranges_that_differ_much_are_drawn_logarithmic(scale: float, axis: str) -> None:
    ranges = health_figure(layers(6, scale), "", "").axes[1]
    assert ranges.get_yscale() == axis
    assert ("logarithmic" in ranges.get_ylabel()) == (axis == "symlog")


def test_many_layers_keep_their_names_legible() -> None:
    figure = health_figure(layers(130, name="encoder/block{}/a_rather_long_name/depthwise_conv"), "", "")
    labels = [text.get_text() for text in figure.axes[2].get_xticklabels()]
    assert len(labels) <= MOST_NAMED
    assert all(len(label) <= 28 and "…" in label for label in labels)
    assert figure.axes[2].get_xlabel().endswith("(one in 3 is named)")


@pytest.mark.parametrize("count", [1, 5, 53])
def test_the_picture_is_whole_with_white_all_round(count: int) -> None:
    picture = draw_health(layers(count), "Health · net", "2 images")
    pixels = np.asarray(picture)
    assert picture.mode == "RGB"
    assert 1200 <= picture.width <= 2900
    assert (pixels[[0, -1]] == 255).all()
    assert (pixels[:, [0, -1]] == 255).all()


def test_a_layer_of_nan_is_seen_in_every_panel() -> None:
    sound = health_figure(layers(3), "", "")
    ill = LayerState("conv2", 8)
    maps = np.ones((8, 5, 5), np.float32)
    maps[:2] = np.nan
    ill.add(maps)
    measured = layers(3)
    measured[1] = ill.report()
    figure = health_figure(measured, "", "")
    assert [line.get_label() for line in figure.axes[2].lines] == ["NaN or infinity"]
    assert list(figure.axes[2].lines[0].get_ydata()) == [25]
    assert list(figure.axes[2].lines[0].get_xdata()) == [1]
    for before, after in zip(sound.axes, figure.axes, strict=True):
        added = [patch.get_extents() for patch in after.patches[len(before.patches) :]]
        assert len(added) == 1
    pink = (255, 20, 147)
    seen = np.asarray(draw_health([ill.report()], "", "")).astype(int)
    unseen = np.asarray(draw_health(layers(1), "", "")).astype(int)
    assert (abs(seen - pink).sum(axis=2) < 30).sum() > 50
    assert (abs(unseen - pink).sum(axis=2) < 30).sum() == 0


def test_layers_without_a_number_leave_a_gap() -> None:
    measured = layers(3)
    measured[1] = replace(measured[1], mean=None, std=None, min=None, max=None, hoyer=None)
    figure = health_figure(measured, "", "")
    assert np.isnan(figure.axes[0].lines[1].get_ydata()[1])
    assert draw_health(measured, "", "").width >= 1200
