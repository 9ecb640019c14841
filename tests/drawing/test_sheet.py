from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pictures import rgb, tiles_of

from featuremap_cli.arrays import FeatureMaps, Image
from featuremap_cli.drawing.palette import FLAT, FLAT_COLOR, MISSING, MISSING_COLOR, PAPER
from featuremap_cli.drawing.scaling import parse_scale
from featuremap_cli.drawing.separate import draw_tiles
from featuremap_cli.drawing.sheet import draw_maps, view_maps
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.errors import UsageError

TITLE = "Feature maps · china.jpg · conv1"
RANDOM = np.random.default_rng(7)


def layer(maps, names=None) -> FeatureMaps:
    maps = np.ascontiguousarray(maps, np.float32)
    return FeatureMaps(maps, names or ("",) * len(maps), "conv1")


def signed(count=4, height=8, width=8) -> np.ndarray:
    return RANDOM.normal(size=(count, height, width)).astype(np.float32)


def test_each_tile_runs_from_its_own_minimum_to_its_maximum_in_matplotlib_s_colors():
    maps = signed()
    sheet = draw_maps(layer(maps), SheetStyle(cmap="viridis"), TITLE)
    colors = sheet.picture.getpalette("RGB")
    for one, tile in zip(maps, tiles_of(sheet.picture), strict=True):
        assert tile.shape[0] % 8 == 0
        k = tile.shape[0] // 8
        exact = (one - one.min()) / (one.max() - one.min())
        expected = mpl.colormaps["viridis"](np.rint(exact * 238) / 238)[..., :3] * 255
        assert np.abs(np.array(colors).reshape(-1, 3)[tile[::k, ::k]] - expected).max() <= 1
        assert np.array_equal(tile, np.kron(tile[::k, ::k], np.ones((k, k), np.uint8))), "enlarged without smoothing"


def test_a_shared_scale_is_the_same_for_all_and_its_bar_is_the_mapping():
    maps = np.stack([np.full((8, 8), value, np.float32) for value in (0, 1, 2, 4)])
    maps[:, 0, 0] = 0
    sheet = draw_maps(layer(maps), SheetStyle(scale=parse_scale("layer")), TITLE)
    *tiles, bar = tiles_of(sheet.picture)
    if bar.shape[0] < bar.shape[1]:
        raise AssertionError("the bar comes last and is upright")
    tiles = [tile for tile in (*tiles, bar) if tile.shape[0] == tile.shape[1]]
    assert [int(tile[-1, -1]) for tile in tiles] == [0, 60, 119, 238]


def test_the_bar_runs_over_every_level_from_the_greatest_down():
    sheet = draw_maps(layer(signed()), SheetStyle(scale=parse_scale("symmetric")), TITLE)
    bars = [tile for tile in tiles_of(sheet.picture) if tile.shape[0] > 3 * tile.shape[1]]
    assert len(bars) == 1
    levels = bars[0][:, 0].astype(int)
    assert (bars[0] == bars[0][:, :1]).all()
    assert levels[0] == 238
    assert levels[-1] == 0
    assert np.array_equal(levels, np.rint(np.linspace(238, 0, len(levels))))


@pytest.mark.parametrize("text", ["layer", "symmetric", "percentile:1,99"])
def test_zero_is_middle_gray_where_signs_differ(text):
    maps = signed()
    maps[0] = 0
    sheet = draw_maps(layer(maps), SheetStyle(scale=parse_scale(text)), TITLE)
    tile = tiles_of(sheet.picture)[0]
    assert rgb(sheet.picture)[np.asarray(sheet.picture) == 119][0].tolist() == [128, 128, 128]
    assert tile[0, 0] == 119


def test_a_scale_of_its_own_has_no_bar():
    assert len(tiles_of(draw_maps(layer(signed(4)), SheetStyle(), TITLE).picture)) == 4


def test_large_maps_are_reduced_by_area_before_they_are_scaled():
    maps = np.abs(signed(64, 300, 600))
    sheet = draw_maps(layer(maps), SheetStyle(tile=(200, 200)), TITLE)
    tile = tiles_of(sheet.picture)[9]
    assert tile.shape == (100, 200)
    means = maps[9].reshape(100, 3, 200, 3).mean((1, 3))
    low, high = maps[9].min(), maps[9].max()
    assert np.abs(tile - (means - low) / (high - low) * 238).max() <= 0.51


def test_full_keeps_every_pixel():
    maps = signed(2, 100, 90)
    tiles = tiles_of(draw_maps(layer(maps), SheetStyle(tile="full", scale=parse_scale("-9,9")), TITLE).picture)
    shown = [tile for tile in tiles if tile.shape == (100, 90)] or [tile[::2, ::2] for tile in tiles[:2]]
    assert np.abs(shown[0] - (maps[0] + 9) / 18 * 238).max() <= 0.51


