from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.batch.job import Task
from featuremap_cli.batch.manifest import Entry, Manifest
from featuremap_cli.batch.outputs import MANIFEST, OutputFolder
from featuremap_cli.batch.plan import Missing, fold, plan_images, source_of
from featuremap_cli.sources.locations import ImageLocation, MissingImage, find_images

careful = settings(max_examples=100, deadline=None, derandomize=True)


def stems(found: list[ImageLocation], out: str = "/nowhere/out") -> list[str]:
    folder = OutputFolder(out)
    plan = plan_images(found, "toy", folder, Manifest(folder.path(MANIFEST)))
    return [task.stem for task in plan if isinstance(task, Task)]


def under(folder: str, *names: str) -> list[ImageLocation]:
    return [ImageLocation(f"{folder}/{name}", name) for name in names]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["holiday/a.jpg", "work/a.jpg"], ["holiday/a", "work/a"]),
        (["a.jpg", "a.png", "a.tif"], ["a", "a.png", "a.tif"]),
        (["A.jpg", "a.png"], ["A", "a.png"]),
        (["Holiday/a.jpg", "holiday/b.jpg"], ["Holiday/a", "holiday/b"]),
        (["caf\u00e9.jpg", "cafe\u0301.png"], ["caf\u00e9", "cafe\u0301.png"]),
        (["my photo.jpg", 'it\'s "x".jpg', "-rf.jpg", ".hidden.jpg"], ["my photo", 'it\'s "x"', "-rf", ".hidden"]),
        (["a\nb.jpg", "a_b.jpg"], ["a_b", "a_b.jpg"]),
        (["noext", "noext.jpg"], ["noext", "noext.jpg"]),
        (["filters.png", "health.csv/a.jpg", "index.html.jpg"], ["filters", "health.csv_/a", "index.html_"]),
        (["con.jpg"], ["con_"]),
    ],
)
def test_names(names: list[str], expected: list[str]) -> None:
    assert stems(under("photos", *names)) == expected


def test_equal_names_in_two_folders_are_told_apart_by_the_folder() -> None:
    found = under("runs/before", "a.jpg", "x/b.jpg") + under("runs/after", "a.jpg", "x/b.jpg") + under("after", "a.jpg")
    assert stems(found) == ["a", "x/b", "after/a", "after/x/b", "a-2"]


def test_names_that_differ_by_case_only_are_told_apart() -> None:
    assert stems(under("photos", "a.jpg", "A.JPG", "a.JPG")) == ["a", "A.JPG", "a-2"]


def test_the_longest_names_stay_apart() -> None:
    first, second = stems(under("photos", "x" * 250 + "1.jpg", "x" * 250 + "2.jpg"))
    assert first != second
    assert max(len(first.encode()), len(second.encode())) <= 180


parts = st.lists(
    st.sampled_from(["a", "A", "a.jpg", "b", "x", "-2", "a-2", "filters.png", "..", "\n", "é"]), min_size=1
)
relatives = parts.map("/".join)


@careful
@given(
    st.lists(st.tuples(st.sampled_from(["one", "two/one", "two"]), relatives, st.sampled_from(["", ".jpg", ".png"])))
)
def test_two_images_never_share_a_name(images: list[tuple[str, str, str]]) -> None:
    found = [ImageLocation(f"{root}/{rel}{suffix}", f"{rel}{suffix}") for root, rel, suffix in dict.fromkeys(images)]
    names = stems(found)
    assert len({fold(name) for name in names}) == len(found)
    assert not any(part in ("", ".", "..") for name in names for part in name.split("/"))
    assert names == stems(found), "the same again"
    assert stems(found[: len(found) // 2]) == names[: len(found) // 2], "later images change no earlier name"


def noted(tmp_path: Path, *images: tuple[Path, str, str]) -> Manifest:
    manifest = Manifest(tmp_path / "out" / MANIFEST)
    for path, stem, status in images:
        manifest.append(Entry("toy", stem, source_of(str(path)), path.name, status))
    manifest.close()
    return Manifest(manifest.path)


def test_an_image_that_has_a_name_keeps_it_when_others_come_before_it(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    noted(tmp_path, (tmp_path / "a.png", "a", "done"))
    found = under(str(tmp_path), "a.jpg", "a.png", "b.png")
    assert stems(found, str(tmp_path / "out")) == ["a.jpg", "a", "b"]


def test_another_run_does_not_write_over_what_is_there(tmp_path: Path) -> None:
    for name in ("one/a.jpg", "two/a.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    noted(tmp_path, (tmp_path / "one/a.jpg", "a", "done"))
    assert stems(under(str(tmp_path / "two"), "a.jpg"), str(tmp_path / "out")) == ["two/a"]
    assert stems(under(str(tmp_path / "one"), "a.jpg"), str(tmp_path / "out")) == ["a"]


@pytest.mark.parametrize(("exists", "status"), [(False, "done"), (True, "failed")])
def test_a_name_is_free_where_its_image_is_gone_or_was_never_done(tmp_path: Path, exists: bool, status: str) -> None:
    if exists:
        (tmp_path / "a.jpg").write_bytes(b"")
    noted(tmp_path, (tmp_path / "a.jpg", "a", status))
    assert stems(under(str(tmp_path), "a.png"), str(tmp_path / "out")) == ["a"]


def test_names_of_one_command_leave_another_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    manifest = noted(tmp_path, (tmp_path / "a.jpg", "a", "done"))
    plan = plan_images(under(str(tmp_path), "a.png"), "other", OutputFolder(str(tmp_path / "out")), manifest)
    assert [task.stem for task in plan if isinstance(task, Task)] == ["a"]


def test_missing_images_have_their_place(tmp_path: Path) -> None:
    found = [*under("photos", "a.jpg"), MissingImage("nowhere", "nowhere does not exist"), *under("photos", "b.jpg")]
    folder = OutputFolder(str(tmp_path))
    plan = list(plan_images(found, "toy", folder, Manifest(folder.path(MANIFEST))))
    assert plan[1] == Missing(1, "nowhere", "nowhere does not exist")
    assert [one.index for one in plan] == [0, 1, 2]


def test_a_plan_is_made_while_images_are_found() -> None:
    def endless() -> object:
        number = 0
        while True:
            yield ImageLocation(f"photos/{number}.jpg", f"{number}.jpg")
            number += 1

    folder = OutputFolder("/nowhere/out")
    plan = plan_images(endless(), "toy", folder, Manifest(folder.path(MANIFEST)))  # type: ignore[arg-type]
    assert [next(plan).index for _ in range(3)] == [0, 1, 2]


def test_outputs_of_earlier_runs_are_no_images(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.maps.png", "filters.png", "mine.maps.png"):
        (tmp_path / name).write_bytes(b"")
    folder = OutputFolder(str(tmp_path))
    manifest = Manifest(folder.path(MANIFEST))
    manifest.append(Entry("toy", "a", source_of(str(tmp_path / "a.jpg")), "a.jpg", "done", outputs={"a.maps.png": 0}))
    manifest.close()
    found = find_images([str(tmp_path)])
    plan = plan_images(found, "toy", folder, Manifest(manifest.path))
    assert [one.location.name for one in plan if isinstance(one, Task)] == ["a.jpg", "mine.maps.png"]
