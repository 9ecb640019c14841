from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pytest
from scipy import ndimage

from featuremap_cli.arrays import FilterBank
from featuremap_cli.drawing.filter_tiles import _two_digits
from featuremap_cli.drawing.filters import draw_filters, view_filters
from featuremap_cli.drawing.palette import MISSING_COLOR
from featuremap_cli.drawing.scaling import parse_scale
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.errors import UsageError

TITLE = "Filters · alexnet conv1"
RANDOM = np.random.default_rng(3)


def bank(weights, names=None, bias=None, **facts) -> FilterBank:
    weights = np.asarray(weights, np.float32)
    count = weights.shape[3]
    bias = np.zeros(count, np.float32) if bias is None else np.asarray(bias, np.float32)
    return FilterBank(weights, names or ("",) * count, bias, facts.pop("source", "conv1"), **facts)


def kernel(rows, name="k", cells=None) -> FilterBank:
    weights = np.array(rows, np.float32)[:, :, np.newaxis, np.newaxis]
    return bank(weights, (name,), every_channel=True, source=name, cells=cells)


def tiles(picture) -> list[np.ndarray]:
    """Cut out what stands in hairline frames, row by row."""
    pixels = np.asarray(picture.convert("RGB"))
    framed = (pixels == 210).all(-1)
    filled = ndimage.binary_fill_holes(framed)
    regions = [region for region in ndimage.find_objects(ndimage.label(filled)[0]) if filled[region].sum() > 400]
    regions.sort(key=lambda region: (region[0].start, region[1].start))
    return [pixels[region][1:-1, 1:-1] for region in regions]


def test_color_filters_run_from_their_own_minimum_to_their_maximum():
    weights = RANDOM.normal(size=(11, 11, 3, 4))
    shown = tiles(draw_filters([bank(weights)], SheetStyle(), TITLE).picture)
    assert len(shown) == 4
    for index, tile in enumerate(shown):
        one = weights[..., index]
        k = tile.shape[0] // 11
        assert tile.shape == (11 * k, 11 * k, 3)
        expected = (one - one.min()) / (one.max() - one.min()) * 255
        assert np.abs(tile[::k, ::k] - expected).max() <= 1.1
        assert np.array_equal(tile, np.kron(tile[::k, ::k], np.ones((k, k, 1), np.uint8)))


def test_gray_filters_have_zero_in_the_middle():
    weights = np.zeros((9, 9, 1, 1))
    weights[0, 0], weights[8, 8] = 4, -1
    tile = tiles(draw_filters([bank(weights)], SheetStyle(cmap="coolwarm"), TITLE).picture)[0]
    k = tile.shape[0] // 9
    cool = mpl.colormaps["coolwarm"](np.array([1.0, 0.5, 0.375]))[:, :3] * 255
    assert np.abs(tile[::k, ::k][[0, 4, 8], [0, 4, 8]] - cool).max() <= 2


def test_small_kernels_written_by_hand_show_their_numbers_and_others_do_not():
    ninth = (("1/9",) * 3,) * 3
    numbered = tiles(draw_filters([kernel(np.full((3, 3), 1 / 9), cells=ninth)], SheetStyle(), TITLE).picture)[0]
    inner = numbered[10:-10, 10:-10]
    ink = (inner < 128).all(-1)
    cells = ndimage.zoom(ink.astype(float), 1, order=0)
    third = cells.shape[0] // 3
    assert all(cells[row * third :, column * third :][:third, :third].any() for row in range(3) for column in range(3))
    plain = tiles(draw_filters([bank(np.full((3, 3, 1, 1), 1 / 9))], SheetStyle(), TITLE).picture)[0]
    assert len(np.unique(plain)) == 1
    large = tiles(draw_filters([kernel(np.ones((9, 9)))], SheetStyle(), TITLE).picture)[0]
    assert len(np.unique(large)) == 1


def test_long_decimals_are_cut_and_fractions_are_not():
    assert _two_digits("0.00134") == "0.0013"
    assert _two_digits("-0.0587") == "-0.059"
    assert [_two_digits(text) for text in ("1/9", "-12345", "5")] == ["1/9", "-12345", "5"]


def test_numbers_are_white_on_dark_cells_and_black_on_bright_ones():
    tile = tiles(draw_filters([kernel([[-1, 0, 1]])], SheetStyle(), TITLE).picture)[0]
    third = tile.shape[1] // 3
    assert tile[:, :third].max() == 255
    assert tile[:, 2 * third :].min() == 0


