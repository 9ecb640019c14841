"""Luminance, RGB and sizes, against Pillow's own conversions, the PyTorch reference's input and arithmetic by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from featuremap_cli.arrays import Image
from featuremap_cli.errors import ImageError, UsageError
from featuremap_cli.sources.images import read_image
from featuremap_cli.sources.locations import sample_path
from featuremap_cli.sources.preparation import Fit, fit, resize, to_gray, to_rgb

sizes = st.integers(1, 40)


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> Image:
    random = np.random.default_rng(seed)
    return Image(random.random((height, width, channels), np.float32), "made.png")


def test_luminance_by_hand() -> None:
    pixels = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.5, 0.5, 0.5]]], np.float32)
    gray = to_gray(Image(pixels, "made.png"))
    np.testing.assert_allclose(gray.pixels[0, :, 0], [0.299, 0.587, 0.114, 1, 0.5], rtol=0, atol=1e-7)
    assert gray.pixels.dtype == np.float32
    assert gray.notes == ("luminance (Rec. 601)",)


def test_luminance_is_pillows_without_its_rounding() -> None:
    with Pillow.open(sample_path("china")) as image:
        levels = np.asarray(image.convert("L"), np.float32)
    assert np.abs(to_gray(read_image("sample:china")).pixels[..., 0] * 255 - levels).max() <= 0.51


def test_gray_stays_gray_and_rgb_stays_rgb() -> None:
    gray, color = picture(3, 4, 1), picture(3, 4, 3)
    assert to_gray(gray) is gray
    assert to_rgb(color) is color


def test_gray_becomes_three_equal_channels() -> None:
    gray = picture(3, 4, 1)
    rgb = to_rgb(gray)
    assert rgb.pixels.shape == (3, 4, 3)
    for channel in range(3):
        assert np.array_equal(rgb.pixels[..., channel], gray.pixels[..., 0])
    assert rgb.notes == ("gray repeated as RGB",)


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_bands_are_not_guessed_to_be_colors(channels: int) -> None:
    with pytest.raises(
        ImageError, match=f"made.png has {channels} channels: expected 1 .gray. or 3 .RGB. for luminance"
    ):
        to_gray(picture(3, 4, channels))
    with pytest.raises(ImageError, match=f"made.png has {channels} channels: expected 1 .gray. or 3 .RGB. for RGB"):
        to_rgb(picture(3, 4, channels))


def test_resizing_by_hand() -> None:
    # Half the size: a triangle of half-width 2 around each result, sampled at distances 0.5 and 1.5: weights 3, 3, 1.
    pixels = np.array([[0, 0, 8, 8]], np.float32)[..., np.newaxis]
    result = resize(Image(pixels, "made.png"), 2, 1).pixels[0, :, 0]
    np.testing.assert_allclose(result, [8 / 7, 48 / 7], rtol=1e-6)


def test_resizing_keeps_values_beyond_0_and_1_and_every_channel() -> None:
    values = np.array([-3, 0.25, 1, 900, 5], np.float32)
    result = resize(Image(np.broadcast_to(values, (9, 7, 5)), "made.png"), 4, 20)
    assert result.pixels.shape == (20, 4, 5)
    np.testing.assert_allclose(result.pixels, np.broadcast_to(values, (20, 4, 5)), rtol=1e-6)
    assert result.notes == ("resized from 7 x 9 to 4 x 20",)


def test_resizing_is_pillows_on_levels() -> None:
    with Pillow.open(sample_path("flower")) as image:
        levels = np.asarray(image.resize((200, 150), Pillow.Resampling.BILINEAR), np.float32)
    assert np.abs(resize(read_image("sample:flower"), 200, 150).pixels * 255 - levels).max() < 1.01


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5)])
@pytest.mark.parametrize("how", ["crop", "stretch", "pad"])
def test_a_size_below_one_is_refused(width: int, height: int, how: Fit) -> None:
    with pytest.raises(
        UsageError, match=f"cannot be {width} x {height} pixels: expected a width and a height of at least 1"
    ):
        fit(picture(3, 4), width, height, how)


def test_the_same_size_is_the_same_picture() -> None:
    image = picture(5, 6)
    assert resize(image, 6, 5) is image
    for how in ("crop", "stretch", "pad"):
        assert fit(image, 6, 5, how) is image


@pytest.mark.parametrize(("size", "key"), [(224, "alexnet_input_rgb"), (227, "squeezenet_input_rgb")])
def test_cropping_gives_the_pixels_the_reference_was_computed_from(size: int, key: str) -> None:
    reference = Path(__file__).parents[1] / "reference" / "alexnet_squeezenet_china.npz"
    with np.load(reference, allow_pickle=False) as arrays:
        expected = arrays[key].astype(np.float32)
    fitted = fit(read_image("sample:china"), size, size, "crop")
    assert np.abs(fitted.pixels * 255 - expected).max() < 1.01
    # Pillow rounds to a level after each of its two passes; this does not.
    assert np.abs(fitted.pixels * 255 - expected).mean() < 0.35
    assert fitted.notes == ("cropped from 640 x 427 to 427 x 427", f"resized from 427 x 427 to {size} x {size}")


def test_a_crop_is_taken_from_the_middle() -> None:
    columns = np.arange(7, dtype=np.float32) * np.ones((2, 1), np.float32)
    image = Image(columns[..., np.newaxis], "made.png")
    assert fit(image, 2, 2, "crop").pixels[0, :, 0].tolist() == [2, 3]
    assert fit(image, 3, 2, "crop").pixels[0, :, 0].tolist() == [2, 3, 4]
    turned = Image(columns.T[..., np.newaxis], "made.png")
    assert fit(turned, 2, 2, "crop").pixels[:, 0, 0].tolist() == [2, 3]


def test_padding_by_hand() -> None:
    image = Image(np.ones((2, 4, 1), np.float32), "made.png")
    padded = fit(image, 4, 5, "pad")
    assert padded.pixels[..., 0].tolist() == [[0] * 4, [1] * 4, [1] * 4, [0] * 4, [0] * 4]
    assert padded.notes == ("padded with black to 4 x 5",)
    assert fit(image, 8, 2, "pad").pixels[0, :, 0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


@given(height=sizes, width=sizes, new_height=sizes, new_width=sizes, how=st.sampled_from(["crop", "stretch", "pad"]))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_size_fits(height: int, width: int, new_height: int, new_width: int, how: Fit) -> None:
    pixels = np.full((height, width, 2), 0.75, np.float32)
    fitted = fit(Image(pixels, "made.png"), new_width, new_height, how).pixels
    assert fitted.shape == (new_height, new_width, 2)
    assert fitted.dtype == np.float32
    assert fitted.flags.c_contiguous
    picture_part = fitted[fitted > 0] if how == "pad" else fitted
    np.testing.assert_allclose(picture_part, 0.75, rtol=1e-5)
    assert picture_part.size > 0


def test_a_large_size_is_made_in_bands_and_comes_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(np.random.default_rng(0).random((37, 53, 2), np.float32), "made.png")
    for width, height in ((41, 29), (130, 211)):
        whole = resize(image, width, height).pixels
        for channel in range(2):
            plane = Pillow.fromarray(image.pixels[..., channel]).resize((width, height), Pillow.Resampling.BILINEAR)
            np.testing.assert_array_equal(whole[..., channel], np.asarray(plane))
        monkeypatch.setattr("featuremap_cli.sources.preparation._BAND_PIXELS", 7 * width)
        np.testing.assert_allclose(resize(image, width, height).pixels, whole, atol=1e-5)
        monkeypatch.undo()
