"""Maps that come in bands are drawn as the same maps held in memory are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from featuremap_cli.analysis.map_facts import facts_of, facts_of_each, survey
from featuremap_cli.arrays import FeatureMaps, Float32, Image
from featuremap_cli.drawing import percentiles
from featuremap_cli.drawing.overlay import draw_overlay
from featuremap_cli.drawing.page import Sheet
from featuremap_cli.drawing.resampling import BandReducer, reduce_by_area
from featuremap_cli.drawing.scaling import parse_scale
from featuremap_cli.drawing.separate import draw_tiles
from featuremap_cli.drawing.sheet import draw_maps, read_for_sheet
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.summary import draw_summary

HEIGHT, WIDTH, STEP = 333, 517, 41


@dataclass(frozen=True, eq=False)
class InBands:
    """Held maps, handed over in bands whose memory is used again, as those of a large image."""

    held: FeatureMaps
    readings: list[int] = field(default_factory=list)

    names = property(lambda self: self.held.names)
    layer = property(lambda self: self.held.layer)
    filters = property(lambda self: self.held.filters)
    size = property(lambda self: self.held.size)

    def bands(self) -> Iterator[tuple[int, Float32]]:
        self.readings.append(1)
        room = np.empty((self.filters, STEP, self.size[1]), np.float32)
        for first in range(0, self.size[0], STEP):
            band = room[:, : min(STEP, self.size[0] - first)]
            band[:] = self.held.maps[:, first : first + STEP]
            yield first, band


def layer(nan: bool = False) -> FeatureMaps:
    random = np.random.default_rng(0)
    maps = random.normal(size=(6, HEIGHT, WIDTH)).astype(np.float32).cumsum(axis=1)
    maps[1] = 0
    maps[2] = 0.12
    maps[3] *= 0.01
    if nan:
        maps[4, 100:103, 50:60] = np.nan
    return FeatureMaps(maps, tuple("abcdef"), "conv")


def pixels(sheet: Sheet) -> np.ndarray:
    return np.asarray(sheet.picture).astype(int)


def assert_alike(one: Sheet, other: Sheet) -> None:
    """The same page, up to the rounding of sums that are cut up otherwise: a level here and there."""
    assert one.text == other.text
    assert one.notes == other.notes
    assert one.picture.size == other.picture.size
    apart = np.abs(pixels(one) - pixels(other))
    assert apart.max() <= 1
    assert np.count_nonzero(apart) < 1e-3 * apart.size


STYLES = {
    "default": SheetStyle(tile=(200, 150)),
    "full": SheetStyle(tile="full"),
    "layer": SheetStyle(tile=(200, 150), scale=parse_scale("layer")),
    "percentile": SheetStyle(tile=(200, 150), scale=parse_scale("percentile:1,99")),
    "limits": SheetStyle(tile=(201, 153), scale=parse_scale("-3,3"), cmap="viridis"),
    "sorted": SheetStyle(tile=(200, 150), sort="std", limit=3),
    "sparsity": SheetStyle(tile=(200, 150), sort="sparsity", select=(3, 1, 2)),
    "enlarged": SheetStyle(tile=(1040, 700), limit=2),
}


@pytest.mark.parametrize("nan", [False, True], ids=["finite", "nan"])
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_a_sheet(style, nan, monkeypatch):
    maps = layer(nan)
    held = draw_maps(maps, style, "title")
    monkeypatch.setattr(percentiles, "MOST_HELD", 0)
    assert_alike(draw_maps(InBands(maps), style, "title"), held)


@pytest.mark.parametrize("scale", ["map", "layer", "symmetric"])
def test_one_reading_is_enough_where_the_tiles_are_as_expected(scale):
    maps, style = InBands(layer()), SheetStyle(tile=(200, 150), scale=parse_scale(scale))
    sheet = draw_maps(maps, style, "title", reading=read_for_sheet(maps, style, "title"))
    assert len(maps.readings) == 1
    assert_alike(sheet, draw_maps(maps.held, style, "title"))


@pytest.mark.parametrize(
    "style",
    [SheetStyle(sort="mean", limit=2), SheetStyle(tile="full"), SheetStyle(scale=parse_scale("percentile:5,95"))],
    ids=["sorted", "full", "percentile"],
)
def test_where_tiles_cannot_be_foreseen_maps_are_read_again(style):
    maps = InBands(layer())
    sheet = draw_maps(maps, style, "title", reading=read_for_sheet(maps, style, "title"))
    assert len(maps.readings) > 1
    assert_alike(sheet, draw_maps(maps.held, style, "title"))


def test_tiles_that_came_out_otherwise_than_foreseen_are_read_again(monkeypatch):
    maps, style = InBands(layer()), SheetStyle()
    monkeypatch.setattr("featuremap_cli.drawing.sheet._expected", lambda *_: (range(6), (30, 40)))
    sheet = draw_maps(maps, style, "title", reading=read_for_sheet(maps, style, "title"))
    assert len(maps.readings) == 2
    assert_alike(sheet, draw_maps(maps.held, style, "title"))


@pytest.mark.parametrize("tile", ["full", (200, 150), (700, 700)])
def test_an_overlay(tile):
    maps, style = layer(), SheetStyle(tile=tile, limit=2)
    image = Image(np.random.default_rng(1).random((2 * HEIGHT, 2 * WIDTH, 3), np.float32), "noise.png")
    assert_alike(draw_overlay(InBands(maps), style, "title", image), draw_overlay(maps, style, "title", image))


@pytest.mark.parametrize("kind", ["mean", "max", "pca"])
@pytest.mark.parametrize("select", [None, (0, 3, 4, 5)], ids=["all", "some"])
@pytest.mark.parametrize("nan", [False, True], ids=["finite", "nan"])
def test_a_summary(kind, select, nan):
    maps, style = layer(nan), SheetStyle(tile=(300, 200), select=select)
    one, other = (draw_summary(each, kind, style, "title") for each in (InBands(maps), maps))
    apart = np.abs(pixels(one) - pixels(other))
    assert one.picture.size == other.picture.size
    assert np.count_nonzero(apart > 1) < 1e-3 * apart.size


@pytest.mark.parametrize("at_once", [1, 10**9], ids=["one by one", "together"])
def test_separate_tiles(at_once, monkeypatch):
    monkeypatch.setattr("featuremap_cli.drawing.separate._BYTES_AT_ONCE", at_once)
    maps, style = layer(), SheetStyle(tile=(200, 150))
    drawn, expected = dict(draw_tiles(InBands(maps), style)), dict(draw_tiles(maps, style))
    assert list(drawn) == list(expected) == [0, 1, 2, 3, 4, 5]
    for index, sheet in drawn.items():
        assert_alike(sheet, expected[index])


def test_a_map_in_bands_is_reduced_as_a_whole_one():
    values = np.random.default_rng(2).normal(size=(97, 61)).astype(np.float32)
    values[40, 7] = np.nan
    reducer, rows = BandReducer((97, 61), (23, 17)), []
    for first in (0, 1, 5, 60, 61, 96):
        last = {0: 1, 1: 5, 5: 60, 60: 61, 61: 96, 96: 97}[first]
        top, some = reducer.take(first, values[first:last])
        assert top == sum(len(each) for each in rows)
        rows.append(some)
    np.testing.assert_allclose(
        np.concatenate(rows), reduce_by_area(values, 23, 17), rtol=1e-6, atol=1e-6, equal_nan=True
    )


def test_facts_in_bands_are_numpys():
    maps = layer(nan=True)
    for facts, values in zip(survey(InBands(maps), squares=True), maps.maps.astype(np.float64), strict=True):
        known = values[np.isfinite(values)]
        assert (facts.low, facts.high, facts.known, facts.size) == (known.min(), known.max(), known.size, values.size)
        assert facts.zeros == (values == 0).sum()
        assert facts.mean == pytest.approx(known.mean(), rel=1e-9, abs=1e-12)
        assert facts.deviation == pytest.approx(known.std(), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("nan", [False, True], ids=["finite", "nan"])
def test_facts_of_many_small_maps_are_numpys(nan):
    maps = np.random.default_rng(5).normal(size=(9, 6, 7)).clip(0).astype(np.float32)
    maps[2], maps[3] = 0, -1
    if nan:
        maps[4, 1, 1:3], maps[5, 2] = np.inf, np.nan
        maps[4, 0, 0], maps[6] = -np.inf, np.nan
    for facts, values in zip(facts_of_each(maps, squares=True), maps.astype(np.float64), strict=True):
        known = values[np.isfinite(values)]
        assert (facts.known, facts.size, facts.zeros) == (known.size, 42, (values == 0).sum())
        if known.size:
            assert (facts.low, facts.high) == (known.min(), known.max())
            assert (facts.mean, facts.deviation) == pytest.approx((known.mean(), known.std()), rel=1e-6, abs=1e-9)


def test_facts_of_nothing_and_of_nothing_finite():
    assert facts_of(np.empty((0, 3), np.float32)).size == 0
    facts = facts_of(np.full((2, 2), np.nan, np.float32))
    assert (facts.known, facts.unreal, facts.mean, facts.deviation) == (0, 4, 0, 0)
