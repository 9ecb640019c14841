"""The picture of a feature map's anatomy: all its parts are on it, in true colors, and can be read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import colormaps
from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank, Image
from featuremap_cli.convolution.anatomy import MapAnatomy, anatomy_of_filter, choose_parts
from featuremap_cli.convolution.operation import Operation, Pool
from featuremap_cli.convolution.worked_pixel import work_pixel
from featuremap_cli.drawing.anatomy import clipping_words, draw_anatomy
from featuremap_cli.drawing.anatomy_columns import AnatomyPicture, Scales, largest_columns
from featuremap_cli.drawing.canvas import color_canvas
from featuremap_cli.drawing.equation import MARK, TileColumn, small_type
from featuremap_cli.drawing.number_grid import number_texts
from featuremap_cli.drawing.page import Measures
from featuremap_cli.drawing.palette import MISSING_COLOR
from featuremap_cli.drawing.shading import fitted_size, gray_shading, signed_shading
from featuremap_cli.drawing.worked_panel import FramedImage, worked_panel
from featuremap_cli.drawing.worked_terms import equation_parts
from featuremap_cli.errors import UsageError

RNG = np.random.default_rng(8)
MEASURES = Measures.at(2)


def anatomy(channels: int = 3, size: int = 6, kernel: int = 3, pool: Pool | None = None) -> MapAnatomy:
    image = RNG.random((size, size, channels), np.float32)
    weights = RNG.standard_normal((kernel, kernel, channels, 1)).astype(np.float32)
    bank = FilterBank(weights, ("",), np.array([0.5], np.float32), "mine")
    return anatomy_of_filter(image, bank, 0, Operation(activation="relu", pool=pool))


def picture_of(made: MapAnatomy, most: int | None = 8, at: tuple[int, int] | None = None) -> AnatomyPicture:
    worked = None if at is None else work_pixel(made, *at)
    framed = FramedImage(Image(made.pixels[..., :1], "noise.png"), worked.span, "seen") if worked else None
    return AnatomyPicture(made, choose_parts(made, most, at), "Anatomy · noise.png", worked=worked, framed=framed)


def page_of(picture: AnatomyPicture) -> NDArray[np.uint8]:
    return np.asarray(draw_anatomy(picture).picture)


def colored(values: NDArray[np.float32], greatest: float, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Values in matplotlib's own colors, from -greatest to greatest, each a block of pixels."""
    levels = np.clip(np.floor((values + greatest) / (2 * greatest) * 254 + 0.5), 0, 254)
    colors = np.rint(colormaps["RdBu_r"](levels / 254)[..., :3] * 255).astype(np.uint8)
    return colors.repeat(size[0] // values.shape[0], axis=0).repeat(size[1] // values.shape[1], axis=1)


def holds(page: NDArray[np.uint8], tile: NDArray[np.uint8]) -> bool:
    """Whether a tile is somewhere on a page, pixel for pixel."""
    wanted, width = tile[0].tobytes(), tile.shape[1]
    for top in range(len(page) - len(tile) + 1):
        start = page[top].tobytes().find(wanted)
        if start >= 0 and start % 3 == 0:
            left = start // 3
            if np.array_equal(page[top : top + len(tile), left : left + width], tile):
                return True
    return False


@pytest.mark.parametrize("channels", [1, 3, 12])
def test_every_part_is_on_the_page_in_its_true_colors(channels: int) -> None:
    picture = picture_of(anatomy(channels, pool=Pool("max")), most=4)
    page = page_of(picture)
    limits = json.loads(draw_anatomy(picture).text["Limits"])
    columns, _ = largest_columns(picture, Scales.of(picture), MEASURES, 2304)
    tiles = {column.caption: column for column in columns if isinstance(column, TileColumn)}
    size = tiles["products" if channels > 1 else "product"].tiles[0].size
    made, parts = picture.anatomy, picture.parts
    for position in parts.shown:
        assert holds(page, colored(made.products[position], limits["products"][1], size))
    assert (parts.rest is not None) == (channels == 12)
    for stage in made.stages[channels == 1 :]:
        final = stage.kind in ("activation", "pool")
        factor = tiles[{"sum": "sum", "bias": "plus bias", "activation": "after ReLU", "pool": "pooled"}[stage.kind]]
        tile = colored(stage.values, limits["result" if final else "sum"][1], factor.tiles[0].size)
        assert holds(page, tile), stage.kind


def test_the_bar_of_what_relu_leaves_begins_at_zero() -> None:
    scales = Scales.of(picture_of(anatomy(3, pool=Pool("max"))))
    assert scales.final.marks == (0.0, scales.final.high)
    assert len(scales.linear.marks) == 3
    at, _, text = scales.final.places(200, 12)[0]
    assert (at, float(text)) == (0, 0.0)
    # Its first color is the one that zero has in the maps.
    zero = scales.final.paint(np.zeros((1, 1), np.float32))[0, 0]
    canvas = color_canvas(240, 60)
    scales.final.draw_bar(canvas, 10, 10, (20, 200), 12, 1)
    np.testing.assert_array_equal(np.asarray(canvas.picture().convert("RGB"))[20, 10], zero)


def test_the_rest_is_on_the_page_and_said() -> None:
    picture = picture_of(anatomy(12), most=4)
    scales = Scales.of(picture)
    assert picture.parts.rest is not None
    columns, _ = largest_columns(picture, scales, MEASURES, 2304)
    products = next(column for column in columns if isinstance(column, TileColumn) and column.caption == "products")
    assert len(products.tiles) == 5
    greatest = (scales.linear if scales.large_rest else scales.product).high
    assert holds(page_of(picture), colored(picture.parts.rest, greatest, products.tiles[-1].size))


def test_maps_of_one_size_have_one_size_on_the_page() -> None:
    picture = picture_of(anatomy(5, pool=Pool("max")))
    columns, _ = largest_columns(picture, Scales.of(picture), MEASURES, 2304)
    sizes: dict[tuple[int, ...], set[tuple[int, int]]] = {}
    for column in columns:
        for tile in column.tiles if isinstance(column, TileColumn) and column.caption != "kernels" else ():
            sizes.setdefault(tile.values.shape, set()).add(tile.size)
    assert {shape: len(found) for shape, found in sizes.items()} == {(6, 6): 1, (3, 3): 1}


@pytest.mark.parametrize(
    ("channels", "size", "kernel", "at"),
    [(1, 40, 3, None), (3, 300, 11, (20, 30)), (64, 13, 3, (0, 0)), (3, 9, 3, (4, 4)), (2, 50, 25, (10, 10))],
)
def test_type_is_legible_and_nothing_touches_the_edge(
    channels: int, size: int, kernel: int, at: tuple[int, int] | None
) -> None:
    page = page_of(picture_of(anatomy(channels, size, kernel, Pool("max", (3, 3), (2, 2))), at=at))
    assert small_type(MEASURES) * 1200 / page.shape[1] >= 13
    margin = 24
    for edge in (page[:margin], page[-margin:], page[:, :margin], page[:, -margin:]):
        assert (edge == 255).all()


def test_the_window_is_framed_only_where_a_value_is_worked_out() -> None:
    made = anatomy(3)
    marked = (page_of(picture_of(made, at=(2, 2))) == MARK).all(axis=-1)
    assert marked.any()
    assert not (page_of(picture_of(made)) == MARK).all(axis=-1).any()


def test_the_sum_is_written_out() -> None:
    image = np.array([[[1, 10], [2, 20]], [[3, 30], [4, 40]]], np.float32)
    weights = np.array([[[1, 2], [0, 1]], [[0, 0], [1, -1]]], np.float32)[..., np.newaxis]
    bank = FilterBank(weights, ("",), np.array([-100], np.float32), "by hand")
    made = anatomy_of_filter(image, bank, 0, Operation(padding="valid", activation="relu"))
    worked = work_pixel(made, 0, 0)
    parts = choose_parts(made, None)
    assert equation_parts(made, parts, worked) == ("5.0", "+ 0", "- 100.0 (bias)", "= -95.0,", "ReLU(-95.0) = 0")
    panel = worked_panel(
        made, parts, worked, (gray_shading([image]), signed_shading([weights], "gray")), None, MEASURES, 2304
    )
    first, second = panel.terms
    assert (first.window.texts, first.kernel.texts) == ((("1", "2"), ("3", "4")), (("1", "0"), ("0", "1")))
    assert (second.window.texts, second.kernel.texts) == ((("10", "20"), ("30", "40")), (("2", "1"), ("0", "-1")))
    assert (first.result, second.result) == ("5.0", "0")


def test_the_others_are_a_term_of_the_sum() -> None:
    made = anatomy(12)
    worked = work_pixel(made, 3, 3)
    parts = choose_parts(made, 3, (3, 3))
    words = equation_parts(made, parts, worked)
    assert words[3].endswith(" (the other 9 channels)")
    numbers = [float(part.split("(")[0].replace(" ", "").rstrip(",=")) for part in words[:5]]
    assert sum(numbers) == pytest.approx(worked.before, abs=0.01)


def test_windows_too_large_for_numbers_are_colors_and_it_is_said() -> None:
    picture = picture_of(anatomy(3, 60, 30), at=(30, 30))
    assert picture.worked is not None
    shadings = gray_shading([picture.anatomy.pixels]), signed_shading([picture.anatomy.met.weights], "gray")
    panel = worked_panel(picture.anatomy, picture.parts, picture.worked, shadings, picture.framed, MEASURES, 2304)
    assert "--json" in panel.note
    assert all(term.window.size == 0 for term in panel.terms)
    assert panel.fits


def test_a_value_that_no_pixel_reaches_is_drawn() -> None:
    bank = FilterBank(np.ones((1, 1, 3, 1), np.float32), ("",), np.zeros(1, np.float32), "one")
    made = anatomy_of_filter(RNG.random((4, 4, 3), np.float32), bank, 0, Operation(transpose=True, strides=(3, 3)))
    page_of(picture_of(made, at=(1, 1)))


def test_more_channels_than_a_picture_holds_are_refused() -> None:
    with pytest.raises(UsageError, match="--channels"):
        draw_anatomy(picture_of(anatomy(1500, 3, 1), most=None))


def test_a_symmetric_scale_has_zero_in_the_middle_and_missing_values_their_own_color() -> None:
    shading = signed_shading([np.array([[-1.0, 4.0]], np.float32)], "RdBu_r")
    colors = shading.paint(np.array([[-4, 0, 4, np.nan, 99]], np.float32))[0]
    expected = np.rint(colormaps["RdBu_r"]([0.0, 0.5, 1.0])[:, :3] * 255)
    np.testing.assert_array_equal(colors[:3], expected)
    assert tuple(colors[3]) == MISSING_COLOR
    np.testing.assert_array_equal(colors[4], expected[2])
    assert (shading.low, shading.high, shading.clipped) == (-4.0, 4.0, 0.0)


def test_few_values_far_above_the_others_are_clipped_and_counted() -> None:
    values = np.linspace(-1, 1, 2000, dtype=np.float32).reshape(40, 50)
    values[0, :4] = 100
    clipping = signed_shading([values], "gray", clip=True)
    assert 0.9 < clipping.high <= 1.1
    assert clipping.clipped == pytest.approx(np.mean(np.abs(values) > clipping.high))
    assert 0 < clipping.clipped < 0.01
    assert signed_shading([values], "gray").high == 100


@given(st.tuples(st.integers(1, 900), st.integers(1, 900)), st.tuples(st.integers(1, 300), st.integers(1, 300)))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_map_fits_its_box_sharp_or_smaller(size: tuple[int, int], box: tuple[int, int]) -> None:
    height, width = fitted_size(size, box)
    assert 1 <= height <= max(box[0], 1)
    assert 1 <= width <= max(box[1], 1)
    if height > size[0]:
        assert height % size[0] == 0
        assert width * size[0] == height * size[1]
    painted = gray_shading([np.ones((1, 1), np.float32)]).picture(np.zeros(size, np.float32), (height, width))
    assert painted.shape == (height, width, 3)


def test_numbers_have_one_form_in_all_cells() -> None:
    ints = [np.array([[1.0, -2.0]]), np.array([[0.0, 0.5]])]
    assert number_texts(ints, 3) == [(("1", "-2"),), (("0", "0.5"),)]
    assert number_texts([np.array([[0.1, -2.25]], np.float32)], 3) == [(("0.1", "-2.25"),)]
    long = [np.array([[0.123456, -0.00001]]), np.array([[0.0, -0.98765]])]
    assert number_texts(long, 2) == [(("0.12", "0.00"),), (("0", "-0.99"),)]


def broken(lost: float) -> MapAnatomy:
    """An anatomy whose second channel has a weight that is not finite."""
    weights = RNG.standard_normal((3, 3, 3, 1)).astype(np.float32)
    weights[1, 1, 1] = lost
    bank = FilterBank(weights, ("",), np.array([0.5], np.float32), "broken")
    return anatomy_of_filter(RNG.uniform(0.1, 1, (6, 6, 3)).astype(np.float32), bank, 0, Operation(activation="relu"))


def test_what_is_not_finite_is_said_in_cells_and_sums() -> None:
    cells = [np.array([[0.123456, np.nan]]), np.array([[np.inf, -np.inf]])]
    assert number_texts(cells, 2) == [(("0.12", "NaN"),), (("inf", "-inf"),)]
    assert number_texts([np.array([[np.nan, 2.0]])], 2) == [(("NaN", "2"),)]
    made = broken(np.nan)
    words = equation_parts(made, choose_parts(made, None), work_pixel(made, 2, 2))
    assert (words[1], words[-1]) == ("+ NaN", "ReLU(NaN) = NaN")


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_a_network_with_values_that_are_not_finite_is_drawn(lost: float) -> None:
    picture = picture_of(broken(lost), at=(2, 2))
    page = page_of(picture)
    columns, _ = largest_columns(picture, Scales.of(picture), MEASURES, 2304)
    tiles = {column.caption: column for column in columns if isinstance(column, TileColumn)}
    size = tiles["sum"].tiles[0].size
    # of -inf, ReLU leaves 0, and that has the same scale
    assert tiles["sum"].shading.texts == (("0",) if lost == -np.inf else ("NaN",))
    assert "NaN" not in "".join(tiles["products"].shading.texts)
    pink = (page == MISSING_COLOR).all(axis=-1)
    # a product, the sum, the same after the bias and, but for -inf, after ReLU
    assert np.count_nonzero(pink) > (3 if lost < 0 else 4) * 0.95 * size[0] * size[1]


def test_the_zero_of_a_bar_is_left_out_where_it_would_touch_an_end() -> None:
    def texts(low: float, high: float) -> list[str]:
        return [text for _, _, text in gray_shading([np.array([[low, high]], np.float32)]).places(400, 26)]

    assert texts(-0.103, 2.5) == ["-0.10", "2.50"]
    assert texts(-2.5, 0.103) == ["-2.50", "0.10"]
    assert texts(-2.5, 2.0) == ["-2.50", "0", "2.00"]


def test_a_silent_map_is_marked_and_its_bar_is_zero_in_one_color() -> None:
    image = RNG.random((6, 6, 2), np.float32)
    bank = FilterBank(np.zeros((3, 3, 2, 1), np.float32), ("",), np.zeros(1, np.float32), "dead")
    made = anatomy_of_filter(image, bank, 0, Operation(activation="relu"))
    shading = signed_shading([stage.values for stage in made.stages], "RdBu_r", clip=True)
    assert (shading.texts, shading.low, shading.high) == (("0",), 0.0, 0.0)
    page = page_of(picture_of(made))
    middle = np.rint(np.array(colormaps["RdBu_r"](0.5)[:3]) * 255)
    canvas = color_canvas(300, 80)
    shading.draw_bar(canvas, 20, 10, (20, 200), 26, 1)
    assert (canvas.pixels[10:30, 20:220] == middle).all()
    columns, _ = largest_columns(picture_of(made), Scales.of(picture_of(made)), MEASURES, 2304)
    tile = next(column for column in columns if isinstance(column, TileColumn) and column.caption == "sum").tiles[0]
    assert not holds(page, colored(np.zeros((6, 6), np.float32), 1.0, tile.size))


def test_the_largest_share_beyond_a_bar_is_that_of_one_map_and_rounded_up() -> None:
    many, few = np.full((2, 40, 50), 0.5, np.float32)
    many[0, :21], few[0, :1] = 100, 100
    pooled = np.full((10, 10), 0.5, np.float32)
    pooled[0, :2] = 100
    shading = signed_shading([few, few, few, few, pooled], "gray", clip=True)
    assert shading.clipped == pytest.approx(0.02)
    assert signed_shading([few, few, few, few, few, many], "gray", clip=True).clipped == pytest.approx(0.0105)


def test_the_heading_says_the_largest_share_beyond_a_bar_and_not_less() -> None:
    values = np.full((60, 60, 1), 0.5, np.float32)
    values[::40, ::40] = 100
    bank = FilterBank(np.ones((1, 1, 1, 1), np.float32), ("",), np.zeros(1, np.float32), "one")
    made = anatomy_of_filter(values, bank, 0, Operation(activation="relu", pool=Pool("max")))
    scales = Scales.of(picture_of(made))
    shares = [np.mean(np.abs(stage.values) > scales.of_stage(stage).high) for stage in made.stages]
    assert scales.clipped == pytest.approx(max(shares))
    # 4 pixels of 30 x 30 are 0.444...%
    assert clipping_words(scales) == "at most 0.45% of a map's values are beyond its bar's ends"
