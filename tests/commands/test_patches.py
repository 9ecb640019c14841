"""`featuremap patches`: places by hand and by sorting what `activations` gives, boxes by arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from featuremap_cli.batch.job import Task
from featuremap_cli.batch.outputs import OutputFolder
from featuremap_cli.commands.options import NetworkOptions
from featuremap_cli.commands.patches_job import PatchesJob
from featuremap_cli.sources.locations import ImageLocation, sample_path


def lines_of(path: Path | str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.fixture
def dots(tmp_path: Path) -> None:
    """Three photographs of 30 x 20, black but for one bright pixel in the middle 20 columns; the second has two."""
    (tmp_path / "dots").mkdir()
    for name, bright in {"a": [(5, 8, 200)], "b": [(11, 12, 255), (17, 18, 100)], "c": [(1, 0, 250)]}.items():
        pixels = np.zeros((20, 30, 3), np.uint8)
        for row, column, value in bright:
            pixels[row, 5 + column] = value
        Image.fromarray(pixels).save(tmp_path / "dots" / f"{name}.png")


@pytest.fixture
def center(tmp_path: Path) -> str:
    """A network that sees 20 x 20 pixels; its filter 1 is the middle of a 3 x 3 window, with a border of 1."""
    image = keras.Input((20, 20, 3))
    conv = layers.Conv2D(3, 3, activation="relu", name="conv")
    model = keras.Model(image, conv(layers.ZeroPadding2D(1)(image)))
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1, :, 1], kernel[..., 2] = 1 / 3, -1
    conv.set_weights([kernel, np.zeros(3, np.float32)])
    model.save(tmp_path / "center.keras")
    return "center.keras"


def test_places_values_and_boxes_by_hand(featuremap, dots: None, center: str) -> None:
    ran = featuremap(
        "patches", "dots", "-m", center, "--preprocess", "unit", "--top", 3, "--filters", "1,2", "-o", "out"
    )
    assert ran.code == 0, ran.err
    assert [path.name for path in ran.files] == ["conv.patches.png", "conv.patches.jsonl"]
    found = lines_of("out/conv.patches.jsonl")
    assert [list(line) for line in found] == [["filter", "rank", "image", "row", "column", "value", "box"]] * 3
    assert [(line["filter"], line["rank"], line["image"]) for line in found] == [
        (1, 1, "dots/b.png"),
        (1, 2, "dots/c.png"),
        (1, 3, "dots/a.png"),
    ]
    assert [(line["row"], line["column"]) for line in found] == [(11, 12), (1, 0), (5, 8)]
    assert [line["value"] for line in found] == pytest.approx([1, 250 / 255, 200 / 255], abs=1e-6)
    # The field of (row, column) is 3 x 3 pixels from (row - 1, column - 1) on, and the crop begins at column 5.
    assert [line["box"] for line in found] == [[16, 10, 19, 13], [4, 0, 7, 3], [12, 4, 15, 7]]
    assert "conv: filters that never fire: 2 (1 of 2)" in ran.err


def test_several_places_of_one_image_do_not_overlap(featuremap, dots: None, center: str) -> None:
    ran = featuremap(
        "patches", "dots/b.png", "-m", center, "--preprocess", "unit", "--per-image", 9, "--filters", 1, "-o", "out"
    )
    assert ran.code == 0, ran.err
    found = lines_of("out/conv.patches.jsonl")
    assert [(line["rank"], line["row"], line["column"]) for line in found] == [(1, 11, 12), (2, 17, 18)]


@pytest.fixture
def details(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What sheets say in their second line, as they are drawn."""
    from featuremap_cli.drawing import patches
    from featuremap_cli.drawing.page import Heading

    said: list[str] = []

    def recorded(title: str, parts: tuple[str, ...]) -> Heading:
        said.extend(parts)
        return Heading(title, parts)

    monkeypatch.setattr(patches, "Heading", recorded)
    return said


def test_a_sheet_says_how_many_places_it_has(featuremap, dots: None, center: str, details: list[str]) -> None:
    words = ("patches", "dots", "-m", center, "--preprocess", "unit", "--filters", 1, "-o", "out")
    # Each of the three images has one place at most.
    for top, said in {
        1: "the place where each fires most",
        3: "the 3 places where each fires most, one an image",
        4: "up to 4 places where each fires most, one an image",
    }.items():
        details.clear()
        assert featuremap(*words, "--top", top).code == 0
        assert said in details


def shared(one: list[int], other: list[int]) -> float:
    """What two boxes (left, top, right, bottom) of one size have in common, as a part of one."""
    height = min(one[3], other[3]) - max(one[1], other[1])
    width = min(one[2], other[2]) - max(one[0], other[0])
    return max(height, 0) * max(width, 0) / ((one[2] - one[0]) * (one[3] - one[1]))


