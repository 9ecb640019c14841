"""`featuremap health` in this process, on networks with planted faults; the numbers are Keras's and NumPy's."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from featuremap_cli.analysis import similarity
from featuremap_cli.networks.builtin import BUILTIN

SAMPLES = ("sample:china", "sample:flower")
SIZE = 16


def small_model(seed: int = 1, filters: int = 6, activation: str | None = "relu") -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Conv2D(8, 3, activation=activation, name="first"),
            layers.Conv2D(filters, 3, activation=activation, name="second"),
        ]
    )


def change(model: keras.Model, layer: str, filters: list[int], kernel: float, bias: float = 0.0) -> None:
    weights, biases = model.get_layer(layer).get_weights()
    weights[..., filters], biases[filters] = kernel, bias
    model.get_layer(layer).set_weights([weights, biases])


@pytest.fixture
def photographs(tmp_path: Path) -> np.ndarray:
    """Five pictures of noise in a folder, each at another brightness; returned as the network takes them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(8)
    pixels = random.integers(0, 256, (5, SIZE, SIZE, 3)) // np.arange(1, 6)[:, np.newaxis, np.newaxis, np.newaxis]
    for index, one in enumerate(pixels.astype(np.uint8)):
        Image.fromarray(one).save(folder / f"{index}.png")
    return pixels.astype(np.float32) / 255


