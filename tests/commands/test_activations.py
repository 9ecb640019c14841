"""`featuremap activations`: the maps are Keras's own, and AlexNet's are PyTorch's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from featuremap_cli.networks.catalogue import load_in_tensorflow
from featuremap_cli.sources.locations import sample_path

REFERENCE = Path(__file__).parents[1] / "reference" / "alexnet_squeezenet_china.npz"


def maps_of(path: Path | str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["maps"]


@pytest.fixture
def small_model(tmp_path: Path) -> keras.Model:
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.layers.Conv2D(5, 3, name="conv"), keras.layers.ReLU(name="relu")], name="inner")
    image = keras.Input((32, 32, 3))
    hidden = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="stem")(image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D(name="pool")(inner(hidden)))
    model.save(tmp_path / "small.keras")
    return model


def test_alexnet_grows_sparser_with_depth_as_pytorch_has_it(featuremap) -> None:
    ran = featuremap("activations", "sample:china", "-m", "alexnet", "-l", "all", "-o", "out", "--json", "--arrays")
    layers = json.loads(ran.out)["layers"]
    assert ran.code == 0
    assert [layer["layer"] for layer in layers] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    fractions = [layer["zero_fraction"] for layer in layers]
    assert fractions == sorted(fractions)
    with np.load(REFERENCE) as reference:
        for layer, fraction in zip(layers, fractions, strict=True):
            # PyTorch's figures are for pixels rounded to whole levels.
            assert fraction == pytest.approx(reference[f"alexnet_{layer['layer']}_zero_fraction"].mean(), abs=0.01)
            assert layer["silent"] == pytest.approx(
                np.flatnonzero(reference[f"alexnet_{layer['layer']}_max"] == 0).tolist()
            )
    assert maps_of("out/china/001-conv1.npz").shape == (64, 55, 55)


@pytest.mark.parametrize("images", [["sample:china"], ["sample:china", "sample:flower"]], ids=["one", "two"])
@pytest.mark.parametrize("network", ["alexnet", "small.keras"])
def test_the_graph_gives_what_tensorflow_gives(
    featuremap, small_model: keras.Model, monkeypatch: pytest.MonkeyPatch, network: str, images: list[str]
) -> None:
    words = (*images, "-m", network, "-l", "all", "--arrays", "-o")
    graph = featuremap("activations", *words, "graph")
    monkeypatch.setattr("featuremap_cli.networks.catalogue.load_network", load_in_tensorflow)
    own = featuremap("activations", *words, "own")
    assert graph.code == own.code == 0
    assert graph.err.splitlines()[:-1] == own.err.splitlines()[:-1]  # the last line tells the time it took
    assert [file.relative_to("graph") for file in graph.files] == [file.relative_to("own") for file in own.files]
    arrays = [(one, other) for one, other in zip(graph.files, own.files, strict=True) if one.suffix == ".npz"]
    assert arrays
    for one, other in arrays:
        np.testing.assert_allclose(maps_of(one), maps_of(other), rtol=1e-3, atol=1e-4)


def test_nested_layers_and_their_files(featuremap, small_model: keras.Model) -> None:
    ran = featuremap("activations", "sample:china", "-m", "small.keras", "--arrays", "--fit", "stretch", "-o", "out")
    assert ran.code == 0
    assert [path.name for path in ran.files] == [
        "000-stem.png",
        "000-stem.npz",
        "001-inner.conv.png",
        "001-inner.conv.npz",
    ]
    with Image.open("out/china/001-inner.conv.png") as picture:
        assert (
            picture.text["Command"] == "featuremap activations sample:china --model small.keras --fit stretch --arrays"
        )
    with Image.open(sample_path("china")) as china:
        pixels = np.stack(
            [
                np.asarray(Image.fromarray(band.astype(np.float32)).resize((32, 32), Image.Resampling.BILINEAR))
                for band in np.asarray(china, np.float32).transpose(2, 0, 1)
            ],
            axis=-1,
        )
    hidden = small_model.get_layer("stem")(pixels[np.newaxis] / 255)
    expected = np.asarray(small_model.get_layer("inner").get_layer("conv")(hidden))[0].transpose(2, 0, 1)
    np.testing.assert_allclose(maps_of("out/china/001-inner.conv.npz"), expected, atol=1e-5)


def test_before_activation_shows_negative_values(featuremap, small_model: keras.Model) -> None:
    words = ("activations", "sample:china", "-m", "small.keras", "-l", "stem", "--json")
    after = json.loads(featuremap(*words, "-o", "after").out)["layers"][0]
    before = json.loads(featuremap(*words, "--before-activation", "-o", "before").out)["layers"][0]
    assert after["min"] == 0
    assert before["min"] < 0
    assert before["max"] == pytest.approx(after["max"], rel=1e-6)


def test_pictures_do_not_depend_on_the_batch(featuremap, small_model: keras.Model) -> None:
    for number in range(5):
        shutil.copy(sample_path("china" if number % 2 else "flower"), f"photo{number}.jpg")
    for size in (1, 2, 4):
        words = ("-m", "small.keras", "--batch-size", size, "-o", f"out{size}", "-q", "--no-with-image")
        assert featuremap("activations", *sorted(Path.cwd().glob("*.jpg")), *words).code == 0
    pictures = [path.relative_to("out1") for path in Path("out1").rglob("*.png")]
    assert len(pictures) == 10
    for picture in pictures:
        pixels = [np.asarray(Image.open(Path(f"out{size}") / picture)) for size in (1, 2, 4)]
        np.testing.assert_array_equal(pixels[0], pixels[1])
        np.testing.assert_array_equal(pixels[0], pixels[2])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-m", "alexnet", "-l", "conv9"], 4, "no layer `conv9` in alexnet; the nearest are conv5"),
        (["-m", "alexnett"], 4, "no such network: alexnett; did you mean alexnet?"),
        (["-m", "gone.keras"], 4, "no such network: gone.keras"),
        (["-m", "text.keras"], 4, "text.keras"),
        (["-m", "text.h5"], 4, "text.h5"),
        (["-m", "folder"], 4, "expected a SavedModel folder"),
        (["-m", "keras:ResNet5"], 4, "the nearest are keras:ResNet50"),
        (["-m", "alexnet", "--weights", "none"], 2, "--weights is for keras:NAME"),
        (["-m", "alexnet", "--input-size", "x"], 2, "--input-size takes a width and a height"),
        (["-m", "alexnet", "--preprocess", "some"], 2, "'some' is not one of 'auto'"),
        ([], 2, "--model"),
    ],
)
def test_bad_networks_give_one_clear_line(featuremap, words: list[str], code: int, message: str) -> None:
    Path("text.keras").write_text("not a model")
    Path("text.h5").write_text("not a model")
    Path("folder").mkdir()
    ran = featuremap("activations", "sample:china", *words)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err.splitlines()[0]
    assert not Path("featuremaps").exists()
