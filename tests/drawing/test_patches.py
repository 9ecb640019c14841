"""Sheets of patches: where everything lies, and that it is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.arrays import Image
from featuremap_cli.drawing.blocks import BlockLabel, BlockOrder, BlockPage
from featuremap_cli.drawing.cutout import Window
from featuremap_cli.drawing.grid import AUTO_LIMIT
from featuremap_cli.drawing.page import Heading
from featuremap_cli.drawing.patches import FilterPlaces, PatchOrder, PatchSheet, Spot, draw_boxes
from featuremap_cli.drawing.text import text_width
from featuremap_cli.errors import UsageError

HEADING = Heading("Patches · net conv", ("first part", "second part"))


def page(places: tuple[int, ...], size: tuple[int, int], **settings: object) -> BlockPage:
    labels = tuple(BlockLabel(str(index), ("1.23 to 4.56", "4.56")) for index in range(len(places)))
    return BlockPage(BlockOrder(HEADING, labels, 2, places, size, **settings))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=70).map(tuple),
    st.tuples(st.integers(1, 260), st.integers(1, 260)),
    st.sampled_from([None, 1, 3, 200]),
)
def test_tiles_stay_on_the_page_and_off_each_other(
    places: tuple[int, ...], size: tuple[int, int], columns: int | None
) -> None:
    drawn = page(places, size, columns=columns)
    taken = np.zeros(drawn.canvas.pixels.shape[:2], bool)
    height, width = drawn.tile
    for block, count in enumerate(places):
        for group in range(2):
            for place in range(count):
                left, top = drawn.corner(block, group, place)
                part = taken[top : top + height, left : left + width]
                assert part.shape == (height, width)
                assert not part.any()
                assert (drawn.canvas.pixels[top : top + height, left : left + width] == 255).all()
                part[...] = True
    margins = np.concatenate([taken[:24].ravel(), taken[-20:].ravel(), taken[:, :20].ravel(), taken[:, -20:].ravel()])
    assert not margins.any()


@pytest.mark.parametrize("size", [(11, 11), (51, 51), (163, 163), (224, 150), (600, 800)])
@pytest.mark.parametrize("filters", [1, 16, 64])
def test_a_page_keeps_to_its_limit_and_tiles_to_whole_factors(size: tuple[int, int], filters: int) -> None:
    drawn = page((9,) * filters, size)
    height, width = drawn.canvas.pixels.shape[:2]
    assert max(height, width) <= 1.05 * AUTO_LIMIT
    if drawn.tile[0] >= size[0]:
        assert drawn.tile[0] % size[0] == 0 == drawn.tile[1] % size[1]


def test_nine_places_make_squares_of_three_and_blocks_the_shape_of_a_slide() -> None:
    drawn = page((9,) * 16, (51, 51))
    corners = [drawn.corner(0, 0, place) for place in range(9)]
    assert len({left for left, _ in corners}) == 3 == len({top for _, top in corners})
    tops = {drawn.corner(block, 0, 0)[1] for block in range(16)}
    assert len(tops) == 4
    assert drawn.canvas.pixels.shape[1] > drawn.canvas.pixels.shape[0]


def test_a_label_takes_the_longest_wording_that_fits_all() -> None:
    texts = [
        BlockLabel("0", ("a long wording", "short")),
        BlockLabel("1", ("a much longer wording than any tile", "s")),
    ]
    drawn = BlockPage(BlockOrder(HEADING, tuple(texts), 1, (1, 1), (16, 16), 2, (120, 120)))
    assert text_width("1   a much longer wording than any tile", 14) > drawn.tile[1]
    assert drawn._wording() == 1


def test_a_page_too_large_to_open_is_refused() -> None:
    with pytest.raises(UsageError, match="a sheet of 900 filters would have"):
        page((9,) * 900, (200, 200), tile="full")


def test_a_tile_size_that_was_asked_for() -> None:
    assert page((4,), (20, 10), tile=(45, 70)).tile == (60, 30)
    assert page((4,), (200, 100), tile=(45, 70)).tile == (70, 35)


def test_patch_and_projection_stand_beside_each_other() -> None:
    pixels = np.random.default_rng(1).random((8, 8, 3)).astype(np.float32)
    projection = np.zeros((8, 8, 3), np.float32)
    projection[4:6, 4:6] = (1, -1, 0)
    filters = (FilterPlaces(5, (2.0,)), FilterPlaces(7, ()))
    made = PatchSheet(PatchOrder("title", ("detail",), filters, (2, 2), tile=(2, 2)))
    made.put(0, 0, Image(pixels, "noise"), projection, Window(4, 4, 6, 6))
    sheet = made.sheet(9, {"Layer": "conv"}, ("a note",))
    assert (sheet.shown, sheet.total, sheet.notes, sheet.text) == ((5, 7), 9, ("a note",), {"Layer": "conv"})
    drawn = np.asarray(sheet.picture)
    left, top = made._page.corner(0, 0, 0)
    assert (drawn[top : top + 2, left : left + 2] == (255, 1, 128)).all()
    left, top = made._page.corner(0, 1, 0)
    np.testing.assert_array_equal(drawn[top : top + 2, left : left + 2], np.rint(pixels[4:6, 4:6] * 255))


def test_what_stands_above_a_block() -> None:
    assert FilterPlaces(3, (9.5, 0.431)).label == BlockLabel("3", ("0.431 to 9.50", "up to 9.50", "9.50"))
    assert FilterPlaces(3, (9.5,)).label == BlockLabel("3", ("9.50",))
    assert FilterPlaces(3, ()).label == BlockLabel("3", ("never fires", "silent"))
    assert FilterPlaces(3, (), unreal=True).label == BlockLabel("3", ("NaN or infinite", "not finite", "NaN"))


def test_a_box_keeps_its_colors_and_the_rest_is_dimmed() -> None:
    image = Image(np.full((40, 60, 3), (0.2, 0.4, 0.6), np.float32), "even")
    spots = [Spot(4, 1, 3.5, Window(10, 10, 30, 30)), Spot(6, 2, 1.0, Window(-5, 40, 20, 90))]
    sheet = draw_boxes(image, spots, "Places · even", ())
    pixels = np.asarray(sheet.picture).reshape(-1, 3)
    color = np.array([51, 102, 153])
    kept, dimmed = ((pixels == shade).all(axis=1).sum() for shade in (color, np.rint(255 - (255 - color) * 0.35)))
    # 20 x 20 and 20 x 20 of twice 40 x 60 pixels; frames take some of what is dimmed.
    assert 0.15 < kept / (kept + dimmed) < 0.3
    assert sheet.shown == (4, 6)


def test_all_boxes_of_a_filter_are_on_one_picture() -> None:
    image = Image(np.full((40, 60, 3), (0.2, 0.4, 0.6), np.float32), "even")
    apart = [Spot(4, 1, 3.5, Window(0, 0, 10, 10)), Spot(4, 3, 1.0, Window(30, 50, 40, 60))]
    one, both = (np.asarray(draw_boxes(image, apart[:count], "Places", ()).picture) for count in (1, 2))
    kept = [int((pixels == (51, 102, 153)).all(axis=2).sum()) for pixels in (one, both)]
    assert one.shape == both.shape
    assert kept[1] == pytest.approx(2 * kept[0], rel=0.02)