@pytest.mark.parametrize(
    ("options", "most", "said"),
    [
        ((), 0, "up to 9 places where each fires most that do not overlap"),
        (("--overlap", 0.7), 0.7, "up to 9 places where each fires most, overlapping by at most 70%"),
    ],
)
def test_places_of_one_image_overlap_as_far_as_they_may(
    featuremap, dots: None, center: str, details: list[str], options: tuple[object, ...], most: float, said: str
) -> None:
    # A 3 x 3 field moved by a pixel has two thirds in common with itself.
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[8, 8:12] = 250, 240, 230
    pixels[8, 11] = 255
    Image.fromarray(pixels).save("row.png")
    words = ("patches", "row.png", "-m", center, "--preprocess", "unit", "--filters", 1, "--per-image", 9, "-o", "out")
    assert featuremap(*words, *options).code == 0
    boxes = [line["box"] for line in lines_of("out/conv.patches.jsonl")]
    pairs = [shared(one, other) for place, one in enumerate(boxes) for other in boxes[:place]]
    assert len(boxes) == (4 if most else 2)
    assert max(pairs) == pytest.approx(2 / 3 if most else 0)
    assert said in details


def test_large_fields_may_overlap_by_half(featuremap, details: list[str]) -> None:
    words = ("patches", "sample:china", "-m", "alexnet", "--filters", "0:4", "--per-image", 9, "-o", "out")
    assert featuremap(*words, "-l", "conv2").code == 0
    assert "up to 9 places where each fires most that do not overlap" in details
    few = len(featuremap(*words, "-l", "conv5", "--overlap", 0, "--json").out.splitlines())
    details.clear()
    many = len(featuremap(*words, "-l", "conv5", "--json").out.splitlines())
    assert "up to 9 places where each fires most, overlapping by at most 50%" in details
    assert many > 1.5 * few
    assert featuremap(*words, "-l", "conv5", "--overlap", 1.5).code == 2


def test_filters_that_give_nan_are_not_said_to_never_fire(featuremap, dots: None, details: list[str]) -> None:
    conv = layers.Conv2D(3, 3, name="conv")
    model = keras.Sequential([keras.Input((20, 20, 3)), conv])
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1, :, 0], kernel[1, 1, 0, 1] = 1, np.nan
    conv.set_weights([kernel, np.zeros(3, np.float32)])
    model.save("nan.keras")
    ran = featuremap("patches", "dots", "-m", "nan.keras", "--preprocess", "unit", "-o", "out")
    assert ran.code == 0, ran.err
    assert "conv: filters that never fire: 2 (1 of 3)" in ran.err
    assert "conv: the map of filter 1 holds NaN or infinite values (1 of 3); only finite values are ranked" in ran.err
    assert "the map of filter 1 holds NaN or infinite values" in details
    # Zero times NaN is NaN: filter 0's projection passes through the same array of weights.
    assert "conv: NaN or infinite values in projections of 0, drawn in pink" in ran.err
    assert {line["filter"] for line in lines_of("out/conv.patches.jsonl")} == {0}


