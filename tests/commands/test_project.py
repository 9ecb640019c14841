"""`featuremap project`: which activation, which files, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from featuremap_cli.networks.runtime_recorder import RuntimeRecorder
from featuremap_cli.sources.locations import sample_path


@pytest.fixture(scope="module")
def conv5(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Conv5's maps of china.jpg, as `activations` writes them."""
    from featuremap_cli.commands.app import main

    out = tmp_path_factory.mktemp("maps")
    main(["activations", "sample:china", "-m", "alexnet", "-l", "conv5", "--arrays", "-q", "-o", str(out)])
    with np.load(next(out.rglob("*.npz")), allow_pickle=False) as arrays:
        return arrays["maps"]


def test_the_filters_that_fire_most_each_where_it_fires_most(featuremap, conv5: np.ndarray) -> None:
    ran = featuremap(
        "project", "sample:china", "-m", "alexnet", "-l", "conv5", "--filter", "top:4", "-o", "out", "--json"
    )
    assert ran.code == 0, ran.err
    printed = [json.loads(line) for line in ran.out.splitlines()]
    loudest = np.argsort(-conv5.max(axis=(1, 2)))[:4]
    assert [line["filter"] for line in printed] == loudest.tolist()
    for line in printed:
        one = conv5[line["filter"]]
        assert (line["row"], line["column"]) == np.unravel_index(one.argmax(), one.shape)
        assert line["value"] == pytest.approx(float(one.max()), rel=1e-4)
        assert line["output"] == f"out/china.conv5.{line['filter']}.deconvnet.png"
        assert (line["image"], line["layer"], line["method"]) == ("sample:china", "conv5", "deconvnet")
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(
        ["china.conv5.top4.deconvnet.png", *(f"china.conv5.{index}.deconvnet.png" for index in loudest)]
    )


def test_a_place_of_one_filter(featuremap, conv5: np.ndarray) -> None:
    words = ("project", "sample:china", "-m", "alexnet", "-l", "-1", "--filter", "246", "--method", "guided")
    ran = featuremap(*words, "--at", "3,5", "-o", "out")
    assert ran.out.splitlines() == ["out/china.conv5.246.guided.png"], ran.err
    with Image.open(ran.files[0]) as picture:
        text = picture.text
    assert (text["Image"], text["Layer"], text["Filter"], text["Method"]) == ("china.jpg", "conv5", "246", "guided")
    assert text["Command"].startswith("featuremap project sample:china --model alexnet --layer -1 --filter 246")
    ran = featuremap(*words, "--at", "all", "-o", "out", "--json")
    line = json.loads(ran.out)
    assert (line["row"], line["column"]) == (None, None)
    assert line["value"] == pytest.approx(float(conv5[246].max()), rel=1e-4)


@pytest.fixture
def small(tmp_path: Path) -> str:
    keras.utils.set_random_seed(4)
    silent = layers.Conv2D(2, 3, activation="relu", name="silent", bias_initializer=keras.initializers.Constant(-50.0))
    image = keras.Input((24, 24, 3))
    inner = keras.Sequential(
        [layers.Conv2D(4, 3, activation="elu", name="elu"), layers.Conv2D(3, 3, name="top")], name="in"
    )
    model = keras.Model(image, silent(inner(image)))
    model.save(tmp_path / "small.keras")
    return "small.keras"


def test_activations_with_their_own_gradient_are_named(featuremap, small: str) -> None:
    ran = featuremap("project", "sample:flower", "-m", small, "-l", "in/top", "--filter", "0", "-o", "out")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == ["out/flower.in.top.0.deconvnet.png"]
    assert "in/top: ELU on the way to the image, projected by their own gradient" in ran.err


def has_frame(pixels: np.ndarray) -> bool:
    """Whether a picture holds a line of the yellow of frames, (255, 220, 0)."""
    return bool((pixels == (255, 220, 0)).all(axis=-1).any())


def test_a_silent_filter_is_said_to_be_one(featuremap, small: str) -> None:
    ran = featuremap("project", "sample:flower", "-m", small, "-l", "silent", "--filter", "1", "-o", "out")
    assert ran.code == 0, ran.err
    assert "silent: filter 1 is silent on flower.jpg; its projection is zero everywhere" in ran.err
    with Image.open(ran.out.strip()) as sheet:
        # No corner is framed as if something were seen there: no line of the frame's color is on the sheet.
        unframed = np.asarray(sheet.convert("RGB"))
    ran = featuremap("project", "sample:flower", "-m", small, "-l", "silent", "--filter", 1, "--json", "-o", "out")
    assert [json.loads(ran.out)[key] for key in ("row", "column", "value")] == [None, None, 0]
    ran = featuremap("project", "sample:flower", "-m", small, "-l", "silent", "--filter", 1, "--at", "0,0", "-o", "at")
    with Image.open(ran.out.strip()) as sheet:
        framed = np.asarray(sheet.convert("RGB"))
    assert not has_frame(unframed)
    assert has_frame(framed)
    ran = featuremap("project", "sample:flower", "-m", small, "-l", "silent", "--filter", "top:2", "-o", "out")
    assert (ran.code, ran.out) == (0, "")
    assert "0 of 2 filters fire on flower.jpg, fewer than the 2 asked for" in ran.err


