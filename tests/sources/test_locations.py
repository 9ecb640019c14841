"""What IMAGES stands for. The expected lists are written by hand from the trees the tests make."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from featuremap_cli.errors import ImageError
from featuremap_cli.sources.listing import IMAGE_SUFFIXES, PassedOver, natural_key, walk
from featuremap_cli.sources.locations import (
    ImageLocation,
    MissingImage,
    find_images,
    is_sample,
    printable,
    sample_path,
)

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Make files and stand in the folder that holds them."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make


def found(arguments: Iterable[str], **options: object) -> list[tuple[str, str]]:
    locations = list(find_images(arguments, **options))  # type: ignore[arg-type]
    assert all(isinstance(location, ImageLocation) for location in locations), locations
    return [(location.path, location.relative) for location in locations if isinstance(location, ImageLocation)]


def relatives(arguments: Iterable[str], **options: object) -> list[str]:
    return [relative for _, relative in found(arguments, **options)]


def only_message(arguments: Iterable[str], stdin: Iterable[str] | None = None) -> str:
    (missing,) = find_images(arguments, stdin)
    assert isinstance(missing, MissingImage)
    assert "\n" not in missing.message
    return missing.message


def test_files_keep_their_order_and_their_name_alone(tree: Tree) -> None:
    tree("photos/b.jpg", "a.png")
    assert found(["photos/b.jpg", "a.png"]) == [("photos/b.jpg", "b.jpg"), ("a.png", "a.png")]


def test_a_file_is_taken_whatever_its_suffix_and_though_hidden(tree: Tree) -> None:
    tree("scan.dat", ".hidden.jpg")
    assert relatives(["scan.dat", ".hidden.jpg"]) == ["scan.dat", ".hidden.jpg"]


def test_a_folder_is_searched_in_natural_order_without_hidden_and_other_files(tree: Tree) -> None:
    tree(
        "photos/scan10.jpg",
        "photos/scan2.JPG",
        "photos/Scan1.png",
        "photos/holiday/b.tif",
        "photos/holiday/2/a.npy",
        "photos/holiday/10/a.npy",
        "photos/notes.txt",
        "photos/weights.h5",
        "photos/.thumbnail.jpg",
        "photos/.git/a.jpg",
        "photos/no_suffix",
    )
    expected = ["holiday/2/a.npy", "holiday/10/a.npy", "holiday/b.tif", "Scan1.png", "scan2.JPG", "scan10.jpg"]
    assert relatives(["photos"]) == expected
    assert relatives(["photos/"]) == expected
    assert found(["photos/holiday/2"]) == [("photos/holiday/2/a.npy", "a.npy")]


def test_here_and_above_mirror_without_dots(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree("a.jpg", "in/b.jpg")
    assert relatives(["."]) == ["a.jpg", "in/b.jpg"]
    monkeypatch.chdir(root / "in")
    assert relatives([".."]) == ["a.jpg", "in/b.jpg"]
    assert relatives(["../a.jpg"]) == ["a.jpg"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.jpg", ["2.jpg", "10.jpg"]),
        ("photos/?.jpg", ["2.jpg"]),
        ("photos/[!2]*.jpg", ["10.jpg"]),
        ("photos/**/*.png", ["trip/a.png", "trip/day1/a.png", "trip/day2/a.png"]),
        ("photos/**/**/*.png", ["trip/a.png", "trip/day1/a.png", "trip/day2/a.png"]),
        ("photos/*/day?/a.png", ["trip/day1/a.png", "trip/day2/a.png"]),
        ("*/trip/a.png", ["photos/trip/a.png"]),
        ("photos/tr*", ["trip/a.png", "trip/day1/a.png", "trip/day2/a.png"]),
        (
            "**",
            ["photos/2.jpg", "photos/10.jpg", "photos/trip/a.png", "photos/trip/day1/a.png", "photos/trip/day2/a.png"],
        ),
        ("photos/.*.jpg", [".hidden.jpg"]),
        ("photos/*/../2.jpg", ["2.jpg"]),
    ],
)
def test_a_glob_mirrors_what_it_leaves_open(tree: Tree, pattern: str, expected: list[str]) -> None:
    tree(
        "photos/2.jpg",
        "photos/10.jpg",
        "photos/.hidden.jpg",
        "photos/trip/a.png",
        "photos/trip/day1/a.png",
        "photos/trip/day2/a.png",
        "photos/trip/day2/notes.txt",
    )
    assert relatives([pattern]) == expected


def test_an_absolute_glob(tree: Tree) -> None:
    root = tree("deep/a.jpg")
    assert found([f"{root}/*/a.jpg"]) == [(f"{root}/deep/a.jpg", "deep/a.jpg")]


def test_a_file_whose_name_reads_as_a_glob_is_that_file(tree: Tree) -> None:
    tree("shot[1].jpg", "shot1.jpg")
    assert relatives(["shot[1].jpg"]) == ["shot[1].jpg"]


@pytest.mark.parametrize(
    "name",
    [
        "two words.jpg",
        'it\'s "quoted".jpg',
        "two\nlines.jpg",
        "-dash.jpg",
        "Gänse.jpg",
        "猫.png",
        os.fsdecode(b"\xff.jpg"),
    ],
)
def test_odd_names_are_found_as_argument_in_a_folder_and_by_a_glob(tree: Tree, name: str) -> None:
    tree(f"photos/{name}")
    assert relatives([f"photos/{name}"]) == relatives(["photos"]) == relatives(["photos/*"]) == [name]
    (location,) = find_images(["photos"])
    assert isinstance(location, ImageLocation)
    location.name.encode("utf-8")
    assert "\n" not in location.name
    assert Path(location.path).read_bytes() == b"x"


def test_each_image_once(tree: Tree) -> None:
    root = tree("photos/a.jpg", "photos/in/b.jpg", "photos/c.jpg")
    arguments = ["photos/in", "./photos/a.jpg", "photos", str(root / "photos/c.jpg"), "photos", "photos/*.jpg"]
    assert relatives(arguments) == ["b.jpg", "a.jpg", "c.jpg"]


def test_a_link_counts_beside_its_target_and_makes_no_circle(tree: Tree) -> None:
    root = tree("photos/a.jpg", "elsewhere/b.jpg")
    (root / "photos/z.jpg").symlink_to(root / "photos/a.jpg")
    (root / "photos/up").symlink_to(root, target_is_directory=True)
    (root / "photos/self.jpg").symlink_to(root / "photos/self.jpg")
    (root / "linked").symlink_to(root / "elsewhere", target_is_directory=True)
    assert relatives(["photos"]) == ["a.jpg", "z.jpg"]
    assert relatives(["linked"]) == ["b.jpg"]
    assert relatives(["l*/b.jpg"]) == ["linked/b.jpg"]


def test_folders_left_out_are_not_entered(tree: Tree) -> None:
    tree("a.jpg", "featuremaps/a.maps.png", "in/b.jpg")
    assert relatives(["."], without=["featuremaps"]) == ["a.jpg", "in/b.jpg"]
    assert relatives(["**/*.png", "a.jpg"], without=["in"]) == ["featuremaps/a.maps.png", "a.jpg"]
    assert relatives(["featuremaps"], without=["featuremaps"]) == ["a.maps.png"]


def test_stdin_gives_a_path_on_each_line(tree: Tree) -> None:
    tree("a b.jpg", "photos/c.jpg", "d[1].jpg", "e.jpg")
    lines = ["a b.jpg\n", "\n", "photos\r\n", "d[1].jpg\n", "sample:china\n", "a b.jpg"]
    assert relatives(["-", "e.jpg"], stdin=lines) == ["a b.jpg", "c.jpg", "d[1].jpg", "china.jpg", "e.jpg"]


def test_stdin_is_not_read_as_globs_and_names_no_stdin(tree: Tree) -> None:
    tree("a.jpg")
    assert "*.jpg does not exist" in only_message(["-"], ["*.jpg\n"])
    assert "- does not exist" in only_message(["-"], ["-\n"])


def test_standard_input_may_hold_bytes_that_are_no_text(tree: Tree) -> None:
    tree(os.fsdecode(b"\xff.jpg"))
    code = (
        "from featuremap_cli.sources.locations import find_images; import os, sys;"
        "sys.stdout.buffer.write(os.fsencode(next(find_images(['-'])).path))"
    )
    result = subprocess.run([sys.executable, "-c", code], input=b"\xff.jpg\n", capture_output=True, check=True)
    assert result.stdout == b"\xff.jpg"


def test_samples() -> None:
    assert found(["sample:china", "sample:flower", "sample:china"]) == [
        ("sample:china", "china.jpg"),
        ("sample:flower", "flower.jpg"),
    ]
    with Pillow.open(sample_path("china")) as image:
        assert image.size == (640, 427)
    assert sample_path("sample:flower") == sample_path("flower")


def test_a_sample_and_its_file_are_one_image() -> None:
    assert relatives(["sample:china", str(sample_path("china"))]) == ["china.jpg"]


def test_an_unknown_sample_names_the_ones_there_are() -> None:
    message = only_message(["sample:cat"])
    assert message == "sample:cat is not a sample image: there are sample:china and sample:flower"
    with pytest.raises(ImageError, match="there are sample:china and sample:flower"):
        sample_path("cat")


def test_a_sample_in_the_package_wins_over_the_one_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "package" / "sample_images" / "china.jpg"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(b"x")
    monkeypatch.setattr("featuremap_cli.sources.locations.__file__", str(tmp_path / "package/sources/locations.py"))
    assert sample_path("china") == inside
    with pytest.raises(ImageError, match="sample:flower is not where the package was installed"):
        sample_path("flower")


def test_a_file_named_like_a_sample_wins(tree: Tree) -> None:
    tree("sample:china")
    assert found(["sample:china"]) == [("sample:china", "sample:china")]
    assert not is_sample("sample:china")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (
            "missing.jpg",
            "missing.jpg does not exist: expected an image file, a folder, a quoted glob, - or sample:china",
        ),
        ("", "an empty name does not exist"),
        ("a\0b.jpg", r"a\x00b.jpg does not exist"),
        ("two\nlines.jpg", r"two\nlines.jpg does not exist"),
        ("x" * 5000, "does not exist"),
        ("texts", "texts holds no image: expected files such as .jpg"),
        ("*.jpg", "*.jpg matches no image"),
        ("texts/*", "texts/* matches no image"),
        ("nowhere/*.jpg", "nowhere/ cannot be listed (No such file or directory)"),
        ("broken.jpg", "broken.jpg is a link to a file that is not there"),
    ],
)
def test_one_bad_argument_is_reported_and_the_others_go_on(tree: Tree, argument: str, words: str) -> None:
    root = tree("good/a.jpg", "texts/notes.txt")
    (root / "broken.jpg").symlink_to(root / "gone.jpg")
    bad, good = find_images([argument, "good"])
    assert isinstance(bad, MissingImage)
    assert words in bad.message
    assert "\n" not in bad.message
    assert good == ImageLocation("good/a.jpg", "a.jpg")


def test_a_folder_given_twice_is_not_called_empty(tree: Tree) -> None:
    tree("photos/a.jpg")
    assert relatives(["photos", "photos"]) == ["a.jpg"]


def test_a_folder_that_cannot_be_listed_is_reported_and_the_rest_goes_on(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree("photos/a.jpg", "photos/locked/b.jpg", "photos/z.jpg")
    listed = os.scandir

    def refusing(path: str) -> object:
        # Root may list anything, so the system's refusal is played.
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for argument in ("photos", "photos/**"):
        first, refused, last = find_images([argument])
        assert isinstance(refused, MissingImage)
        assert "locked cannot be listed (Permission denied): check the folder's permissions" in refused.message
        assert isinstance(first, ImageLocation)
        assert isinstance(last, ImageLocation)
        assert (first.relative, last.relative) == ("a.jpg", "z.jpg")


def test_listing_is_lazy(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree("photos/1/a.jpg", "photos/2/a.jpg")
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(Path(path).name) or scandir(path))
    locations = find_images(["photos"])
    assert listed == []
    next(locations)
    assert listed == ["photos", "1"]


def test_reading_a_list_on_stdin_is_lazy(tree: Tree) -> None:
    tree("a.jpg")

    def lines() -> Iterable[str]:
        yield "a.jpg\n"
        raise AssertionError("read too far")

    assert next(find_images(["-"], lines())) == ImageLocation("a.jpg", "a.jpg")


def test_a_walk_is_as_deep_as_the_folders_are(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"x")
    (only,) = walk(str(tmp_path))
    assert only.path == str(folder / "a.jpg")


@pytest.mark.parametrize(
    "names",
    [["2", "10"], ["a1b2", "a1b10"], ["007", "8"], ["a", "a1"], ["img9.jpg", "IMG10.jpg"], ["9" * 30, "1" + "0" * 30]],
)
def test_natural_order(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(backwards, key=natural_key) == names


def test_suffixes_are_those_of_formats_that_pillow_opens() -> None:
    Pillow.init()
    openers = {suffix for suffix, name in Pillow.registered_extensions().items() if name in Pillow.OPEN}
    # An MPO is a JPEG to Pillow until it is open.
    # Formats that Pillow opens and gives no ending, by the endings that their files usually have; HEIC by its package.
    without_ending = {".area", ".spi", ".spider", ".im1", ".imt", ".xv", ".p7"}
    assert {"MCIDAS", "SPIDER", "IMT", "XVTHUMB"} <= Pillow.OPEN.keys()
    assert IMAGE_SUFFIXES - openers == {".npy", ".mpo", ".heic", ".heif", ".hif"} | without_ending


def test_suffixes_are_not_those_that_need_more_than_pillow() -> None:
    need_more = {".eps", ".ps", ".emf", ".wmf", ".bufr", ".grib", ".h5", ".hdf", ".mpg", ".mpeg", ".iim"}
    assert not need_more & IMAGE_SUFFIXES


def test_printable_leaves_letters_and_escapes_the_rest() -> None:
    assert printable("Gänse 猫.jpg") == "Gänse 猫.jpg"
    assert printable("a\n\x1b[31m\udcff") == r"a\n\x1b[31m\udcff"


def test_finding_images_imports_neither_numpy_nor_pillow() -> None:
    code = (
        "import sys, featuremap_cli.sources.locations as l; list(l.find_images(['sample:china', 'none.jpg', '.']));"
        "sys.exit(', '.join({'numpy', 'PIL'} & sys.modules.keys()) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_folder_says_what_it_passed_over(tmp_path: Path) -> None:
    for name in ("a.png", "b.txt", "c.TXT", "d.mp4", "README", ".hidden.txt", "deep/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    said: list[str] = []
    assert len(list(find_images([str(tmp_path)], tell=said.append))) == 1
    assert said == [f"{tmp_path}: passed over 5 files that are no images by their names: 3 .txt, 1 .mp4, 1 no ending"]
    said.clear()
    list(find_images([f"{tmp_path}/a.png"], tell=said.append))
    list(find_images([f"{tmp_path}/*.png"], tell=said.append))
    list(find_images([str(tmp_path)]))
    assert said == []


def test_endings_without_end_take_no_memory() -> None:
    passed = PassedOver()
    for number in range(1000):
        passed.add(f"scan.{number}")
    assert len(passed.endings) <= 51
    assert passed.words().startswith("1,000 files that are no images by their names: ")
    assert passed.words().endswith("993 others")


def passed_over(*arguments: object) -> list[str]:
    """What is said of these arguments."""
    said: list[str] = []
    list(find_images([str(argument) for argument in arguments], tell=said.append))
    return said


def test_a_glob_says_what_it_matched_and_did_not_take(tmp_path: Path) -> None:
    for name in ("a.png", "b.txt", "deep/c.txt", "deep/d.jpg", "deep/.e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    words = "2 files that are no images by their names: 2 .txt"
    assert passed_over(f"{tmp_path}/*") == [f"{tmp_path}/*: passed over {words}"]
    assert passed_over(f"{tmp_path}/**") == [f"{tmp_path}/**: passed over {words}"]
    assert passed_over(f"{tmp_path}/**/*.txt") == [f"{tmp_path}/**/*.txt: passed over {words}"]
    assert passed_over(f"{tmp_path}/*.png", f"{tmp_path}/deep/.*.txt") == []


def test_a_folder_that_is_named_twice_says_it_once(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"x")
    (tmp_path / "a.png").write_bytes(b"x")
    assert len(passed_over(tmp_path, tmp_path, f"{tmp_path}/")) == 1


def test_what_a_run_has_written_is_not_counted(tmp_path: Path) -> None:
    for name in ("featuremap-manifest.jsonl", "a.maps.png", "a.maps.npz", "index.html", "china/001-conv1.npz"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "out" / name).write_bytes(b"x")
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "b.txt").write_bytes(b"x")
    assert passed_over(tmp_path / "out") == []
    assert passed_over(f"{tmp_path}/out/*") == []
    assert passed_over(f"{tmp_path}/*")[-1].endswith("passed over 1 file that is no image by its name: 1 .txt")
