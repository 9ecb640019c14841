"""`featuremap layers`: tables of real networks, and fields drawn on an image."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from featuremap_cli.networks.startup import keras

Run = Any


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small network: two convolutions, a pool, a dense layer, and one layer that is not known."""
    image = keras.Input((16, 12, 3))
    tensor = keras.layers.Conv2D(4, 3, padding="same", name="first")(image)
    tensor = keras.layers.MaxPooling2D(name="pool")(tensor)
    tensor = keras.layers.Conv2D(8, 3, name="second")(tensor)
    head = keras.layers.Dense(5, name="head")(keras.layers.Flatten(name="flat")(tensor))
    strange = keras.layers.Permute((2, 1, 3), name="turned")(tensor)
    path = tmp_path / "small.keras"
    keras.Model(image, [head, strange]).save(path)
    return path


def test_convolutions_and_pools_are_listed_and_totals_are_of_all(featuremap: Run, model: Path) -> None:
    ran = featuremap("layers", model)
    assert ran.code == 0
    listed = [line.split()[1] for line in ran.out.splitlines() if line[:2].strip().isdigit()]
    assert listed == ["first", "pool", "second"]
    assert "Total of 6 layers, 3 shown, input 16x12x3, float32:" in ran.out
    parameters = keras.models.load_model(model).count_params()
    assert f"{parameters:,}" in ran.out
    assert "turned (Permute)" in ran.err


def test_layers_are_chosen(featuremap: Run, model: Path) -> None:
    def paths(*words: str) -> list[str]:
        return [row["path"] for row in json.loads(featuremap("layers", model, "--json", *words).out)["layers"]]

    assert paths() == ["first", "pool", "second"]
    assert paths("-l", "head", "-l", "0") == ["first", "head"]
    assert paths("-l", "all") == ["first", "second"]
    assert paths("-l", "all-layers") == ["first", "pool", "second", "flat", "turned", "head"]
    wrong = featuremap("layers", model, "-l", "secnd")
    assert wrong.code == 4
    assert "second" in wrong.err


def test_json_and_csv_agree(featuremap: Run, model: Path) -> None:
    said = json.loads(featuremap("layers", model, "--json", "-l", "all-layers", "--batch-size", 3).out)
    rows = list(csv.DictReader(io.StringIO(featuremap("layers", model, "--csv", "-l", "all-layers").out)))
    assert [row["parameters"] for row in rows] == [str(layer["parameters"]) for layer in said["layers"]]
    assert [layer["output_bytes"] for layer in said["layers"]] == [
        3 * 4 * int(row["output_height"]) * int(row["output_width"]) * int(row["output_channels"]) for row in rows
    ]
    turned = said["layers"][4]
    assert turned["unknown"]
    assert turned["receptive_field"] is None
    assert rows[4]["receptive_field_height"] == ""
    second = said["layers"][2]
    assert (second["receptive_field"], second["receptive_stride"], second["receptive_offset"]) == (
        [8, 8],
        [2, 2],
        [2.5, 2.5],
    )
    head = said["layers"][5]
    assert (head["receptive_field"], head["receptive_offset"]) == ([16, 12], [7.5, 5.5])


def test_vgg16_from_the_command_line(featuremap: Run) -> None:
    said = json.loads(featuremap("layers", "keras:VGG16", "--weights", "none", "--json").out)
    assert said["totals"]["parameters"] == 138_357_544
    assert round(said["totals"]["macs"] / 1e9, 1) == 15.5
    assert next(row for row in said["layers"] if row["path"] == "block5_pool")["receptive_field"] == [212, 212]


def test_built_in_networks(featuremap: Run) -> None:
    said = json.loads(featuremap("layers", "squeezenet", "--json").out)
    assert said["totals"]["parameters"] == 1_235_496
    assert said["input_shape"] == [227, 227, 3]


def test_a_network_of_free_size_is_taken_at_224_and_says_so(featuremap: Run, tmp_path: Path) -> None:
    free = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3, name="conv")])
    free.save(tmp_path / "free.keras")
    ran = featuremap("layers", "free.keras", "--json")
    assert json.loads(ran.out)["layers"][0]["output_shape"] == [222, 222, 2]
    assert json.loads(ran.out)["totals"]["macs"] == 222 * 222 * 2 * 27
    line = "free.keras takes images of any size, and is taken at 224 x 224 pixels"
    assert line in ran.err
    ran = featuremap("layers", "free.keras", "--input-size", "40,30", "--json")
    assert json.loads(ran.out)["layers"][0]["output_shape"] == [28, 38, 2]
    assert line not in ran.err
    ran = featuremap("layers", "free.keras", "--show", "sample:china")
    assert (ran.code, line in ran.err) == (0, False)


