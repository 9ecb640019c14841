"""`convolve` with a network's filters: they meet pixels as their network prepares them; by Keras and tf.nn."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.applications import imagenet_utils
from PIL import Image

from featuremap_cli.networks.builtin import BUILTIN


@pytest.fixture
def photograph(tmp_path: Path) -> np.ndarray:
    """A picture of noise in `noise.png`, returned as float32 (1, height, width, 3) in [0, 255]."""
    pixels = np.random.default_rng(4).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return pixels[np.newaxis].astype(np.float32)


def maps_of(featuremap, *words: object) -> np.ndarray:
    ran = featuremap("convolve", "noise.png", *words, "--arrays", "-o", "out", "--force")
    assert ran.code == 0, ran.err
    with np.load("out/noise.maps.npz") as arrays:
        return arrays["maps"]


def convolved(pixels: np.ndarray, kernel: np.ndarray, bias: np.ndarray, padding: str = "SAME") -> np.ndarray:
    """(filters, height, width) by tf.nn."""
    return (tf.nn.conv2d(pixels, kernel, 1, padding) + bias).numpy()[0].transpose(2, 0, 1)


@pytest.mark.parametrize("engine", ["numpy", "tensorflow"])
def test_a_network_s_filters_meet_pixels_as_the_network_does(featuremap, photograph: np.ndarray, engine: str) -> None:
    kernel, bias = BUILTIN["alexnet"].layer_weights("conv1")
    prepared = imagenet_utils.preprocess_input(photograph.copy(), mode="torch")
    found = maps_of(featuremap, "-k", "alexnet:conv1", "-k", "box:3", "--engine", engine)
    np.testing.assert_allclose(found[:64], convolved(prepared, kernel, bias), atol=2e-4)
    # A kernel written by hand beside it meets pixels in [0, 1].
    box = convolved(photograph / 255, np.full((3, 3, 3, 1), 1 / 9, np.float32), np.zeros(1, np.float32))
    np.testing.assert_allclose(found[64:], box, atol=1e-5)


@pytest.mark.parametrize(("name", "factor"), [("unit", 1 / 255), ("raw", 1.0)])
def test_another_preprocessing_on_request(featuremap, photograph: np.ndarray, name: str, factor: float) -> None:
    kernel, bias = BUILTIN["alexnet"].layer_weights("conv1")
    found = maps_of(featuremap, "-k", "alexnet:conv1", "--preprocess", name)
    expected = convolved(photograph * factor, kernel, bias)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max() + 1e-5)


def test_blue_comes_first_where_the_network_has_it_so(featuremap, photograph: np.ndarray) -> None:
    kernel, bias = BUILTIN["squeezenet"].layer_weights("conv1")
    bgr = photograph[..., ::-1] - np.array([104.006, 116.669, 122.679], np.float32)
    found = maps_of(featuremap, "-k", "squeezenet:conv1", "--padding", "valid")
    np.testing.assert_allclose(found, convolved(bgr, kernel, bias, "VALID"), atol=2e-3)
    apart = featuremap("anatomy", "noise.png", "-k", "squeezenet:conv1", "--json", "-o", "out")
    assert apart.code == 0
    assert [channel in apart.out for channel in ('"B"', '"G"', '"R"')] == [True] * 3
    assert apart.out.index('"B"') < apart.out.index('"R"')


@pytest.mark.parametrize(
    ("name", "mode"), [("vgg16", "caffe"), ("densenet121", "torch"), ("mobilenet", "tf"), ("other", "unit")]
)
def test_a_file_s_filters_meet_pixels_as_its_name_tells(
    featuremap, photograph: np.ndarray, name: str, mode: str
) -> None:
    model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(4, 3, name="conv")], name=name)
    model.save("net.keras")
    scaled = photograph / 255
    prepared = scaled if mode == "unit" else imagenet_utils.preprocess_input(photograph.copy(), mode=mode)
    found = maps_of(featuremap, "-k", "net.keras:conv")
    np.testing.assert_allclose(found, convolved(prepared, *model.get_layer("conv").get_weights()), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "own",
    [
        lambda: [keras.layers.Rescaling(1 / 255)],
        lambda: [keras.layers.Rescaling(1 / 127.5, -1), keras.layers.ZeroPadding2D(1)],
        lambda: [keras.layers.Normalization(mean=[120.0, 110.0, 90.0], variance=[3000.0, 2500.0, 4000.0])],
    ],
)
def test_behind_a_network_s_own_scaling_filters_meet_what_comes_of_it(featuremap, photograph: np.ndarray, own) -> None:
    scaling = own()
    model = keras.Sequential([keras.Input((12, 12, 3)), *scaling, keras.layers.Conv2D(4, 3, name="conv")])
    model.save("net.keras")
    expected = convolved(scaling[0](photograph).numpy(), *model.get_layer("conv").get_weights())
    np.testing.assert_allclose(maps_of(featuremap, "-k", "net.keras:conv"), expected, atol=1e-3)


def test_caffe_s_preparation_written_into_a_network(featuremap, photograph: np.ndarray) -> None:
    image = keras.Input((12, 12, 3))
    prepared = keras.applications.resnet.preprocess_input(image)
    model = keras.Model(image, keras.layers.Conv2D(4, 3, name="conv")(prepared))
    model.save("net.keras")
    caffe = imagenet_utils.preprocess_input(photograph.copy(), mode="caffe")
    expected = convolved(caffe, *model.get_layer("conv").get_weights())
    np.testing.assert_allclose(maps_of(featuremap, "-k", "net.keras:conv"), expected, rtol=1e-4, atol=1e-2)


def test_it_is_said_on_the_sheet_and_on_stderr(featuremap, photograph: np.ndarray, monkeypatch) -> None:
    titles: list[str] = []
    from featuremap_cli.commands import sheets

    write = sheets.write_maps

    def heard(maps, image, title, *rest):
        titles.append(title)
        return write(maps, image, title, *rest)

    monkeypatch.setattr(sheets, "write_maps", heard)
    ran = featuremap("convolve", "noise.png", "-k", "alexnet:conv1", "-o", "out")
    assert "alexnet's filters meet pixels as alexnet does: torch, RGB in [0, 1]" in ran.err
    asked = featuremap("convolve", "noise.png", "-k", "alexnet:conv1", "-k", "box", "--preprocess", "unit", "-o", "two")
    assert "alexnet:conv1 meets pixels as --preprocess unit makes them" in asked.err
    assert titles == [
        "Feature maps · noise.png · alexnet:conv1 · torch pixels",
        "Feature maps · noise.png · alexnet:conv1, box · unit pixels for alexnet:conv1",
    ]
    with Image.open("two/noise.maps.png") as picture:
        assert "--preprocess unit" in picture.text["Command"]


def test_preprocessing_without_a_network_is_refused(featuremap, photograph: np.ndarray) -> None:
    ran = featuremap("convolve", "noise.png", "-k", "sobel-x", "--preprocess", "torch")
    assert ran.code == 2
    assert "--preprocess torch is for a network's first filters" in ran.err