def test_many_channels_make_a_strip_and_a_note():
    weights = RANDOM.normal(size=(3, 3, 64, 2))
    sheet = draw_filters([bank(weights)], SheetStyle(), TITLE)
    shown = tiles(sheet.picture)
    assert len(shown) in (2, 32), "sixteen panels a filter, which may touch"
    assert any("first 16 of 64 input channels" in note for note in sheet.notes)
    few = view_filters([bank(weights[:, :, :5])], SheetStyle())
    assert any("5 input channels" in part for part in few.describe())


def test_the_input_channels_that_are_named_are_drawn_row_by_row():
    # Channel c holds c + 1 in its upper left corner and nothing else.
    weights = np.zeros((3, 3, 40, 1))
    weights[0, 0, :, 0] = np.arange(1, 41)
    view = view_filters([bank(weights)], SheetStyle(channels=(slice(20, 40), 3)))
    (tile,) = view.drawn
    assert [round(float(panel[0, 0])) for panel in tile.panels] == [*range(21, 41), 4]
    assert tile.panel_grid == (2, 16)
    assert tile.own_limits == (-40, 40)
    assert any("input channels 20, 21, 22, 23, 24, 25, 26, 27 and 13 more of 40" in part for part in view.describe())
    sheet = draw_filters([bank(weights)], SheetStyle(channels=(slice(20, 37),)), TITLE)
    assert "conv1: input channels 20 to 36 of 40, row by row" in sheet.notes
    gray = np.asarray(sheet.picture.convert("L")).astype(int)
    # Channels 36 and 20 begin the second row and the first: 37 and 21 of 40 of the way from the middle to white.
    areas = (np.abs(gray - (127 + 127.5 * value / 40)) < 1.5 for value in (37, 21))
    last, first = (ndimage.binary_opening(area, np.ones((6, 6))) for area in areas)
    assert np.flatnonzero(last.any(1))[0] > np.flatnonzero(first.any(1))[-1]
    assert np.flatnonzero(last.any(0))[0] == np.flatnonzero(first.any(0))[0]


def test_input_channels_that_are_not_there_are_refused():
    with pytest.raises(UsageError, match="--channels 40: conv1 has 40 input channels, 0 to 39"):
        view_filters([bank(np.ones((3, 3, 40, 1)))], SheetStyle(channels=(40,)))
    with pytest.raises(UsageError, match="leave out one"):
        view_filters([bank(np.ones((3, 3, 40, 1)))], SheetStyle(channels=(4,)), "mean")


def test_color_filters_may_be_drawn_channel_by_channel():
    weights = np.stack([np.full((5, 5), value) for value in (1, -1, 0.5)], axis=2)[..., np.newaxis]
    (tile,) = view_filters([bank(weights)], SheetStyle(channels=(2, 0))).drawn
    assert (tile.kind, [float(panel[0, 0]) for panel in tile.panels]) == ("strip", [0.5, 1])


def test_channels_of_a_strip_share_the_filter_s_symmetric_scale():
    weights = np.zeros((3, 3, 4, 1))
    weights[:, :, 1], weights[:, :, 2] = 2, -1
    pixels = np.asarray(draw_filters([bank(weights)], SheetStyle(), TITLE).picture.convert("RGB"))
    found = {value for value in np.unique(pixels[..., 0]) if (pixels[..., 0] == value).sum() > 1500}
    assert {64, 128, 255} <= {int(value) + (value == 63) for value in found}


def test_labels_give_names_biases_and_ranges():
    weights = RANDOM.normal(size=(5, 5, 3, 2))
    view = view_filters([bank(weights, bias=[0, -0.97]), kernel([[1]], "identity")], SheetStyle())
    heads = [view.label(tile).head for tile in view.drawn]
    assert heads == ["0", "1   bias -0.970", "2   identity"]
    low, high = weights[..., 0].min(), weights[..., 0].max()
    assert view.label(view.drawn[0]).remarks[0] == f"{low:.2f} to {high:.2f}"
    gray = view_filters([bank(np.full((9, 9, 1, 1), -0.25))], SheetStyle())
    assert gray.label(gray.drawn[0]).remarks[0] == "±0.250"


