"""Images as networks take them, against keras.applications and against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from keras.applications import imagenet_utils

from featuremap_cli.arrays import Image
from featuremap_cli.errors import ImageError, NetworkError, UsageError
from featuremap_cli.networks.image_input import ImageInput, NetworkInput, find_image_input
from featuremap_cli.networks.input import PREPROCESSING, prepare_image

RNG = np.random.default_rng(3)


def image(height: int, width: int, channels: int) -> Image:
    return Image(RNG.random((height, width, channels), np.float32), "picture.png")


def target(height: int | None, width: int | None, channels: int | None) -> ImageInput:
    return ImageInput(0, "image", height, width, channels)


@pytest.mark.parametrize("name", ["caffe", "tf", "torch"])
def test_named_preprocessings_are_those_of_keras(name: str) -> None:
    picture = image(6, 5, 3)
    prepared = prepare_image(picture, target(6, 5, 3), PREPROCESSING[name])
    expected = imagenet_utils.preprocess_input(picture.pixels[np.newaxis] * 255, mode=name)
    np.testing.assert_allclose(prepared.array, expected, atol=2e-5, rtol=1e-5)
    np.testing.assert_array_equal(prepared.picture.pixels, picture.pixels)


def test_unit_and_raw() -> None:
    picture = image(4, 4, 3)
    np.testing.assert_array_equal(
        prepare_image(picture, target(4, 4, 3), PREPROCESSING["unit"]).array[0], picture.pixels
    )
    for name in ("raw", "inside"):
        array = prepare_image(picture, target(4, 4, 3), PREPROCESSING[name]).array
        np.testing.assert_allclose(array[0], picture.pixels * 255, rtol=1e-6)
        assert array.dtype == np.float32


def test_the_image_s_pixels_are_not_written_to() -> None:
    picture = image(4, 4, 3)
    before = picture.pixels.copy()
    prepare_image(picture, target(4, 4, 3), PREPROCESSING["caffe"])
    np.testing.assert_array_equal(picture.pixels, before)


def test_a_network_of_free_size_takes_the_image_at_its_own() -> None:
    prepared = prepare_image(image(7, 11, 3), target(None, None, 3), PREPROCESSING["unit"])
    assert prepared.array.shape == (1, 7, 11, 3)
    assert prepared.notes == ()


def test_crop_is_the_center_square_and_says_so() -> None:
    pixels = np.zeros((4, 8, 3), np.float32)
    pixels[:, 2:6] = 1
    prepared = prepare_image(Image(pixels, "bar.png"), target(4, 4, 3), PREPROCESSING["unit"])
    np.testing.assert_array_equal(prepared.array, np.ones((1, 4, 4, 3)))
    assert prepared.notes == ("cropped from 8 x 4 to 4 x 4",)


def test_notes_of_reading_stay_with_the_picture_alone() -> None:
    read = Image(image(4, 8, 3).pixels, "bar.png", notes=("alpha composited over white",))
    prepared = prepare_image(read, target(4, 4, 3), PREPROCESSING["unit"], "stretch")
    assert prepared.notes == ("resized from 8 x 4 to 4 x 4",)
    assert prepared.picture.notes == ("alpha composited over white", "resized from 8 x 4 to 4 x 4")


def test_a_gray_network_takes_luminance() -> None:
    picture = image(3, 3, 3)
    prepared = prepare_image(picture, target(3, 3, 1), PREPROCESSING["tf"])
    luminance = picture.pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(prepared.array[0, ..., 0], luminance * 2 - 1, atol=1e-6)
    assert prepared.picture.channels == 1


def test_a_color_network_takes_gray_images() -> None:
    picture = image(3, 3, 1)
    prepared = prepare_image(picture, target(3, 3, 3), PREPROCESSING["unit"])
    np.testing.assert_array_equal(prepared.array[0], np.repeat(picture.pixels, 3, axis=2))


def test_a_network_of_many_channels_takes_images_of_as_many() -> None:
    picture = image(3, 3, 5)
    np.testing.assert_array_equal(
        prepare_image(picture, target(3, 3, 5), PREPROCESSING["unit"]).array[0], picture.pixels
    )
    with pytest.raises(ImageError, match=r"picture\.png has 3 channels, and the network takes 5"):
        prepare_image(image(3, 3, 3), target(3, 3, 5), PREPROCESSING["unit"])


@pytest.mark.parametrize("name", ["torch", "caffe"])
def test_preprocessing_for_color_is_refused_where_there_is_none(name: str) -> None:
    with pytest.raises(UsageError, match="--preprocess unit, raw or tf"):
        prepare_image(image(3, 3, 3), target(3, 3, 1), PREPROCESSING[name])


@pytest.mark.parametrize(
    ("shapes", "channels_first", "position", "size"),
    [
        ([(None, 10), (None, 32, 24, 3)], False, 1, (32, 24, 3)),
        ([(None, 7, 7, 512), (None, 32, 24, 1)], False, 1, (32, 24, 1)),
        ([(None, 8, 8, 3), (None, 32, 24, 3)], False, 0, (8, 8, 3)),
        ([(None, None, None, 13)], False, 0, (None, None, 13)),
        ([(None, 3, 32, 24)], True, 0, (32, 24, 3)),
    ],
)
def test_the_image_shaped_input_is_found(shapes, channels_first, position, size) -> None:
    inputs = [NetworkInput(f"in{place}", shape, "float32") for place, shape in enumerate(shapes)]
    found = find_image_input(inputs, "net", channels_first=channels_first)
    assert (found.position, (found.height, found.width, found.channels)) == (position, size)
    assert found.shape == shapes[position]


def test_without_an_image_shaped_input_the_inputs_are_named() -> None:
    with pytest.raises(NetworkError, match=r"net has no input for an image: .* `tokens` \(any, 128\)"):
        find_image_input([NetworkInput("tokens", (None, 128), "int32")], "net")