@pytest.mark.parametrize("kind", ["half free", "not known", "SavedModel", "ONNX"])
def test_every_kind_of_network_of_free_size(featuremap: Run, tmp_path: Path, kind: str) -> None:
    """One side free, run by TensorFlow, and the files of others: a 3 x 3 window leaves two pixels less."""
    size = (30, None) if kind == "half free" else (None, None)
    more = [keras.layers.UnitNormalization()] if kind == "not known" else []
    free = keras.Sequential([keras.Input((*size, 3)), *more, keras.layers.Conv2D(2, 3, name="conv")])
    path = tmp_path / {"SavedModel": "saved", "ONNX": "free.onnx"}.get(kind, "free.keras")
    if kind == "SavedModel":
        free.export(path, verbose=False)
    elif kind == "ONNX":
        node = helper.make_node("Conv", ["image", "w"], ["out"], name="conv")
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (None, channels, None, None))
            for name, channels in (("image", 3), ("out", 2))
        ]
        weights = numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")
        graph = helper.make_graph([node], "net", ends[:1], ends[1:], [weights])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    else:
        free.save(path)
    ran = featuremap("layers", path, "--json")
    height = 28 if kind == "half free" else 222
    shape = None if kind == "SavedModel" else [height, 222, 2]  # a graph's layers do not say it
    assert next(row["output_shape"] for row in json.loads(ran.out)["layers"] if row["path"] == "conv") == shape
    assert f"taken at 224 x {height + 2} pixels" in ran.err


def test_fields_are_framed_on_the_image(featuremap: Run, model: Path, tmp_path: Path) -> None:
    """White pixels stay white where they are seen, and are dark elsewhere: position 2, 1 of `second`, by hand."""
    Image.fromarray(np.full((16, 12, 3), 255, np.uint8)).save(tmp_path / "white.png")
    ran = featuremap("layers", model, "-l", "second", "--show", "white.png", "--at", "2,1", "-o", "out")
    assert ran.out == "out/white.fields.png\n"
    picture = Image.open(tmp_path / "out" / "white.fields.png")
    assert picture.text["Layer"] == "second"
    assert picture.text["Command"].startswith("featuremap layers ")
    # rows 2 to 4 of the pool are rows 4 to 9 of `first`, which sees rows 3 to 10; columns 1 to 3 give 1 to 8
    pixels = np.asarray(picture.convert("RGB"))
    dark = np.all(pixels == round(255 * 0.35), axis=2)
    rows, columns = (np.flatnonzero(dark.sum(axis) > 100) for axis in (1, 0))  # letters have a few such pixels too
    tile = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    step = tile.shape[0] // 16
    assert tile.shape[:2] == (16 * step, 12 * step)
    middles = tile[step // 2 :: step, step // 2 :: step]
    seen = np.all(middles == 255, axis=2)
    expected = np.zeros((16, 12), bool)
    expected[3:11, 1:9] = True
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--at", "3,3"], 2, "--show"),
        (["--show", "sample:china", "--at", "9,9", "-l", "second"], 2, "from 0,0 to 5,3"),
        (["--show", "sample:china", "--at", "x"], 2, "--at"),
        (["--show", "sample:china", "--csv"], 2, "--csv"),
        (["--show", "nothing.png"], 3, "nothing.png"),
        (["--show", "sample:china", "-l", "turned"], 2, "receptive field"),
        (["--weights", "none"], 2, "--weights"),
    ],
)
def test_what_cannot_be_shown(featuremap: Run, model: Path, words: list[str], code: int, said: str) -> None:
    ran = featuremap("layers", model, *words)
    assert ran.code == code
    assert said in ran.err


def test_show_with_json_names_the_picture(featuremap: Run, model: Path) -> None:
    said = json.loads(featuremap("layers", model, "--show", "sample:flower", "--json").out)
    assert said["outputs"] == ["featuremaps/flower.fields.png"]
    assert Path(said["outputs"][0]).is_file()
