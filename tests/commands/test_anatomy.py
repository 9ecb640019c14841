"""`featuremap anatomy`: its stages are those of `convolve` and `activations`, its numbers add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from featuremap_cli.sources.locations import sample_path


def arrays_of(path: Path | str) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    keras.utils.set_random_seed(3)
    bias = keras.initializers.RandomNormal(stddev=0.5)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            keras.layers.Conv2D(16, 3, activation="relu", bias_initializer=bias, name="stem"),
            keras.layers.DepthwiseConv2D(3, bias_initializer=bias, name="depth"),
            keras.layers.Conv2D(5, 3, padding="same", activation="relu", bias_initializer=bias, name="last"),
            keras.layers.MaxPooling2D(name="pool"),
        ]
    )
    model.save(tmp_path / "small.keras")
    return tmp_path / "small.keras"


@pytest.mark.parametrize(
    "words",
    [
        ("-k", "alexnet:conv1", "--filter", 5, "--pool", "max:3,2", "--strides", 4),
        ("-k", "prewitt-x", "--gray", "--resize", "90,60", "--border", "reflect", "--bias", "0.25"),
        ("-k", "2 1; 0 -1", "--flip", "--padding", "valid", "--dilation", "2", "--activation", "tanh"),
        ("-k", "box:3", "--depthwise", "--filter", 2, "--engine", "tensorflow"),
        ("-k", "gaussian:5,1", "--transpose", "--strides", "2,1", "--resize", "60,40"),
    ],
    ids=lambda words: words[1],
)
def test_the_last_stage_is_what_convolve_gives(featuremap, words: tuple[Any, ...]) -> None:
    ran = featuremap("anatomy", "sample:china", *words, "--arrays", "-o", "anatomy")
    assert ran.code == 0
    parts = arrays_of(ran.files[1])
    places = words.index("--filter") if "--filter" in words else None
    index = 0 if places is None else int(words[places + 1])
    plain = words if places is None else (*words[:places], *words[places + 2 :])
    convolved = featuremap("convolve", "sample:china", *plain, "--arrays", "-o", "maps")
    expected = arrays_of(next(path for path in convolved.files if path.name == "china.maps.npz"))["maps"][index]
    last = next(parts[stage] for stage in ("pool", "activation", "bias", "sum") if stage in parts)
    np.testing.assert_allclose(last, expected, atol=1e-5, rtol=1e-5)
    whole = parts["products"].sum(axis=0)
    np.testing.assert_allclose(whole, parts["sum"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(whole + parts["bias_value"], parts.get("bias", parts["sum"]), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(("layer", "index"), [("stem", 3), ("depth", 7), ("last", 4)])
def test_the_last_stage_is_what_activations_gives(featuremap, small_model: Path, layer: str, index: int) -> None:
    words = ("sample:flower", "-m", small_model, "-l", layer, "--preprocess", "unit", "--arrays")
    ran = featuremap("anatomy", *words, "--filter", index, "-o", "anatomy", "--channels", "4", "--json")
    assert ran.code == 0
    numbers = json.loads(ran.out)
    recorded = featuremap("activations", *words, "-o", "maps")
    maps = arrays_of(next(path for path in recorded.files if path.suffix == ".npz"))["maps"][index]
    parts = arrays_of(f"anatomy/flower.{layer}.{index}.anatomy.npz")
    last = {"stem": "activation", "depth": "bias", "last": "activation"}[layer]
    np.testing.assert_allclose(parts[last], maps, atol=1e-5)
    assert numbers["stages"][-1]["stage"] == last
    assert numbers["stages"][-1]["max"] == pytest.approx(float(maps.max()), abs=1e-5)
    met = {"stem": (3, None), "depth": (1, None), "last": (4, 12)}[layer]
    assert (len(numbers["channels"]), numbers["rest"] and numbers["rest"]["channels"]) == met
    assert numbers["kernel_shape"][2] == len(parts["products"])
    if layer == "depth":
        assert [channel["channel"] for channel in numbers["channels"]] == [index]


def test_the_numbers_of_a_worked_pixel_add_up(featuremap) -> None:
    ran = featuremap(
        "anatomy", "sample:china", "-m", "alexnet", "-l", "conv3", "--filter", 10, "--at", "6,7", "--json", "-q"
    )
    assert (ran.code, ran.err) == (0, "")
    numbers = json.loads(ran.out)
    at = numbers["at"]
    assert (at["row"], at["column"], at["rows"], at["columns"]) == (6, 7, [5, 6, 7], [6, 7, 8])
    assert len(at["channels"]) == 8
    total = at["rest"] + at["bias"]
    for channel in at["channels"]:
        term = float((np.array(channel["window"]) * np.array(channel["weights"])).sum())
        assert channel["sum"] == pytest.approx(term, abs=1e-6)
        total += term
    assert total == pytest.approx(at["before_activation"], abs=1e-4)
    assert at["value"] == max(at["before_activation"], 0)
    recorded = featuremap("activations", "sample:china", "-m", "alexnet", "-l", "conv3", "--arrays", "-o", "maps")
    maps = arrays_of(next(path for path in recorded.files if path.suffix == ".npz"))["maps"]
    assert at["value"] == pytest.approx(float(maps[10, 6, 7]), abs=1e-4)
    assert numbers["outputs"] == ["featuremaps/china.conv3.10.anatomy.png"]


def test_a_window_of_an_image_is_the_images_own_pixels(featuremap) -> None:
    ran = featuremap("anatomy", "sample:china", "-k", "1 2; 3 4", "--padding", "valid", "--at", "100,200", "--json")
    with Image.open(sample_path("china")) as china:
        expected = np.asarray(china)[100:102, 200:202] / 255
    at = json.loads(ran.out)["at"]
    for channel, term in enumerate(at["channels"]):
        np.testing.assert_allclose(term["window"], expected[..., channel], atol=1e-6)
        assert term["weights"] == [[1, 2], [3, 4]]


def test_the_picture_says_how_it_was_made(featuremap) -> None:
    words = ("sample:china", "-k", "sobel-x", "--filter", 0, "--at", "10,20", "--strides", 2, "--channels", "all")
    ran = featuremap("anatomy", *words)
    with Image.open(ran.files[0]) as picture:
        assert picture.width <= 2400
        text = picture.text
    assert text["Command"] == "featuremap anatomy sample:china -k sobel-x --at 10,20 --channels all --strides 2"
    assert (text["Image"], text["Layer"], text["Filter"], text["Colormap"]) == ("china.jpg", "sobel-x", "0", "RdBu_r")
    limits = json.loads(text["Limits"])
    assert limits["kernels"] == [-2, 2]
    assert limits["input"] == [0, 1]


def test_all_filters_are_put_in_sheets_after_each_stage(featuremap, small_model: Path) -> None:
    kernel = featuremap(
        "anatomy",
        "sample:china",
        "-k",
        "kirsch",
        "--pool",
        "avg",
        "--bias",
        "1",
        "--activation",
        "relu",
        "--all-filters",
        "--arrays",
        "-o",
        "k",
    )
    stages = ["sum", "bias", "activation", "pool"]
    names = [f"china.kirsch.0.anatomy.{stage}.{suffix}" for stage in stages for suffix in ("png", "npz")]
    assert [path.name for path in kernel.files] == ["china.kirsch.0.anatomy.png", "china.kirsch.0.anatomy.npz", *names]
    maps = {stage: arrays_of(f"k/china.kirsch.0.anatomy.{stage}.npz")["maps"] for stage in stages}
    np.testing.assert_allclose(maps["bias"], maps["sum"] + 1, atol=1e-5)
    np.testing.assert_array_equal(maps["activation"], np.maximum(maps["bias"], 0))
    assert maps["pool"].shape == (8, 213, 320)
    layer = featuremap("anatomy", "sample:china", "-m", small_model, "-l", "depth", "--all-filters", "-o", "m")
    assert [path.name for path in layer.files] == [f"china.depth.0.anatomy{part}.png" for part in ("", ".sum", ".bias")]


def test_without_an_activation_the_map_stays_as_it_is(featuremap) -> None:
    def stages(*words: str) -> list[str]:
        ran = featuremap("anatomy", "sample:china", "-k", "sobel-x", "--resize", "40,30", "--json", *words)
        return [stage["stage"] for stage in json.loads(ran.out)["stages"]]

    assert stages() == ["sum"]
    assert stages("--activation", "relu") == ["sum", "activation"]
    assert stages("--bias", "1", "--pool", "max") == ["sum", "bias", "pool"]


def test_a_filter_of_a_file_with_several_sizes_is_found(featuremap, tmp_path: Path) -> None:
    kernels = [{"name": "a", "kernel": [[1]]}, {"name": "b", "kernel": [[0, 0, 0], [0, 2, 0], [0, 0, 0]]}]
    (tmp_path / "two.json").write_text(json.dumps(kernels))
    ran = featuremap("anatomy", "sample:china", "-k", "two.json", "--filter", 1, "--json")
    assert json.loads(ran.out)["name"] == "b"
    missing = featuremap("anatomy", "sample:china", "-k", "two.json", "--filter", 2)
    assert missing.code == 2
    assert "expected 0 to 1, as" in missing.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "-k SPEC"),
        (("-k", "sobel-x", "-m", "alexnet"), 2, "got both"),
        (("-m", "alexnet"), 2, "-l conv1"),
        (("-k", "sobel-x", "-l", "conv1"), 2, "-m"),
        (("-k", "sobel-x", "--fit", "pad"), 2, "--fit is for a network"),
        (("-m", "alexnet", "-l", "conv1", "--strides", "2", "--gray"), 2, "--gray, --strides are for a filter"),
        (("-m", "alexnet", "-l", "conv1", "--activation", "tanh"), 2, "--activation is for a filter"),
        (("-k", "sobel-x", "--sort", "max"), 2, "--sort is for the sheets that --all-filters draws"),
        (("-k", "sobel-x", "--at", "1"), 2, "--at takes a row and a column"),
        (("-k", "sobel-x", "--at", "427,0"), 2, "a row from 0 to 426"),
        (("-k", "sobel-x", "--channels", "none"), 2, "--channels takes"),
        (("-k", "sobel-x", "--filter", "1"), 2, "expected 0 to 0"),
        (("-k", "sobel-x", "--cmap", "nope"), 2, "matplotlib"),
        (("-k", "alexnet:conv2"), 2, "64 channels"),
        (("-k", "sobel-x", "--pool", "max:500"), 2, "--pool"),
        (("-m", "alexnet", "-l", "conv"), 4, "nearest"),
        (("-m", "alexnet", "-l", "pool1"), 4, "expected one of Conv2D"),
        (("-m", "alexnet", "-l", "all"), 4, "expected one; give its path"),
        (("-m", "nothing.keras", "-l", "conv1"), 4, "no such network"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(featuremap, words: tuple[str, ...], code: int, said: str) -> None:
    ran = featuremap("anatomy", "sample:china", *words)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not Path("featuremaps").exists()


def test_one_image_is_expected(featuremap, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / "folder" / name)
    assert featuremap("anatomy", "missing.jpg", "-k", "sobel-x").code == 3
    several = featuremap("anatomy", "folder", "-k", "sobel-x")
    assert several.code == 2
    assert "one image" in several.err
    one = featuremap("anatomy", "folder/a.png", "-k", "sobel-x")
    assert [path.name for path in one.files] == ["a.sobel-x.0.anatomy.png"]
    (tmp_path / "blocked").touch()
    assert featuremap("anatomy", "folder/a.png", "-k", "sobel-x", "-o", "blocked").code == 5


def test_a_network_with_a_broken_weight_is_drawn(featuremap, small_model: Path) -> None:
    model = keras.models.load_model(small_model)
    weights, bias = model.get_layer("stem").get_weights()
    weights[1, 1, 0, 3] = np.nan
    model.get_layer("stem").set_weights([weights, bias])
    model.save("broken.keras")
    words = ("sample:flower", "-m", "broken.keras", "--preprocess", "unit", "--arrays")
    ran = featuremap("anatomy", *words, "-l", "stem", "--filter", 3, "--at", "2,2", "-o", "stem")
    assert ran.code == 0
    parts = arrays_of("stem/flower.stem.3.anatomy.npz")
    assert [bool(np.isnan(product).all()) for product in parts["products"]] == [True, False, False]
    assert featuremap("anatomy", *words, "-l", "last", "-o", "last").code == 0


def test_two_anatomies_of_one_image_are_two_files(featuremap, small_model: Path) -> None:
    for words in (
        ("-k", "kirsch", "--filter", 1),
        ("-k", "kirsch"),
        ("-k", "sobel-x"),
        ("-m", small_model, "-l", "stem"),
    ):
        assert featuremap("anatomy", "sample:china", *words).code == 0
    names = ("kirsch.0", "kirsch.1", "sobel-x.0", "stem.0")
    assert sorted(path.name for path in Path("featuremaps").iterdir()) == [f"china.{one}.anatomy.png" for one in names]


def test_a_layer_of_padding_is_the_convolution_s_padding(featuremap, tmp_path: Path) -> None:
    ran = featuremap("anatomy", "sample:china", "-m", "alexnet", "-l", "conv1", "--arrays", "--json")
    parts = arrays_of("featuremaps/china.conv1.0.anatomy.npz")
    assert json.loads(ran.out)["input_shape"] == [224, 224, 3]
    assert parts["input"].shape == (3, 224, 224)
    assert parts["sum"].shape == (55, 55)
    uneven = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            keras.layers.ZeroPadding2D(((0, 1), (0, 1))),
            keras.layers.Conv2D(4, 3, strides=2, name="conv"),
        ]
    )
    uneven.save("uneven.keras")
    ran = featuremap("anatomy", "sample:china", "-m", "uneven.keras", "-l", "conv", "--json")
    assert json.loads(ran.out)["input_shape"] == [25, 25, 3]