def outputs(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """What each layer gives, float64 (filters, values of all images), by Keras."""
    whole = keras.Model(model.inputs, [layer.output for layer in model.layers])
    return {
        layer.name: np.moveaxis(values, -1, 0).reshape(values.shape[-1], -1).astype(np.float64)
        for layer, values in zip(model.layers, whole.predict(images, verbose=0), strict=True)
    }


def table() -> list[dict[str, str]]:
    with Path("featuremaps/health.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def measured(featuremap, *words: object, model: str = "model.keras", code: int = 0) -> dict:
    ran = featuremap("health", "photos", "-m", model, "--preprocess", "unit", "--json", *words)
    assert ran.code == code, ran.err
    return json.loads(ran.out)


def test_alexnet_is_sparser_the_deeper(featuremap) -> None:
    ran = featuremap("health", *SAMPLES, "-m", "alexnet", "-o", "out")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines() if line.startswith("conv") and ":" not in line]
    zeros = [float(row[6].rstrip("%")) for row in rows]
    assert [row[0] for row in rows] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert zeros == sorted(zeros)
    assert 60 < zeros[0] < 65
    assert zeros[-1] > 88
    assert ran.out.splitlines()[-2:] == ["out/health.png", "out/health.csv"]
    with Image.open("out/health.png") as picture:
        picture.load()
        assert picture.width >= 1200
        assert picture.text["Command"] == "featuremap health sample:china sample:flower --model alexnet"


def test_alexnet_on_china_has_the_zeros_of_its_first_users(featuremap) -> None:
    found = json.loads(featuremap("health", "sample:china", "-m", "alexnet", "--json").out)
    zeros = [layer["zero_fraction"] for layer in found["layers"]]
    assert zeros == pytest.approx([0.62, 0.80, 0.81, 0.84, 0.89], abs=0.005)


def test_ten_zeroed_filters_of_alexnet_are_the_ten_dead_ones(featuremap) -> None:
    zeroed = [3, 17, 20, 41, 77, 101, 120, 150, 160, 191]
    model = BUILTIN["alexnet"].build()
    change(model, "conv2", zeroed, 0.0)
    model.save("zeroed.keras")
    words = ("health", *SAMPLES, "-m", "zeroed.keras", "-l", "0:3", "--json")
    ran = featuremap(*words, "--max-dead", "5%")
    found = json.loads(ran.out)
    assert [layer["dead"] for layer in found["layers"]] == [[], zeroed, []]
    line = "--max-dead 5%: conv2 has 10 of 192 filters dead (5.21%): " + ", ".join(
        map(str, zeroed)
    )  # exactly those, on stderr and in the object
    assert (ran.code, found["failed_checks"]) == (8, [line])
    assert f"featuremap: {line}" in ran.err.splitlines()
    assert featuremap(*words, "--max-dead", "0.06").code == 0


def test_the_numbers_are_those_of_keras_and_numpy(featuremap, photographs) -> None:
    model = small_model()
    model.save("model.keras")
    found = measured(featuremap, "--batch-size", "2")
    assert found["images"] == 5
    for layer, values in zip(found["layers"], outputs(model, photographs).values(), strict=True):
        assert layer["mean"] == pytest.approx(values.mean(), rel=1e-5)
        assert layer["std"] == pytest.approx(values.std(), rel=1e-5)
        assert layer["max"] == pytest.approx(values.max(), rel=1e-5)
        assert layer["zero_fraction"] == pytest.approx((values == 0).mean(), abs=1e-3)
        kernel = model.get_layer(layer["layer"]).get_weights()[0]
        assert layer["weights"]["norm"] == pytest.approx(np.linalg.norm(kernel), rel=1e-6)
    rows = table()
    assert [(row["layer"], row["filter"]) for row in rows][7:9] == [("first", "7"), ("second", "0")]
    second = outputs(model, photographs)["second"]
    assert [float(row["mean"]) for row in rows[8:]] == pytest.approx(second.mean(axis=1), rel=1e-5)
    assert [float(row["std"]) for row in rows[8:]] == pytest.approx(second.std(axis=1), rel=1e-5)


def test_faults_are_named_each_for_what_it_is(featuremap, photographs) -> None:
    model = small_model()
    change(model, "first", [2, 5], 0.0)
    change(model, "second", [1], 0.0, bias=0.25)
    kernel, bias = model.get_layer("second").get_weights()
    kernel[..., 4] = kernel[..., 0] = np.abs(kernel[..., 0])
    model.get_layer("second").set_weights([kernel, bias])
    model.save("model.keras")
    first, second = measured(featuremap)["layers"]
    assert (first["dead"], second["dead"], second["saturated"]) == ([2, 5], [], [1])
    assert [4, 0] in [pair[:2] for pair in second["alike"]]
    assert second["weights"]["duplicates"] == [[4, 0]]
    text = featuremap("health", "photos", "-m", "model.keras").out
    assert "first: 2 of 8 dead: 2, 5" in text
    assert "second: 1 of 6 saturated: 1" in text
    assert "second: 1 of 6 have the same weights: 4 as 0" in text


def test_nan_in_a_weight_is_found_and_named_even_where_relu_swallows_it(featuremap, photographs) -> None:
    model = small_model()
    kernel, bias = model.get_layer("second").get_weights()
    kernel[0, 1, 2, 3] = np.nan
    model.get_layer("second").set_weights([kernel, bias])
    model.save("model.keras")
    found = measured(featuremap, code=8)
    assert found["unreal_weights"] == [{"layer": "second", "weight": "kernel", "nan": 1, "inf": 0, "filters": [3]}]
    assert found["failed_checks"][0] == "--no-nan: second's kernel holds 1 NaN, in filter 3"
    assert measured(featuremap, "--allow-nan")["failed_checks"] == []


def test_nan_in_maps_is_counted_by_filter(featuremap, photographs) -> None:
    model = small_model(activation=None)
    change(model, "second", [2], np.nan)
    model.save("model.keras")
    found = measured(featuremap, code=8)
    assert found["layers"][1]["nan"] == 5 * (SIZE - 4) ** 2
    assert found["failed_checks"][1] == "--no-nan: second gives 720 NaN and 0 infinite values, in filter 2"
    assert found["layers"][1]["max"] is not None
    assert Path("featuremaps/health.png").exists()


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("--max-silent", "10%"), ["--max-silent 10%: first: 27.5% of its filters are silent on an image, on average"]),
        (("--max-silent", "28%"), []),
        (("--min-sparsity", "0"), []),
        (("--min-sparsity", "1", "-l", "second"), ["--min-sparsity 100%: second has "]),
        (("--max-sparsity", "0", "-l", "second"), ["--max-sparsity 0%: second has "]),
        (("--max-dead", "0.2", "--min-sparsity", "99%", "-l", "first"), ["--max-dead 20%: ", "--min-sparsity 99%: "]),
    ],
)
def test_each_threshold_has_its_line(featuremap, photographs, words, lines) -> None:
    model = small_model()
    change(model, "first", [2, 5], 0.0)
    model.save("model.keras")
    ran = featuremap("health", "photos", "-m", "model.keras", "--preprocess", "unit", "--quiet", *words)
    assert ran.code == (8 if lines else 0)
    told = ran.err.splitlines()
    assert len(told) == len(lines)
    for line, start in zip(told, lines, strict=True):
        assert line.startswith(f"featuremap: {start}")


