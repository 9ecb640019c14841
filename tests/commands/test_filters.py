"""`featuremap filters`, `kernels` and `networks`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.sources.network_names import BUILTIN_NAMES


def test_alexnet_gives_64_color_tiles_of_its_own_weights(featuremap) -> None:
    ran = featuremap("filters", "alexnet:conv1", "--arrays", "-o", "out")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split() == ["out/alexnet-conv1.filters.png", "out/alexnet-conv1.filters.npz"]
    with np.load("out/alexnet-conv1.filters.npz", allow_pickle=False) as arrays:
        assert arrays["filters"].shape == (11, 11, 3, 64)
        assert arrays["bias"].shape == (64,)
        with np.load(BUILTIN["alexnet"].weights_path) as shipped:
            np.testing.assert_array_equal(arrays["filters"], shipped["conv1/kernel"].astype(np.float32))
    with Image.open("out/alexnet-conv1.filters.png") as picture:
        assert picture.text["Command"] == "featuremap filters alexnet:conv1 --arrays"


def test_filters_of_a_network_that_takes_blue_first_are_drawn_in_the_colors_that_they_see(featuremap) -> None:
    words = ("filters", "squeezenet:conv1", "--scale", "-1,1", "--no-labels")
    assert "its first channel is blue" in featuremap(*words, "-o", "seen").err
    assert featuremap(*words, "--preprocess", "unit", "-o", "stored").err == ""
    seen, stored = (np.asarray(Image.open(f"{folder}/squeezenet-conv1.filters.png")) for folder in ("seen", "stored"))
    np.testing.assert_array_equal(seen, stored[..., ::-1])
    assert (seen[..., 0] != seen[..., 2]).any()


def test_arrays_are_filters_that_can_be_read_again(featuremap) -> None:
    featuremap("filters", "sobel-x", "--arrays", "-o", "out")
    for spec, folder in (("sobel-x", "first"), ("out/sobel-x.filters.npz", "second")):
        assert featuremap("convolve", "sample:china", "-k", spec, "--arrays", "-o", folder).code == 0
    first, second = (np.load(f"{folder}/china.maps.npz")["maps"] for folder in ("first", "second"))
    np.testing.assert_array_equal(first, second)


def test_one_sheet_for_each_spec(featuremap) -> None:
    ran = featuremap("filters", "sobel-x", "sharpen=0 -1 0; -1 5 -1; 0 -1 0", "sobel-x:", "-o", "out")
    assert ran.code == 2
    ran = featuremap("filters", "sobel-x", "sharpen=0 -1 0; -1 5 -1; 0 -1 0", "SOBEL-X", "-o", "out")
    assert ran.code == 0
    assert len(set(ran.out.split())) == 3
    assert all(Path(line).is_file() for line in ran.out.splitlines())


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ("alexnet:conv9", 4, "alexnet has no convolution `conv9`; nearest: conv5"),
        ("gone.keras:conv", 4, "gone.keras"),
        ("gone.npy", 2, "gone.npy"),
        ("alexnet", 2, "`alexnet` is a network: expected a layer"),
    ],
)
def test_bad_specs(featuremap, spec: str, code: int, message: str) -> None:
    ran = featuremap("filters", spec)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err


def test_the_half_of_a_separable_layer_is_said_to_be_one(featuremap) -> None:
    import keras

    separable = keras.layers.SeparableConv2D(5, 3, name="apart")
    keras.Sequential([keras.Input((8, 8, 3)), separable]).save("net.h5")
    ran = featuremap("filters", "net.h5:apart", "-o", "out")
    assert "its depthwise filters; net.h5:apart/pointwise gives its 1x1 ones" in ran.err
    with Image.open(ran.out.strip()) as picture:
        assert picture.text["Layer"] == "net.h5:apart (depthwise)"
    assert featuremap("filters", "net.h5:apart", "-o", "out", "--quiet").err == ""
    assert "1x1 ones" not in featuremap("filters", "net.h5:apart/pointwise", "-o", "out").err


def test_kernels_show_each_preset_with_its_matrix(featuremap) -> None:
    listed = json.loads(featuremap("kernels", "--json").out)
    text = featuremap("kernels").out
    wanted = "identity vertical horizontal diagonal box gaussian sharpen unsharp emboss motion prewitt-x prewitt-y "
    wanted += "sobel-x sobel-y scharr-x scharr-y roberts-x roberts-y laplacian log dog gabor kirsch compass"
    by_name = {one["name"]: one for one in listed}
    assert set(wanted.split()) <= set(by_name)
    for one in listed:
        assert one["usage"] in text
        assert one["source"] in text
    sobel = np.array(by_name["sobel-x"]["kernels"][0]["weights"])
    ramp = np.tile(np.arange(5.0), (5, 1))
    assert (sobel * ramp[1:4, 1:4]).sum() == ndimage.sobel(ramp, axis=1)[2, 2]
    assert len(by_name["kirsch"]["kernels"]) == 8


def test_kernels_of_one_spec(featuremap) -> None:
    ran = featuremap("kernels", "box:5")
    assert "1/25 1/25 1/25 1/25 1/25" in ran.out
    assert featuremap("kernels", "nonsense").code == 2
    assert featuremap("kernels", "alexnet:conv1").code == 2


def test_networks_name_license_size_input_and_preprocessing(featuremap) -> None:
    listed = {one["name"]: one for one in json.loads(featuremap("networks", "--json").out)}
    assert set(listed) == set(BUILTIN_NAMES) == set(BUILTIN)
    assert listed["alexnet"]["license"] == "BSD-3-Clause"
    assert listed["alexnet"]["parameters"] == 2_469_696
    assert listed["squeezenet"]["parameters"] == 1_235_496
    assert listed["squeezenet"]["input_shape"] == [227, 227, 3]
    assert "Soumith Chintala" in featuremap("networks", "--notices").out