def test_kernels_of_several_sizes_share_a_sheet():
    banks = [kernel(np.ones((3, 3)), "box"), kernel(np.eye(7), "diagonal"), kernel(np.ones((1, 7)), "row")]
    view = view_filters(banks, SheetStyle())
    assert view.describe()[0] == "3 kernels from 1 x 7 to 7 x 7"
    sizes = [tile.shape[:2] for tile in tiles(draw_filters(banks, SheetStyle(), TITLE).picture)]
    assert {height for height, _ in sizes} >= {sizes[0][0]}
    assert len(sizes) == 3
    assert all(width % 3 == 0 or width % 7 == 0 for _, width in sizes)


def test_filters_are_counted_over_all_banks_and_chosen_from_all():
    banks = [kernel(np.ones((3, 3)), "a"), bank(RANDOM.normal(size=(3, 3, 3, 5)))]
    sheet = draw_filters(banks, SheetStyle(select=(0, 3), sort="max"), TITLE)
    assert set(sheet.shown) == {0, 3}
    assert sheet.total == 6
    assert "2 of 6 shown" in sheet.notes[0]


@pytest.mark.parametrize("summary", ["mean", "max", "pca"])
def test_a_summary_makes_one_tile_of_many_channels(summary):
    weights = RANDOM.normal(size=(5, 5, 20, 4)).astype(np.float32)
    shown = tiles(draw_filters([bank(weights)], SheetStyle(), TITLE, summary=summary).picture)
    assert len(shown) == 4
    if summary != "pca":
        one = getattr(weights[..., 2], summary)(axis=2)
        k = shown[2].shape[0] // 5
        expected = (one / np.abs(one).max() + 1) / 2 * 255
        assert np.abs(shown[2][::k, ::k, 0] - expected).max() <= 1.5


def test_color_filters_are_summarized_too_and_kernels_of_one_channel_have_nothing_to_summarize():
    weights = RANDOM.normal(size=(5, 5, 3, 2)).astype(np.float32)
    shown = tiles(draw_filters([bank(weights)], SheetStyle(), TITLE, summary="mean").picture)
    one = weights[..., 1].mean(axis=2)
    k = shown[1].shape[0] // 5
    assert np.abs(shown[1][::k, ::k, 0] - (one / np.abs(one).max() + 1) / 2 * 255).max() <= 1.5
    with pytest.raises(UsageError, match=r"--summary mean.*got box with one"):
        draw_filters([kernel(np.ones((3, 3)), "box")], SheetStyle(), TITLE, summary="mean")


def test_a_shared_scale_has_a_bar_and_the_same_limits_for_all():
    weights = np.stack([np.full((3, 3, 3), value) for value in (0.0, 1, 2)], axis=3)
    sheet = draw_filters([bank(weights)], SheetStyle(scale=parse_scale("layer")), TITLE)
    assert json.loads(sheet.text["Limits"]) == {"0": [0, 2], "1": [0, 2], "2": [0, 2]}
    values = [int(np.median(tile)) for tile in tiles(sheet.picture) if tile.shape[0] == tile.shape[1]]
    assert values[1:] == [128, 255]


def test_broken_and_silent_filters_are_marked():
    weights = RANDOM.normal(size=(5, 5, 3, 2)).astype(np.float32)
    weights[2, 2, 1, 0] = np.nan
    weights[..., 1] = 0
    holed, silent = tiles(draw_filters([bank(weights)], SheetStyle(), TITLE).picture)
    k = holed.shape[0] // 5
    assert np.argwhere((holed[::k, ::k] == MISSING_COLOR).all(-1)).tolist() == [[2, 2]]
    assert silent[0, 0].tolist() == [232, 232, 232]
    assert silent.min() == 0, "the mark"


def test_a_silent_kernel_is_as_large_as_its_neighbors():
    banks = [kernel(np.ones((3, 3)), "box"), kernel(np.zeros((5, 5)), "none"), kernel(np.eye(3), "diagonal")]
    sizes = [tile.shape for tile in tiles(draw_filters(banks, SheetStyle(), TITLE).picture)]
    assert len(set(sizes)) == 1


def test_a_kernel_larger_than_its_tile_is_reduced():
    sheet = draw_filters([bank(RANDOM.normal(size=(300, 300, 1, 4)))], SheetStyle(tile=(100, 100)), TITLE)
    assert all(tile.shape[:2] == (100, 100) for tile in tiles(sheet.picture))


def test_no_filters_are_refused():
    with pytest.raises(UsageError, match="at least one filter"):
        draw_filters([], SheetStyle(), TITLE)
