"""`featuremap convolve` on real photographs; shapes and values are TensorFlow's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from featuremap_cli.sources.locations import sample_path

CHINA = np.asarray(Image.open(sample_path("china")), np.float32)[np.newaxis] / 255
SAMPLES = sample_path("china").parent


def maps_of(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["maps"]


def test_the_default_is_two_lines_of_ones(featuremap) -> None:
    ran = featuremap("convolve", "sample:china", "-o", "out", "--arrays")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split() == ["out/filters.png", "out/filters.npz", "out/china.maps.png", "out/china.maps.npz"]
    filters = np.zeros((7, 7, 3, 2), np.float32)
    filters[:, 3, :, 0] = filters[3, :, :, 1] = 1
    expected = tf.nn.conv2d(CHINA, filters, 1, "SAME")[0].numpy().transpose(2, 0, 1)
    np.testing.assert_allclose(maps_of(Path("out/china.maps.npz")), expected, atol=1e-4)
    assert 20 < expected.max() <= 21


def test_the_three_kernels_of_the_readme_with_pooling(featuremap) -> None:
    kernels = ["sobel-x", "sharpen=0 -1 0; -1 5 -1; 0 -1 0", "3x3: 1,1,1 1,1,1 1,1,1"]
    words = [word for kernel in kernels for word in ("-k", kernel)]
    ran = featuremap(
        "convolve", SAMPLES, *words, "--padding", "valid", "--strides", 2, "--activation", "relu",
        "--pool", "max", "--cmap", "viridis", "--arrays", "-o", "out",
    )  # fmt: skip
    assert ran.code == 0
    matrices = [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.ones((3, 3))]
    filters = np.repeat(np.stack(matrices, -1)[:, :, np.newaxis].astype(np.float32), 3, axis=2)
    expected = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(CHINA, filters, 2, "VALID")), 2, 2, "VALID")[0].numpy()
    found = maps_of(Path("out/china.maps.npz"))
    assert found.shape == expected.transpose(2, 0, 1).shape == (3, 106, 159)
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), atol=1e-4)
    assert Path("out/flower.maps.png").exists()


def test_the_tensorflow_engine_gives_the_same(featuremap) -> None:
    for engine in ("numpy", "tensorflow"):
        words = ("--engine", engine, "--strides", "2,3", "--bias", "0.5", "--arrays", "--activation", "tanh")
        assert featuremap("convolve", "sample:china", "-k", "gabor:11,45", *words, "-o", engine).code == 0
    np.testing.assert_allclose(
        maps_of(Path("numpy/china.maps.npz")), maps_of(Path("tensorflow/china.maps.npz")), atol=1e-4
    )


def test_json_has_an_object_an_image_and_nothing_else_on_stdout(featuremap) -> None:
    ran = featuremap("convolve", "sample:china", "missing.jpg", "--json", "-k", "box", "-o", "out")
    done, failed = (json.loads(line) for line in ran.out.splitlines())
    assert ran.code == 7
    assert (done["image"], done["status"], done["error"]) == ("sample:china", "done", None)
    assert done["outputs"] == ["out/china.maps.png"]
    layer = done["layers"][0]
    expected = tf.nn.conv2d(CHINA, np.full((3, 3, 3, 1), 1 / 9, np.float32), 1, "SAME").numpy()
    assert layer["shape"] == [427, 640, 1]
    assert layer["mean"] == pytest.approx(expected.mean(), rel=1e-4)
    assert layer["max"] == pytest.approx(expected.max(), rel=1e-4)
    assert failed["status"] == "failed"
    assert "missing.jpg does not exist" in failed["error"]


def test_gray_and_resize_come_first(featuremap) -> None:
    words = ("--gray", "--resize", "64,48", "-k", "identity", "--arrays", "-o", "out")
    assert featuremap("convolve", "sample:flower", *words).code == 0
    flower = Image.open(sample_path("flower")).convert("L").resize((64, 48), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(maps_of(Path("out/flower.maps.npz"))[0] * 255, np.asarray(flower), atol=1.5)


def test_every_sheet_option_writes_its_file(featuremap) -> None:
    ran = featuremap("convolve", "sample:china", "--separate", "--overlay", "--with-image", "-o", "out")
    assert ran.code == 0
    assert [str(path) for path in ran.files] == [
        "out/filters.png", "out/china.maps.png", "out/china.maps/000-vertical-7.png",
        "out/china.maps/001-horizontal-7.png",
    ]  # fmt: skip
    for path in ran.files:
        with Image.open(path) as picture:
            picture.load()
            assert picture.text["Software"].startswith("featuremap ")
    assert featuremap("convolve", "sample:china", "--summary", "pca", "-k", "kirsch", "-o", "pca").code == 0


def test_a_picture_says_how_it_was_made_and_not_where_it_went(featuremap) -> None:
    featuremap("convolve", "sample:china", "-k", "sobel-x", "--padding", "valid", "--jobs", 1, "-o", "out")
    with Image.open("out/china.maps.png") as picture:
        text = picture.text
    assert text["Command"] == "featuremap convolve sample:china -k sobel-x --padding valid"
    assert (text["Image"], text["Layer"]) == ("china.jpg", "sobel-x")
    assert text["Scale"] == "map"


def test_the_scale_and_choice_of_maps_are_not_the_filters_own(featuremap) -> None:
    kernels = ("-k", "box", "-k", "sobel-x", "-k", "gaussian")
    words = ("--scale", "0,900", "--select", "1", "--summary", "mean", "--cmap", "viridis")
    assert featuremap("convolve", "sample:china", *kernels, *words, "-o", "chosen").code == 0
    assert featuremap("convolve", "sample:china", *kernels, "--cmap", "viridis", "-o", "plain").code == 0
    chosen, plain = (Image.open(f"{folder}/filters.png") for folder in ("chosen", "plain"))
    np.testing.assert_array_equal(np.asarray(chosen), np.asarray(plain))
    assert chosen.text["Command"] == "featuremap filters box sobel-x gaussian --cmap viridis"
    assert chosen.text["Shown"] == "3 of 3"


def test_repeating_does_only_what_is_missing(featuremap) -> None:
    words = ("convolve", SAMPLES, "-k", "box", "-o", "out", "--json")
    featuremap(*words)
    before = Path("out/china.maps.png").read_bytes()
    Path("out/china.maps.png").unlink()
    statuses = [json.loads(line)["status"] for line in featuremap(*words).out.splitlines()]
    assert statuses == ["done", "skipped"]
    assert Path("out/china.maps.png").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["missing.jpg"], 3, "missing.jpg does not exist"),
        (["truncated.jpg"], 3, "truncated"),
        (["text.png"], 3, "text.png"),
        (["sample:china", "-k", "1 2; 3"], 2, "row 2 has 1 value where row 1 has 2"),
        (["sample:china", "-k", "no-such"], 2, "`no-such` is no preset, file or network"),
        (["sample:china", "--padding", "some"], 2, "--padding takes same, valid or a number of pixels"),
        (["sample:china", "-o", "a-file/below"], 5, "a file stands where a folder is needed"),
        (["sample:china", "--border", "mirror"], 2, "'mirror' is not one of 'zero', 'reflect', 'edge', 'wrap'"),
        (["sample:china", "--resize", "12", "-k", "box"], 2, "--resize takes a width and a height"),
        (["sample:china", "--bias", "1,x"], 2, "--bias takes numbers with commas between, got `x`"),
        (["sample:china", "-k", "box", "--bias", "1,2"], 2, "one for each of the 1 filters, got 2"),
        (["sample:china", "--resize", "4,4", "--padding", "valid"], 2, "a filter of 7x7 is larger than the image"),
        (["sample:china", "--overlay", "--summary", "pca"], 2, "--overlay and --summary pca"),
        (["--no-such-option"], 2, "--no-such-option"),
        ([], 2, "IMAGES"),
    ],
)
def test_bad_input_gives_one_clear_line(featuremap, words: list[str], code: int, message: str) -> None:
    photograph = sample_path("china").read_bytes()
    Path("truncated.jpg").write_bytes(photograph[:20_000])
    Path("text.png").write_text("not a picture")
    Path("a-file").write_text("in the way")
    ran = featuremap("convolve", *words)
    assert ran.code == code
    assert ran.out == ""
    first, *underline = ran.err.splitlines()
    assert message in first
    assert first.startswith("featuremap: ")
    assert len(underline) in (0, 2)
    assert "Traceback" not in ran.err


def test_debug_shows_the_traceback(featuremap) -> None:
    assert "Traceback" in featuremap("convolve", "sample:china", "-k", "no-such", "--debug").err


def test_a_lost_filter_sheet_is_written_again(featuremap) -> None:
    words = ("convolve", "sample:china", "-k", "box", "-o", "out")
    featuremap(*words)
    Path("out/filters.png").unlink()
    assert featuremap(*words).out.split() == ["out/filters.png"]
    assert featuremap(*words).out == ""


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--padding", "valid", "--strides", "2,3", "--dilation", "2,1"),
        ("--depthwise", "--activation", "relu", "--bias", "-1"),
        ("--transpose", "--strides", "2"),
        ("--pool", "max:3,2", "--gray", "--border", "reflect"),
        ("--scale", "layer", "--cmap", "viridis", "--with-image"),
        ("--scale", "percentile:2,98", "--tile", "full", "--sort", "std"),
        ("--overlay",),
        ("--summary", "pca"),
        ("--separate", "--select", "1,0"),
    ],
    ids=" ".join,
)
def test_maps_too_large_for_memory_are_drawn_as_others_are(featuremap, monkeypatch, words: tuple[str, ...]) -> None:
    kernels = ("-k", "sobel-x", "-k", "gaussian:5,1", "-k", "emboss", *words)
    assert featuremap("convolve", "sample:china", *kernels, "--json", "-o", "held").code == 0
    monkeypatch.setattr("featuremap_cli.commands.convolve.MOST_HELD", 0)
    monkeypatch.setattr("featuremap_cli.convolution.bands.BAND_BYTES", 200_000)
    ran = featuremap("convolve", "sample:china", *kernels, "--json", "-o", "banded")
    assert ran.code == 0
    outputs = [Path(one) for one in json.loads(ran.out)["outputs"]]
    assert len(outputs) == (3 if "--separate" in words else 1)
    for output in outputs:
        banded, held = Image.open(output), Image.open(Path("held", *output.parts[1:]))
        apart = np.abs(np.asarray(banded, int) - np.asarray(held, int))
        assert np.count_nonzero(apart > 1) <= 1e-4 * apart.size
        assert banded.text["Command"] == held.text["Command"]


def test_two_numbers_are_written_alike_everywhere(featuremap) -> None:
    """Sizes of a 427 x 640 photograph: SAME gives ceil(n / stride)."""
    for strides in ("2,4", "2x4", "2*4", "(2, 4)"):
        ran = featuremap("convolve", "sample:china", "-o", "out", "--json", "--force", "--strides", strides)
        assert json.loads(ran.out)["layers"][0]["shape"][:2] == [214, 160]
    for size in ("320,240", "320x240"):
        ran = featuremap("convolve", "sample:china", "-o", "out", "--json", "--force", "--resize", size)
        assert json.loads(ran.out)["layers"][0]["shape"][:2] == [240, 320]
    for command in (
        ("anatomy", "sample:china", "-m", "alexnet", "-l", "conv1", "--filter", "3", "--at", "6x4", "-o", "out"),
        ("project", "sample:china", "-m", "alexnet", "-l", "conv1", "--filter", "3", "--at", "6x4", "-o", "out"),
        ("layers", "alexnet", "--show", "sample:china", "-l", "conv1", "--at", "6x4", "-o", "out"),
    ):
        assert featuremap(*command).code == 0