def test_a_baseline_holds_until_a_layer_moves(featuremap, photographs) -> None:
    model = small_model()
    model.save("model.keras")
    ran = featuremap("health", "photos", "-m", "model.keras", "--preprocess", "unit", "--json")
    Path("baseline.json").write_text(ran.out)
    assert measured(featuremap, "--baseline", "baseline.json", "--tolerance", "0.1%")["failed_checks"] == []
    change(model, "second", [0, 1, 2], 0.0)
    model.save("model.keras")
    lines = measured(featuremap, "--baseline", "baseline.json", code=8)["failed_checks"]
    assert all(line.startswith("--baseline baseline.json: second: ") for line in lines)
    assert "--baseline baseline.json: second: dead moved from 0 to 3, tolerance 5%" in lines
    only = measured(featuremap, "--baseline", "baseline.json", "-l", "first", code=8)["failed_checks"]
    assert only == ["--baseline baseline.json: second is only in the baseline"]


def test_two_checkpoints_are_compared(featuremap, photographs) -> None:
    before, after = small_model(), small_model()
    change(after, "second", [2], 0.0)
    kernel, bias = after.get_layer("first").get_weights()
    kernel[..., 4] *= 3
    after.get_layer("first").set_weights([kernel, bias])
    before.save("before.keras")
    after.save("after.keras")
    ran = featuremap(
        "health", "photos", "-m", "after.keras", "--compare", "before.keras", "--preprocess", "unit", "--json", "-q"
    )
    assert ran.code == 0
    compared = json.loads(ran.out)["compared"]
    assert compared["with"] == "before.keras"
    old, new = outputs(before, photographs), outputs(after, photographs)
    for found in compared["layers"]:
        name = found["layer"]
        one, two = (model.get_layer(name).get_weights()[0] for model in (before, after))
        for pair, change_found in (((one, two), found["weights"]), ((old[name], new[name]), found["maps"])):
            relative = np.linalg.norm(pair[1] - pair[0]) / np.linalg.norm(pair[0])
            cosine = (pair[0] * pair[1]).sum() / np.linalg.norm(pair[0]) / np.linalg.norm(pair[1])
            assert change_found["relative"] == pytest.approx(relative, rel=1e-4)
            assert change_found["cosine"] == pytest.approx(cosine, rel=1e-4)
    with Image.open("featuremaps/health.changes.png") as picture:
        assert picture.text["Command"].endswith("--model after.keras --preprocess unit --compare before.keras")
    rows = table()
    moved = {(row["layer"], int(row["filter"])): float(row["weight_change"]) for row in rows}
    assert moved.pop(("first", 4)) == pytest.approx(2.0)
    assert moved.pop(("second", 2)) == pytest.approx(1.0)
    assert set(moved.values()) == {0.0}


