from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.drawing.columns import default_columns
from featuremap_cli.drawing.extents import Extent
from featuremap_cli.drawing.grid import Order, lay_out
from featuremap_cli.drawing.labels import Label, lettering, map_label
from featuremap_cli.drawing.page import AUTO_LIMIT, Heading, Measures
from featuremap_cli.drawing.text import text_width
from featuremap_cli.drawing.tile_size import single_tile
from featuremap_cli.errors import UsageError

SETTINGS = settings(max_examples=50, deadline=None, derandomize=True)


def labels(count: int) -> tuple[Label, ...]:
    return tuple(map_label(index, "", Extent(0, 0.1 + index, 0, 9)) for index in range(count))


def order(count: int, size: tuple[int, int], tile="auto", columns=None, image=None, bar=()) -> Order:
    heading = Heading("Feature maps · china.jpg · conv1", ("64 maps", "each tile scaled to its own range"))
    return Order(count, size, tile, columns, heading, labels(count), bar, image)


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (10, 4), (64, 8), (96, 10), (256, 16)]
)
def test_grids_are_a_little_wider_than_high(count, columns):
    assert default_columns(count, (427, 640)) == columns


def test_long_tiles_are_counted_by_the_shape_of_the_grid():
    assert default_columns(40, (200, 5)) > 20
    assert default_columns(40, (5, 400)) < 4


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 64, 256, 2048])
@pytest.mark.parametrize("size", [(427, 640), (7, 7), (55, 55), (3000, 2000), (10, 900)])
@pytest.mark.parametrize("image", [None, (227, 227)])
def test_automatic_sheets_fit(count, size, image):
    grid = lay_out(order(count, size, image=image, bar=("13.2", "0", "-13.2")))
    assert grid.width <= AUTO_LIMIT * 1.02
    assert grid.height <= AUTO_LIMIT * 1.05


@pytest.mark.parametrize(("count", "size"), [(192, (13, 13)), (256, (7, 7)), (2048, (7, 7)), (2048, (427, 640))])
def test_many_tiles_use_the_room_that_their_labels_leave(count, size):
    grid = lay_out(order(count, size))
    assert 0.98 < grid.width / grid.height < 1.5
    assert max(grid.width, grid.height) > 0.8 * AUTO_LIMIT


@pytest.mark.parametrize(("count", "size", "width"), [(1, (160, 224), 390), (1, (100, 70), 390), (2, (200, 300), 656)])
def test_a_narrow_sheet_is_no_wider_than_its_tiles_or_its_title(count, size, width):
    heading = Heading("Feature maps · china.jpg · box", ("1 map of 160 x 224", "scaled to its own range"))
    grid = lay_out(Order(count, size, "full", None, heading))
    margin = grid.measures.margin
    assert grid.width == pytest.approx(width, abs=4)
    tiles = max(box.left + box.width for box in map(grid.box, range(count)))
    words = margin + max(text_width(heading.title, 23), text_width(" · ".join(heading.details), 17))
    assert grid.width - max(tiles, words) == margin


def test_a_long_title_is_shortened_and_does_not_widen_a_sheet_beyond_legibility():
    heading = Heading("Feature maps · " + "a-long-name-of-a-photograph" * 5, ("1 map",))
    assert 690 < lay_out(Order(1, (30, 30), "full", None, heading)).width <= 720


def test_rows_are_as_high_as_what_stands_in_them():
    heading = Heading("Filters", ("3 kernels",))
    grid = lay_out(Order(5, (90, 50), "full", 2, heading, labels(5), heights=(90, 20, 10, 30, 50)))
    boxes = [grid.box(position) for position in range(5)]
    assert [box.height for box in boxes] == [90, 90, 30, 30, 50]
    between = {boxes[2].top - boxes[0].top - 90, boxes[4].top - boxes[2].top - 30}
    assert between == {grid.lettering.height + grid.measures.gap}
    assert grid.height == boxes[4].top + 50 + grid.lettering.height + grid.measures.margin


def test_sixty_four_photographs_fill_the_page():
    grid = lay_out(order(64, (427, 640)))
    assert grid.columns == 8
    assert grid.width > 2300


@pytest.mark.parametrize(("size", "tile"), [((7, 7), 19), ((13, 13), 10), ((27, 27), 5), ((55, 55), 2)])
def test_small_maps_are_enlarged_by_whole_factors(size, tile):
    grid = lay_out(order(64, size))
    assert grid.factor == (tile, tile)
    assert grid.tile == (size[0] * tile, size[1] * tile)


@pytest.mark.parametrize(("count", "size"), [(1, (2000, 2200)), (2, (427, 640)), (4, (600, 1000)), (3, (300, 400))])
def test_one_to_four_maps_stay_at_full_size(count, size):
    assert lay_out(order(count, size)).tile == size


def test_full_keeps_every_pixel_and_text_grows_with_the_sheet():
    grid = lay_out(order(64, (427, 640), tile="full"))
    assert grid.tile == (427, 640)
    assert grid.measures.label >= 13 * grid.width / 1200


def test_a_sheet_that_no_viewer_opens_is_refused_with_the_remedy():
    with pytest.raises(UsageError, match=r"megapixels.*--tile auto.*--limit"):
        lay_out(order(2048, (427, 640), tile="full"))