def test_silent_constant_and_broken_maps_are_marked():
    maps = signed(4)
    maps[0] = 0
    maps[1] = 0.12
    maps[2, 3, 4] = np.nan
    maps[3] = np.inf
    sheet = draw_maps(layer(maps), SheetStyle(), TITLE)
    silent, constant, holed, broken = tiles_of(sheet.picture)
    pixels = rgb(sheet.picture)
    assert (silent[0] == FLAT).all()
    assert silent[silent.shape[0] // 2, silent.shape[1] // 2] != FLAT, "the mark"
    assert (constant == 119).all()
    k = holed.shape[0] // 8
    assert np.argwhere(holed[::k, ::k] == MISSING).tolist() == [[3, 4]]
    assert (broken == MISSING).all()
    assert (pixels == MISSING_COLOR).all(-1).any()
    assert (pixels == FLAT_COLOR).all(-1).any()
    assert any("2, 3" in note and "NaN" in note for note in sheet.notes)


def test_a_nan_does_not_change_its_neighbors():
    whole = signed(1)
    holed = whole.copy()
    position = tuple(np.argwhere((whole[0] > whole[0].min()) & (whole[0] < whole[0].max()))[0])
    holed[0][position] = np.nan
    before, after = (tiles_of(draw_maps(layer(maps), SheetStyle(), TITLE).picture)[0] for maps in (whole, holed))
    assert (before[after != MISSING] == after[after != MISSING]).all()


def test_silent_maps_on_a_shared_scale_have_the_color_of_zero_and_the_mark():
    maps = np.abs(signed(4))
    maps[2] = 0
    sheet = draw_maps(layer(maps), SheetStyle(scale=parse_scale("layer")), TITLE)
    silent = next(tile for tile in tiles_of(sheet.picture) if (tile == PAPER).any() and tile.shape[0] == tile.shape[1])
    assert silent[0, 0] == round(238 * (0 - maps.min()) / (maps.max() - maps.min()))


def test_not_all_shown_is_said_in_words():
    view = view_maps(layer(signed(96)), SheetStyle(sort="mean"))
    sheet = draw_maps(layer(signed(96)), SheetStyle(), TITLE)
    assert len(view.shown) == 64
    assert "64 of 96 shown" in sheet.notes[0]
    assert sheet.text["Shown"] == "64 of 96"
    assert draw_maps(layer(signed(4)), SheetStyle(), TITLE).notes == ()


def test_limits_are_kept_for_scripts():
    maps = signed(3)
    own = draw_maps(layer(maps), SheetStyle(select=(2, 0)), TITLE)
    limits = json.loads(own.text["Limits"])
    assert list(limits) == ["2", "0"]
    assert np.array_equal(np.array(limits["2"], np.float32), [maps[2].min(), maps[2].max()])
    shared = draw_maps(layer(maps), SheetStyle(scale=parse_scale("-2,3")), TITLE)
    assert json.loads(shared.text["Limits"]) == {"0": [-2, 3], "1": [-2, 3], "2": [-2, 3]}
    assert "-0.0" not in draw_maps(layer(-np.zeros((2, 4, 4))), SheetStyle(), TITLE).text["Limits"]
    assert shared.text["Scale"] == "-2,3"
    assert own.shown == (2, 0)
    assert own.total == 3


def test_the_last_row_is_left_aligned_and_columns_can_be_given():
    sheet = draw_maps(layer(signed(5)), SheetStyle(columns=2), TITLE)
    indices = np.asarray(sheet.picture)
    columns = np.flatnonzero((indices[-120:] < 239).any(axis=0))
    assert columns[0] == np.flatnonzero((indices < 239).any(axis=0))[0]
    assert columns[-1] < indices.shape[1] // 2


def test_labels_can_be_left_out():
    with_labels, without = (draw_maps(layer(signed(4)), SheetStyle(labels=on), TITLE).picture for on in (True, False))
    assert without.height < with_labels.height
    assert len(tiles_of(without)) == len(tiles_of(with_labels)) == 4


def test_the_page_has_a_white_margin_all_round():
    for style in (SheetStyle(), SheetStyle(scale=parse_scale("layer")), SheetStyle(tile="full")):
        pixels = rgb(draw_maps(layer(signed(9)), style, TITLE).picture)
        inside = pixels[20:-20, 20:-20]
        assert (pixels < 255).any(-1).sum() == (inside < 255).any(-1).sum()


def test_the_input_image_is_shown_two_rows_high_in_nearly_its_colors():
    rows, columns = np.mgrid[0:1:120j, 0:1:160j]
    pixels = np.stack([rows, columns, 1 - rows], axis=2).astype(np.float32)
    sheet = draw_maps(layer(signed(16, 13, 13)), SheetStyle(), TITLE, image=Image(pixels, "china.jpg"))
    indices = np.asarray(sheet.picture)
    painted = (indices >= 127) & (indices < 239)
    top, bottom = np.flatnonzero(painted.any(1))[[0, -1]]
    left, right = np.flatnonzero(painted.any(0))[[0, -1]]
    height, width = bottom - top + 1, right - left + 1
    tile = tiles_of(sheet.picture, levels=127)[0]
    assert 2 * tile.shape[0] < height < 2.5 * tile.shape[0]
    assert width == pytest.approx(height * 160 / 120, abs=1)
    seen = rgb(sheet.picture)[top : bottom + 1, left : right + 1]
    there = np.ix_(np.arange(height) * 120 // height, np.arange(width) * 160 // width)
    # single pixels are dithered; areas have the right color
    error = seen.astype(float) - pixels[there] * 255
    blocks = error[: height // 16 * 16, : width // 16 * 16].reshape(height // 16, 16, width // 16, 16, 3).mean((1, 3))
    assert np.abs(blocks).max() < 14


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_images_of_any_number_of_channels_are_shown(channels):
    image = Image(np.full((20, 30, channels), 0.5, np.float32), "x.npy")
    sheet = draw_maps(layer(signed(4)), SheetStyle(), TITLE, image=image)
    seen = rgb(sheet.picture)[np.isin(np.asarray(sheet.picture), range(127, 239))]
    assert len(seen) > 1000
    assert np.abs(seen.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("text", ["map", "layer", "symmetric", "percentile:1,99", "0,1"])
@pytest.mark.parametrize(
    "maps",
    [
        np.zeros((1, 1, 1)),
        np.full((2, 3, 3), np.nan),
        np.full((2, 3, 3), np.inf),
        np.full((3, 2, 900), 3.0),
        np.full((3, 900, 2), -3e38),
        np.array([[[3e38, -3e38]], [[np.nan, 1e-40]]]),
    ],
)
def test_no_values_crash(maps, text):
    for style in (SheetStyle(scale=parse_scale(text)), SheetStyle(scale=parse_scale(text), sort="std", tile=(50, 60))):
        assert draw_maps(layer(maps), style, TITLE).picture.mode == "P"


def test_nothing_to_draw_is_refused():
    with pytest.raises(UsageError, match="conv1"):
        draw_maps(layer(np.zeros((0, 4, 4))), SheetStyle(), TITLE)


def test_large_maps_are_worked_off_tile_by_tile():
    maps = layer(np.zeros((4, 1500, 2000)))
    maps.maps[:, 0, 0] = 1
    tracemalloc.start()
    picture = draw_maps(maps, SheetStyle(), TITLE).picture
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # the page, one reduced tile in float32, and Pillow's copy of the page; the maps themselves are 48 MB
    assert peak < 2 * picture.width * picture.height + 20e6


def test_separate_tiles_are_the_pixels_alone():
    maps = signed(3, 100, 80)
    drawn = dict(draw_tiles(layer(maps), SheetStyle(select=(2, 1), tile="full")))
    assert list(drawn) == [2, 1]
    one = maps[2]
    picture = np.asarray(drawn[2].picture)
    k = picture.shape[0] // 100
    assert picture.shape == (100 * k, 80 * k)
    assert np.abs(picture[::k, ::k] - (one - one.min()) / (one.max() - one.min()) * 238).max() <= 0.51
    assert json.loads(drawn[1].text["Limits"]) == {"1": [float(maps[1].min()), float(maps[1].max())]}


def test_separate_tiles_share_the_sheet_s_scale():
    maps = signed(2)
    style = SheetStyle(scale=parse_scale("layer"))
    on_sheet = [
        tile for tile in tiles_of(draw_maps(layer(maps), style, TITLE).picture) if tile.shape[0] == tile.shape[1]
    ]
    for tile, (_, sheet) in zip(on_sheet, draw_tiles(layer(maps), style), strict=True):
        step, own = tile.shape[0] // 8, sheet.picture.height // 8
        assert np.array_equal(tile[::step, ::step], np.asarray(sheet.picture)[::own, ::own])


def test_pixels_of_the_image_that_are_nan_have_their_own_color():
    pixels = np.full((30, 40, 3), 0.5, np.float32)
    pixels[10:20, 10:20, 1] = np.nan
    for channels in (3, 1):
        image = Image(pixels[..., :channels] if channels == 3 else pixels[..., 1:2], "x.tif")
        sheet = draw_maps(layer(signed(2)), SheetStyle(), TITLE, image=image)
        pink = (np.asarray(sheet.picture) == 240).sum()
        whole = np.isin(np.asarray(sheet.picture), range(127, 239)).sum() + pink
        assert pink / whole == pytest.approx(100 / 1200, rel=0.1)