def test_alexnet_s_places_are_the_maxima_of_its_maps(featuremap) -> None:
    photographs = "sample:china", "sample:flower"
    featuremap("activations", *photographs, "-m", "alexnet", "-l", "conv4", "--arrays", "-o", "maps")
    maps = []
    for name in ("china", "flower"):
        with np.load(next(Path("maps", name).glob("*.npz")), allow_pickle=False) as arrays:
            maps.append(arrays["maps"])
    ran = featuremap("patches", *photographs, "-m", "alexnet", "-l", "conv4", "--filters", "8:12", "-o", "out")
    assert ran.code == 0, ran.err
    found = lines_of("out/conv4.patches.jsonl")
    for index in range(8, 12):
        best = sorted(((float(maps[image][index].max()), image) for image in (0, 1)), reverse=True)
        expected = [(value, photographs[image]) for value, image in best if value > 0]
        ours = [(line["value"], line["image"]) for line in found if line["filter"] == index]
        assert [image for _, image in ours] == [image for _, image in expected]
        assert [value for value, _ in ours] == pytest.approx([value for value, _ in expected], rel=1e-4)
    for line in found:
        # Conv4 sees 11 + 8 + 32 + 16 + 2 * 32 = 131 pixels, from 16 * row - 50 on; the middle 427 columns are 224.
        first, end = 16 * line["column"] - 50, 16 * line["column"] - 50 + 131
        assert line["box"][0] == 106 + first * 427 // 224
        assert line["box"][2] == 106 - (-end * 427 // 224)


def test_boxes_are_drawn_on_their_images(featuremap, dots: None, center: str) -> None:
    ran = featuremap(
        "patches", "dots", "-m", center, "--preprocess", "unit", "--top", 2, "--filters", 1, "--boxes", "-o", "out"
    )
    assert [str(path) for path in ran.files[2:]] == ["out/conv.patches/b.png", "out/conv.patches/c.png"]
    with Image.open("out/conv.patches/b.png") as sheet:
        assert sheet.text["Software"].startswith("featuremap")
        assert sheet.width >= 720


def test_an_image_that_cannot_be_read_is_told_and_the_rest_done(featuremap, dots: None, center: str) -> None:
    Path("dots/broken.png").write_bytes(b"no picture")
    ran = featuremap("patches", "dots", "-m", center, "--filters", 1, "--json", "-o", "out")
    assert ran.code == 7
    assert "broken.png" in ran.err
    printed = [json.loads(line) for line in ran.out.splitlines()]
    assert [line.pop("layer") for line in printed] == ["conv"] * 3
    assert printed == lines_of("out/conv.patches.jsonl")


def test_every_batch_size_finds_the_same(featuremap, dots: None, center: str) -> None:
    found = []
    for size in (1, 2, 8):
        featuremap("patches", "dots", "-m", center, "--batch-size", size, "--per-image", 2, "-o", f"out{size}", "-q")
        found.append(Path(f"out{size}/conv.patches.jsonl").read_text())
    assert len(found[0].splitlines()) > 0
    assert found[0] == found[1] == found[2]


def test_images_that_hold_no_place_are_forgotten(tmp_path: Path, center: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featuremap_cli.commands.patches_job._SPARE_SOURCES", 0)
    monkeypatch.chdir(tmp_path)
    session = PatchesJob(NetworkOptions(center), ("conv",), "1", None, 2, 1, None, 1, compiled=False).open()
    held = []
    for index, value in enumerate([5, 1, 2, 3, 4, 1, 9, 1]):
        maps = np.zeros((3, 20, 20), np.float32)
        maps[1, 3, 4] = value
        task = Task(index, ImageLocation(f"{index}.png", f"{index}.png"), str(index))
        session.write(task, ((30, 20), [maps]), OutputFolder("out"))
        held.append(set(session.sources))
    assert {one.image for one in session.watches[0].excitation.responses()[0]} == {6, 0} <= held[-1]
    assert max(map(len, held)) <= 4


def test_the_sheet_says_what_it_shows(featuremap) -> None:
    ran = featuremap(
        "patches", "sample:china", "-m", "alexnet", "-l", "conv1", "--limit", 2, "--method", "guided", "-o", "out"
    )
    assert "conv1: 2 of 64 filters shown; --limit all takes every one" in ran.err
    with Image.open("out/conv1.patches.png") as sheet:
        text = sheet.text
    assert (text["Layer"], text["Method"], text["Shown"]) == ("conv1", "guided", "2 of 64")
    assert text["Command"] == "featuremap patches sample:china --model alexnet -l conv1 --limit 2 --method guided"


def test_a_field_that_is_not_known_shows_whole_images(featuremap, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((20, 20, 3)), layers.Conv2D(2, 3, activation="relu", name="conv")])
    model.export(tmp_path / "saved", verbose=False)
    ran = featuremap("patches", sample_path("china"), "-m", "saved", "--per-image", 3, "-o", "out")
    assert ran.code == 0, ran.err
    assert "its receptive field is not known; whole images are shown, one place an image" in ran.err
    (written,) = Path("out").glob("*.jsonl")
    assert all((line["rank"], line["box"]) == (1, [106, 0, 533, 427]) for line in lines_of(written))


def test_files_that_would_be_written(featuremap, center: str) -> None:
    ran = featuremap("patches", "sample:china", "-m", center, "--dry-run", "-o", "out")
    assert ran.out.splitlines() == ["out/conv.patches.png", "out/conv.patches.jsonl"]
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--filters", "3"], 2, "--filters 3: conv has 3 filters, 0 to 2"),
        (["--filters", "first"], 2, "--filters first: expected all, or indices and ranges"),
        (["--filters", "7:9"], 2, "--filters 7:9 is none of the 3 filters of conv"),
        (["--limit", "0"], 2, "--limit 0"),
        (["--tile", "big"], 2, "--tile big"),
        (["-l", "nothing"], 4, "no layer `nothing`"),
        (["--top", "0"], 2, "--top"),
    ],
)
def test_what_cannot_be_done_is_said(featuremap, center: str, words: list[str], code: int, message: str) -> None:
    ran = featuremap("patches", "sample:china", "-m", center, *words, "-o", "out")
    assert (ran.code, message in ran.err) == (code, True), ran.err
    assert not Path("out").exists()


def test_a_network_of_free_size_is_taken_at_224_and_says_so(featuremap, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3, activation="relu", name="conv")])
    model.save(tmp_path / "free.keras")
    words = ("patches", "sample:china", "-m", "free.keras", "-o", "out", "--json")
    ran = featuremap(*words)
    assert ran.code == 0, ran.err
    said = "free.keras takes images of any size, and is taken at 224 x 224 pixels; --input-size W,H takes it at another"
    assert ran.err.count(said) == 1
    # China.jpg is 427 pixels high: 3 of 224 are 5.7 of them, where 3 of its own would be 3.
    left, top, right, bottom = json.loads(ran.out.splitlines()[0])["box"]
    assert {right - left, bottom - top} <= {6, 7}
    assert said not in featuremap(*words, "--quiet").err
    ran = featuremap(*words, "--input-size", "64,48")
    assert (ran.code, "any size" in ran.err) == (0, False), ran.err


def test_no_image_at_all(featuremap, center: str) -> None:
    ran = featuremap("patches", "nowhere", "-m", center, "-o", "out")
    assert ran.code == 3
    assert not Path("out").exists()