def test_a_tile_box_is_filled_by_whole_factors_or_reduced_into():
    assert lay_out(order(4, (100, 100), tile=(250, 330))).tile == (200, 200)
    assert lay_out(order(4, (427, 640), tile=(200, 200))).tile == (133, 200)
    assert single_tile((13, 13), "auto") == ((442, 442), (34, 34))
    assert single_tile((427, 640), "full") == ((427, 640), (1, 1))
    assert single_tile((3000, 4800), "auto") == ((1500, 2400), (1, 1))


@SETTINGS
@given(
    st.integers(1, 80),
    st.tuples(st.integers(1, 700), st.integers(1, 700)),
    st.sampled_from([None, (227, 227), (427, 640)]),
    st.sampled_from([(), ("13.2", "0", "-13.2")]),
)
def test_nothing_overlaps_and_nothing_touches_the_edge(count, size, image, bar):
    grid = lay_out(order(count, size, image=image, bar=bar))
    boxes = [grid.box(position) for position in range(count)] + [box for box in (grid.image, grid.bar) if box]
    margin = grid.measures.margin
    for box in boxes:
        assert box.left >= margin
        assert box.top >= margin
        assert box.left + box.width <= grid.width - margin
        assert box.top + box.height <= grid.height - margin
    for one in range(len(boxes)):
        for other in range(one):
            a, b = boxes[one], boxes[other]
            apart = a.left >= b.left + b.width or b.left >= a.left + a.width
            assert apart or a.top >= b.top + b.height or b.top >= a.top + a.height


def test_the_image_takes_the_place_of_tiles_two_rows_high():
    grid = lay_out(order(64, (13, 13), image=(227, 454)))
    assert grid.taken == (2, 4)
    first, below = grid.box(0), grid.box(2 * (grid.columns - 4))
    # Four tiles wide is as much as two rows with the labels between them are high; tiles follow beside and below it.
    assert grid.image.width == pytest.approx(2 * grid.image.height, abs=1)
    assert (first.top, below.left) == (grid.image.top, grid.image.left)
    assert first.left == pytest.approx(grid.image.left + grid.image.width + grid.measures.gap, abs=1)
    assert below.top > grid.image.top + grid.image.height
    row = lay_out(order(3, (13, 13), image=(227, 227)))
    assert row.image.height == row.tile[0]


@pytest.mark.parametrize("columns", [None, 3, 7])
@pytest.mark.parametrize("count", [5, 12, 64, 100])
def test_no_cell_below_the_image_is_empty(count, columns):
    grid = lay_out(order(count, (27, 27), columns=columns, image=(224, 224)))
    used = [grid.box(position) for position in range(count)]
    if count > grid.taken[0] * (grid.columns - grid.taken[1]):
        assert any(box.left == grid.image.left for box in used)
    # Every cell but those of the last row holds a tile or belongs to the image.
    rows = sorted({box.top for box in used})
    for number, top in enumerate(rows[:-1]):
        beside = grid.taken[1] if number < grid.taken[0] else 0
        assert sum(box.top == top for box in used) == grid.columns - beside


@pytest.mark.parametrize(
    ("size", "tile", "factor"),
    [
        ((1, 500), (32, 500), (32, 1)),
        ((500, 1), (500, 32), (1, 32)),
        ((3, 500), (30, 500), (10, 1)),
        ((1, 5000), (32, 2306), (32, 1)),
        ((13, 13), (442, 442), (34, 34)),
    ],
)
def test_a_line_is_drawn_thick_by_a_whole_factor(size, tile, factor):
    grid = lay_out(order(1, size))
    assert (grid.tile, grid.factor) == (tile, factor)
    assert grid.map_size == (min(size[0], tile[0] // factor[0]), min(size[1], tile[1] // factor[1]))


@SETTINGS
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)), min_size=1, max_size=12),
    st.integers(30, 400),
    st.sampled_from(["", "sobel-x", "a-very-long-name-of-a-filter-written-by-hand"]),
)
def test_no_label_is_wider_than_its_tile(ranges, width, name):
    extents = [Extent(low, low + span, 0, 9) for low, span in ranges] + [Extent(0, 0, 0, 9), Extent(2, 2, 0, 9)]
    tiles = [map_label(index, name, extent) for index, extent in enumerate(extents)]
    setting = lettering(tiles, Measures.at(1), width)
    for tile in tiles:
        drawn = Recorder()
        setting.draw(drawn, tile, 0, 0, width)
        assert drawn.right <= width
        assert drawn.texts[0].startswith(tile.index)


class Recorder:
    """Stands in for a page and keeps what is written and how far it reaches."""

    def __init__(self) -> None:
        self.right, self.texts = 0, []

    def write(self, text: str, left: int, top: int, size: int, ink: int = 255) -> None:
        self.texts.append(text)
        self.right = max(self.right, left + text_width(text, size) if text else 0)


def test_labels_say_what_a_tile_is():
    def words(extent: Extent) -> str:
        return map_label(3, "", extent).remarks[0]

    assert words(Extent(0, 4.21, 0, 9)) == "0 to 4.21"
    assert words(Extent(0, 0, 0, 9)) == "silent"
    assert words(Extent(0.12, 0.12, 0, 9)) == "constant 0.12"
    assert words(Extent(0, 0, 9, 9)) == "no finite value"


def test_all_labels_of_a_sheet_are_set_alike():
    # one range needs two lines, so all have two
    tiles = [map_label(0, "", Extent(0, 1, 0, 9)), map_label(1, "", Extent(-123.4, 1, 0, 9))]
    assert lettering(tiles, Measures.at(1), 70).lines == 2
    assert lettering(tiles, Measures.at(1), 300).lines == 1