def test_biases_and_nan_are_changes(featuremap, photographs) -> None:
    before, after = small_model(), small_model()
    kernel, bias = after.get_layer("first").get_weights()
    after.get_layer("first").set_weights([kernel, np.full_like(bias, -100)])
    kernel, bias = after.get_layer("second").get_weights()
    kernel[1, 1, 2, 5] = np.nan
    after.get_layer("second").set_weights([kernel, bias])
    before.save("before.keras")
    after.save("after.keras")
    found = measured(featuremap, "--compare", "before.keras", model="after.keras", code=8)
    first, second = found["compared"]["layers"]
    one = before.get_layer("first").get_weights()
    length = np.sqrt((one[0] ** 2).sum() + (one[1] ** 2).sum())
    assert first["weights"]["relative"] == pytest.approx(100 * np.sqrt(8) / length, rel=1e-4)
    assert first["maps"]["relative"] == pytest.approx(1.0)
    assert second["weights"] == {"relative": None, "cosine": None, "unreal": 1}
    # All of the last filter's map, in each of five images: 0 x NaN is NaN.
    assert second["maps"] == {"relative": None, "cosine": None, "unreal": 12 * 12 * 5}
    ran = featuremap("health", "photos", "-m", "after.keras", "--compare", "before.keras", "--preprocess", "unit")
    assert "NaN or inf in 720" in ran.out
    texts = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "featuremap_cli.drawing.changes.draw_changes",
            lambda pairs, title, details: texts.extend([*(pair.words for pair in pairs), *details]),
        )
        featuremap("health", "photos", "-m", "after.keras", "--compare", "before.keras", "--preprocess", "unit")
    assert texts[0].startswith("weights NaN or inf in 1, maps NaN or inf in 720")
    assert any("bias 0 to -100" in text for text in texts)
    # Eight lost their biases, one became NaN, and five see nothing any more.
    assert "12 of 14 that changed" in texts


def test_checkpoints_that_are_the_same_have_no_sheet(featuremap, photographs) -> None:
    small_model().save("model.keras")
    found = measured(featuremap, "--compare", "model.keras")
    assert [layer["weights"]["relative"] for layer in found["compared"]["layers"]] == [0, 0]
    assert not Path("featuremaps/health.changes.png").exists()


def test_another_architecture_is_refused(featuremap, photographs) -> None:
    small_model().save("model.keras")
    small_model(filters=7).save("other.keras")
    ran = featuremap("health", "photos", "-m", "model.keras", "--compare", "other.keras", "-q")
    assert ran.code == 4
    assert (
        "layer 1 of model.keras is second (Conv2D, 12 x 12 x 6), of other.keras second (Conv2D, 12 x 12 x 7)" in ran.err
    )


def test_an_image_that_cannot_be_read_is_told_and_the_rest_measured(featuremap, photographs) -> None:
    small_model().save("model.keras")
    Path("photos/broken.png").write_bytes(b"\x89PNG\r\n")
    found = measured(featuremap, code=7)
    assert found["images"] == 5
    ran = featuremap("health", "photos", "-m", "model.keras", "--min-sparsity", "100%")
    assert ran.code == 8
    assert "broken.png" in ran.err
    assert featuremap("health", "photos/broken.png", "-m", "model.keras").code == 3
    stopped = featuremap("health", "photos/broken.png", "photos", "-m", "model.keras", "--fail-fast")
    assert (stopped.code, stopped.out) == (3, "")


def test_paths_come_from_stdin(featuremap, photographs, monkeypatch) -> None:
    small_model().save("model.keras")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"photos/0.png\nphotos/3.png\n")))
    ran = featuremap("health", "-", "-m", "model.keras", "--json")
    assert (ran.code, json.loads(ran.out)["images"]) == (0, 2)


def test_csv_on_stdout_is_the_file(featuremap, photographs) -> None:
    small_model().save("model.keras")
    ran = featuremap("health", "photos", "-m", "model.keras", "--csv", "-o", "out")
    assert ran.code == 0
    assert ran.out == Path("out/health.csv").read_text()
    assert "written: out/health.png, out/health.csv" in ran.err


