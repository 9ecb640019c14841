from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from featuremap_cli.batch import outputs
from featuremap_cli.batch.atomic import temporary_name
from featuremap_cli.batch.outputs import OutputFolder


def test_file_names_are_those_of_the_contract() -> None:
    assert outputs.maps_file("holiday/china") == "holiday/china.maps.png"
    assert outputs.anatomy_file("china", "stem/conv1", 17) == "china.stem.conv1.17.anatomy.png"
    assert outputs.layer_file("holiday/china", 3, "backbone/conv1") == "holiday/china/003-backbone.conv1.png"
    assert outputs.layer_file("china", 1234, "conv") == "china/1234-conv.png"
    assert outputs.projection_file("china", "stem/conv", 17, "deconvnet") == "china.stem.conv.17.deconvnet.png"
    assert outputs.patches_file("stem/conv") == "stem.conv.patches.png"
    assert outputs.patches_file("stem/conv", ".jsonl") == "stem.conv.patches.jsonl"
    assert outputs.FILTERS == "filters.png"
    assert (outputs.HEALTH_PICTURE, outputs.HEALTH_TABLE) == ("health.png", "health.csv")
    assert outputs.GALLERY == "index.html"


def test_files_beside_a_sheet() -> None:
    assert outputs.arrays_file("a.maps.png") == "a.maps.npz"
    assert outputs.variant_file("a/000-conv1.png", "pca") == "a/000-conv1.pca.png"
    assert outputs.tile_file("a.maps.png", 7) == "a.maps/007.png"
    assert outputs.tile_file("a.maps.png", 7, "sobel-x R") == "a.maps/007-sobel-x-R.png"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("vertical:7", "vertical-7.filters.png"),
        ("alexnet:conv1", "alexnet-conv1.filters.png"),
        ("keras:VGG16:block1_conv1", "keras-VGG16-block1_conv1.filters.png"),
        ("model.keras:stem/conv", "model.keras-stem.conv.filters.png"),
        ("runs/7/model.keras:stem/conv", "model.keras-stem.conv.filters.png"),
        ("/data/banks/bank.npy", "bank.npy.filters.png"),
        ("1/9 1/9 1/9; 1/9 1/9 1/9", "1.9-1.9-1.9-1.9-1.9-1.9.filters.png"),
        ("1/3 1/3 1/3", "1.3-1.3-1.3.filters.png"),
    ],
)
def test_filter_sheets_are_named_after_their_specification(spec: str, expected: str) -> None:
    assert outputs.filters_files([spec]) == [expected]


def test_two_specifications_never_share_a_sheet() -> None:
    names = outputs.filters_files(["a/bank.npy", "b/bank.npy", "c/BANK.npy", "bank.npy-2"])
    assert names == [
        "bank.npy.filters.png",
        "bank.npy-2.filters.png",
        "BANK.npy-3.filters.png",
        "bank.npy-2-2.filters.png",
    ]
    assert len({name.casefold() for name in names}) == 4


def test_the_longest_names_fit_a_file_system() -> None:
    from featuremap_cli.batch.names import safe_part

    stem = safe_part("x" * 400)
    longest = outputs.projection_file(f"{stem}-99", "y" * 400, 99999, "deconvnet")
    assert len(longest.encode()) <= 255
    assert len(outputs.maps_file(f"{stem}-99").encode()) <= 255


def test_folder_writes_below_its_root(tmp_path: Path) -> None:
    folder = OutputFolder(str(tmp_path / "out"))
    written = folder.write("holiday/a.maps.png", b"12345")
    assert (written.relative, written.size) == ("holiday/a.maps.png", 5)
    assert folder.size("holiday/a.maps.png") == 5
    assert folder.size("holiday/b.maps.png") is None
    assert folder.path("holiday/a.maps.png") == str(tmp_path / "out" / "holiday" / "a.maps.png")
    assert Path(folder.path("holiday/a.maps.png")).read_bytes() == b"12345"


def test_folder_travels_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(OutputFolder("out"))) == OutputFolder("out")


def test_first_write_into_a_folder_removes_what_a_killed_run_left(tmp_path: Path) -> None:
    stale = tmp_path / temporary_name()
    stale.write_bytes(b"half")
    OutputFolder(str(tmp_path)).write("a.png", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
