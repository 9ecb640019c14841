from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from featuremap_cli.drawing import png
from featuremap_cli.drawing.page import Sheet
from featuremap_cli.drawing.png import encode

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


def decoded(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@SETTINGS
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)), st.integers(0, 2**32 - 1))
def test_indexed_pictures_come_back_as_they_were(indices, seed):
    palette = np.random.default_rng(seed).integers(0, 256, (256, 3), np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    back = decoded(encode(picture, {}))
    assert back.mode == "P"
    assert np.array_equal(np.asarray(back.convert("RGB")), palette[indices])


@SETTINGS
@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 40), st.just(3))))
def test_color_pictures_come_back_as_they_were(colors):
    back = decoded(encode(Image.fromarray(colors), {}))
    assert np.array_equal(np.asarray(back.convert("RGB")), colors)


def test_few_colors_are_indexed_and_many_are_not():
    few = np.random.default_rng(0).integers(0, 6, (30, 40, 3), np.uint8) * 40
    many = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    assert decoded(encode(Image.fromarray(few), {})).mode == "P"
    assert decoded(encode(Image.fromarray(many), {})).mode == "RGB"


@pytest.mark.parametrize("has_isal", [True, False])
def test_blocks_of_rows_join_without_a_seam(has_isal, monkeypatch):
    if not has_isal:
        monkeypatch.setattr(png, "isal_zlib", None)
    assert (png.isal_zlib is not None) == has_isal
    tall = np.random.default_rng(1).integers(0, 256, (3000, 1100), np.uint8)
    assert np.array_equal(np.asarray(decoded(encode(Image.fromarray(tall), {}))), tall)


def test_gray_pictures_and_those_of_other_modes():
    gray = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert np.array_equal(np.asarray(decoded(encode(gray, {}))), np.asarray(gray))
    assert decoded(encode(gray.convert("RGBA"), {})).size == (4, 3)


@pytest.mark.parametrize("text", ["0 to 4.21", "Größe ±1", "日本.jpg · conv1", "two\nlines", "x" * 10_000])
def test_text_is_found_again(text):
    gray = Image.new("L", (2, 2))
    assert decoded(encode(gray, {"Limits": text, "Software": "featuremap"})).text == {
        "Limits": text,
        "Software": "featuremap",
    }


def test_a_sheet_brings_its_own_text():
    sheet = Sheet(Image.new("L", (2, 2)), {"Scale": "map", "Shown": "2 of 2"})
    assert decoded(encode(sheet, {"Shown": "overruled"})).text == {"Scale": "map", "Shown": "overruled"}


def test_enlarged_maps_take_less_than_pillow_makes_of_them():
    maps = np.random.default_rng(2).integers(0, 239, (60, 60), np.uint8)
    picture = Image.fromarray(np.kron(maps, np.ones((10, 10), np.uint8)))
    usual = io.BytesIO()
    picture.save(usual, "png", compress_level=1)
    assert len(encode(picture, {})) < len(usual.getvalue())