def test_images_of_several_sizes_and_a_network_that_takes_any(featuremap) -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(4, 3, activation="relu", name="conv")(image))
    model.save("model.keras")
    random = np.random.default_rng(1)
    sizes, values = ((8, 9), (12, 7), (8, 9)), []
    Path("photos").mkdir()
    for index, (height, width) in enumerate(sizes):
        pixels = random.random((height, width, 3)).astype(np.float32)
        np.save(f"photos/{index}.npy", pixels)
        values.append(np.asarray(model(pixels[np.newaxis])).reshape(-1, 4).T)
    found = measured(featuremap)
    assert found["layers"][0]["mean"] == pytest.approx(np.concatenate(values, axis=1).mean(), rel=1e-5)


def test_layers_before_their_activation_are_pointed_out(featuremap, photographs) -> None:
    small_model(activation=None).save("model.keras")
    ran = featuremap("health", "photos", "-m", "model.keras")
    assert "their activation is a layer of its own" in ran.err
    small_model().save("model.keras")
    assert "activation" not in featuremap("health", "photos", "-m", "model.keras").err


def test_on_one_image_filters_are_silent_rather_than_dead(featuremap, photographs) -> None:
    model = small_model()
    change(model, "first", [2, 5], 0.0)
    model.save("model.keras")
    one = featuremap("health", "photos/0.png", "-m", "model.keras", "--preprocess", "unit")
    assert "first: 2 of 8 silent on the one image: 2, 5" in one.out
    assert "give more images" in one.err
    assert "give more images" not in featuremap("health", "photos", "-m", "model.keras").err


def test_layers_too_wide_to_compare_are_named(featuremap, photographs, monkeypatch) -> None:
    monkeypatch.setattr(similarity, "MEMORY_BYTES", 8 * 6**2)
    small_model().save("model.keras")
    ran = featuremap("health", "photos", "-m", "model.keras", "--json")
    assert [layer["alike"] is None for layer in json.loads(ran.out)["layers"]] == [True, False]
    assert "not compared with each other in first" in ran.err


def test_dry_run_names_the_files_and_writes_none(featuremap, photographs) -> None:
    ran = featuremap("health", "photos", "-m", "none.keras", "--dry-run", "--compare", "x", "-o", "out")
    assert ran.out.split() == ["out/health.png", "out/health.csv", "out/health.changes.png"]
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--max-dead", "5 of 6"], 2, "--max-dead takes a share such as 5% or 0.05, got 5 of 6"),
        (["--min-sparsity", "50"], 2, "--min-sparsity takes a share"),
        (["--tolerance", "-1%"], 2, "--tolerance takes a share"),
        (["--baseline", "missing.json"], 2, "--baseline missing.json cannot be read (No such file or directory)"),
        (["--baseline", "text.json"], 2, "--baseline text.json cannot be read (it is no JSON)"),
        (["--baseline", "list.json"], 2, "--baseline list.json has no list of layers"),
        (["--json", "--csv"], 2, "--csv and --json both want stdout"),
    ],
)
def test_bad_options_are_refused_before_the_network_is_loaded(featuremap, words, code, message) -> None:
    Path("text.json").write_text("no")
    Path("list.json").write_text("[1]")
    ran = featuremap("health", "sample:china", "-m", "no-such.keras", *words)
    assert ran.code == code
    assert ran.out == ""
    assert message in ran.err.splitlines()[0]


def test_the_readme_s_smoke_test_sees_nan_and_silent_layers(featuremap, photographs) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    line = next(line for line in readme.splitlines() if line.startswith("featuremap health tests/photo.jpg"))
    words = [word.replace("tests/photo.jpg", "photos/0.png") for word in line.split()[1:]]
    model = small_model()
    model.save("model.keras")
    assert featuremap(*words).code == 0
    for kernel in (np.nan, 0.0):
        change(model, "second", list(range(6)), kernel)
        model.save("model.keras")
        assert featuremap(*words).code == 8