@pytest.fixture
def unreal(tmp_path: Path) -> str:
    """A NaN in filter 1 of `conv`, with no ReLU behind; all maps of `after` are NaN; filters 0 and 2 give 1 and 2."""
    image = keras.Input((24, 24, 3))
    conv, after = layers.Conv2D(3, 3, name="conv"), layers.Conv2D(2, 3, name="after")
    model = keras.Model(image, after(conv(image)))
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[0, 0, 0, 1] = np.nan
    conv.set_weights([kernel, np.array([1, 0, 2], np.float32)])
    model.save(tmp_path / "unreal.keras")
    return "unreal.keras"


def test_json_has_null_for_nan(featuremap, unreal: str) -> None:
    for at in ("max", "2,3", "all"):
        words = ("-l", "conv", "--filter", "1", "--at", at, "-o", "out", "--json")
        ran = featuremap("project", "sample:china", "-m", unreal, *words)
        assert ran.code == 0, ran.err
        assert json.loads(ran.out)["value"] is None


def test_nan_is_neither_silent_nor_zero(featuremap, unreal: str) -> None:
    words = ("project", "sample:china", "-m", unreal, "-o", "out", "-l")
    ran = featuremap(*words, "conv", "--filter", "1")
    assert ran.code == 0
    assert "conv: the map of filter 1 holds NaN or infinite values on china.jpg\n" in ran.err
    assert "silent" not in ran.err
    ran = featuremap(*words, "conv", "--filter", "0")
    assert "NaN" not in ran.err
    ran = featuremap(*words, "conv", "--filter", "top:3")
    assert [path.name for path in ran.files] == [f"china.conv.{name}.deconvnet.png" for name in ("top2", "2", "0")]
    assert "conv: the map of filter 1 holds NaN or infinite values on china.jpg (1 of 3)" in ran.err
    ran = featuremap(*words, "after", "--filter", "top:2")
    assert (ran.code, ran.out) == (0, "")
    assert "after: the maps of filters 0, 1 hold NaN or infinite values on china.jpg (2 of 2)" in ran.err
    assert "0 of 2 filters have a finite value above zero on china.jpg, fewer than the 2 asked for; nothing" in ran.err


def test_a_field_that_is_not_known_is_said(featuremap, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((20, 20, 3)), layers.Conv2D(2, 3, name="conv")])
    model.export(tmp_path / "saved", verbose=False)
    words = ("project", "sample:china", "-m", "saved", "-l", "conv", "--filter", "0", "-o", "out")
    notice = "its receptive field is not known; what the activation sees is not framed, nor shown close up"
    assert featuremap(*words).err.count(notice) == 1
    assert notice not in featuremap(*words, "--at", "all").err
    assert featuremap(*words, "--quiet").err == ""


def test_an_image_of_any_size(featuremap, tmp_path: Path) -> None:
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(2, 5, activation="relu", name="conv")])
    model.save(tmp_path / "free.keras")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 50)).astype(np.uint8)).save(tmp_path / "gray.png")
    ran = featuremap("project", "gray.png", "-m", "free.keras", "-l", "conv", "--filter", "top:1", "-o", "out")
    assert ran.code == 0, ran.err
    assert len(ran.files) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["project", "-l", "conv5", "--filter", "999"], "--filter 999: conv5 has 256 filters, 0 to 255"),
        (["project", "-l", "conv5", "--filter", "0", "--at", "13,0"], "--at 13,0: the maps of conv5 have 13 rows"),
        (["anatomy", "-l", "conv5", "--filter", "256"], "--filter 256: expected 0 to 255"),
        (["patches", "-l", "conv5", "--filters", "256"], "--filters 256: conv5 has 256 filters, 0 to 255"),
        (["activations", "-l", "conv5", "--select", "256"], "--select 256: conv5 has 256 filters, 0 to 255"),
    ],
)
def test_what_a_layer_does_not_have_is_said_before_the_network_runs(
    featuremap, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("the network runs")

    monkeypatch.setattr(RuntimeRecorder, "record", run)
    monkeypatch.setattr(RuntimeRecorder, "record_with_input", run)
    ran = featuremap(words[0], "sample:china", "-m", "alexnet", *words[1:])
    assert (ran.code, message in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--filter", "best"], 2, "--filter best: expected a filter's index, or top:9"),
        (["--filter", "9"], 2, "--filter 9: in/top has 3 filters, 0 to 2"),
        (["--filter", "0", "--at", "99,0"], 2, "--at 99,0: the maps of in/top have 20 rows and 20 columns"),
        (["--filter", "0", "--at", "here"], 2, "--at here: expected ROW,COLUMN"),
        (["--filter", "0", "--method", "smooth"], 2, "--method"),
        (["--filter", "0", "-l", "all"], 2, "project takes one layer, --layer all means 3"),
        (["--filter", "0", "-l", "nothing"], 4, "no layer `nothing`"),
    ],
)
def test_what_cannot_be_done_is_said(featuremap, small: str, words: list[str], code: int, message: str) -> None:
    layer = [] if "-l" in words else ["-l", "in/top"]
    ran = featuremap("project", "sample:china", "-m", small, *layer, *words, "-o", "out")
    assert (ran.code, message in ran.err) == (code, True), ran.err
    assert not Path("out").exists()


def test_one_image_and_no_more(featuremap, small: str) -> None:
    words = ("-m", small, "-l", "in/top", "--filter", "0", "-o", "out")
    assert featuremap("project", "nowhere.jpg", *words).code == 3
    ran = featuremap("project", sample_path("china").parent, *words)
    assert ran.code == 2
    assert "project takes one image" in ran.err
