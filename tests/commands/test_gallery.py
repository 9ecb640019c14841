from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from featuremap_cli.batch.manifest import Entry, Manifest
from featuremap_cli.batch.outputs import MANIFEST, OutputFolder
from featuremap_cli.commands.gallery import write_gallery
from featuremap_cli.commands.run_contents import read_run
from featuremap_cli.errors import ExitCode, UsageError


def draw(path: Path, size: tuple[int, int] = (40, 30), **text: str) -> None:
    """Write a PNG with text chunks."""
    info = PngInfo()
    for keyword, value in text.items():
        info.add_itxt(keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path, pnginfo=info)


def note(root: Path, *entries: Entry) -> None:
    """Write a manifest."""
    manifest = Manifest(root / MANIFEST)
    for entry in entries:
        manifest.append(entry)
    manifest.close()


def done(relative: str, *outputs: str, job: str = "activations", **more: object) -> Entry:
    """An entry of an image that is done."""
    values = {"stem": relative.rpartition(".")[0], "source": f"/photos/{relative}", **more}
    return Entry(job=job, relative=relative, status="done", outputs=dict.fromkeys(outputs, 1), **values)  # type: ignore[arg-type]


def test_a_run_of_the_command_line_has_its_page(featuremap, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in (10, 9):
        Image.new("RGB", (24, 16), (number, 0, 0)).save(photos / f"p{number}.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    run = featuremap("convolve", "photos", "-k", "sobel-x", "--separate", "--out", "a run")
    assert run.code == ExitCode.SOME_IMAGES_FAILED

    page = featuremap("gallery", "a run")

    assert (page.code, page.out, page.err) == (0, "a run/index.html\n", "")
    html = (tmp_path / "a run" / "index.html").read_text("utf-8")
    assert "2 images · 1 failed" in html
    command = "featuremap convolve photos/p9.png photos/p10.png -k sobel-x --separate --out &#39;a run&#39;"
    assert f"<code>{command}</code>" in html
    assert (tmp_path / "a run" / "p9.maps.thumb.png").is_file()
    assert (tmp_path / "a run" / "p9.maps.photo.thumb.jpg").is_file()
    assert 'href="./filters.png"' in html
    assert html.index('href="./p9.maps.png"') < html.index('href="./p10.maps.png"')
    assert "./p9.maps/" not in html
    assert "1 map of 16 × 24" in html
    assert "broken.jpg" in html


def test_the_page_is_the_same_each_time_and_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    draw(tmp_path / "filters.png")
    pages = []
    for _ in range(2):
        write_gallery(OutputFolder(str(tmp_path)))
        pages.append((tmp_path / "index.html").read_bytes())
    assert pages[0] == pages[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["filters.png", "index.html"]


def test_a_page_that_is_not_ours_stays(featuremap, tmp_path: Path) -> None:
    draw(tmp_path / "filters.png")
    (tmp_path / "index.html").write_text("<title>my holidays</title>")
    ran = featuremap("gallery", ".")
    assert ran.code == ExitCode.OUTPUT
    assert "index.html is not a gallery of featuremap" in ran.err
    assert (tmp_path / "index.html").read_text() == "<title>my holidays</title>"


@pytest.mark.parametrize(
    ("word", "what"), [("nowhere", "got nothing"), ("file", "got a file"), (".", "without its manifest")]
)
def test_what_is_no_run_is_refused(featuremap, tmp_path: Path, word: str, what: str) -> None:
    (tmp_path / "file").write_text("")
    ran = featuremap("gallery", word)
    assert ran.code == ExitCode.USAGE
    assert what in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "index.html").exists()


def test_layers_are_columns_and_say_how_many_maps_they_have(tmp_path: Path) -> None:
    for image in ("a", "b"):
        for number, layer in ((2, "conv"), (10, "top/conv")):
            if (image, number) != ("b", 2):
                draw(tmp_path / image / f"{number:03d}-{layer.replace('/', '.')}.png", Layer=layer, Shown="4 of 9")
    layers = (
        {"layer": "conv", "shape": [5, 6, 4], "silent": []},
        {"layer": "top/conv", "shape": [7, 8, 9], "silent": [1, 2]},
    )
    note(
        tmp_path,
        done("b.jpg", "b/010-top.conv.png", layers=layers[1:]),
        done("a.jpg", "a/002-conv.png", "a/002-conv.npz", "a/010-top.conv.png", layers=layers),
    )
    contents = read_run(tmp_path)
    assert contents.columns == ("conv", "top/conv")
    assert [image.name for image in contents.images] == ["a.jpg", "b.jpg"]
    paths = [[picture and picture.path for picture in image.pictures] for image in contents.images]
    assert paths == [["a/002-conv.png", "a/010-top.conv.png"], [None, "b/010-top.conv.png"]]
    first, second = contents.images[0].pictures
    assert first is not None
    assert second is not None
    assert (first.width, first.height, first.detail) == (40, 30, "4 maps of 5 × 6")
    assert second.detail == "4 of 9 maps of 7 × 8 · 2 silent"


def test_two_commands_on_one_image_share_its_row(tmp_path: Path) -> None:
    draw(tmp_path / "a.maps.png", Layer="sobel-x", Command="featuremap convolve 'my a.jpg' -k sobel-x")
    draw(tmp_path / "a" / "001-conv.png", Layer="conv", Command="featuremap activations 'my a.jpg' --model m.keras")
    note(tmp_path, done("a.jpg", "a.maps.png", job="convolve"), done("a.jpg", "a/001-conv.png"))
    contents = read_run(tmp_path)
    assert contents.columns == ("sobel-x", "conv")
    assert len(contents.images) == 1
    assert contents.commands == (
        f"featuremap convolve 'my a.jpg' -k sobel-x --out {tmp_path}",
        f"featuremap activations 'my a.jpg' --model m.keras --out {tmp_path}",
    )


def test_images_of_one_name_are_told_apart_by_what_their_files_are_called(tmp_path: Path) -> None:
    for stem in ("a", "after/a"):
        draw(tmp_path / f"{stem}.maps.png")
    note(
        tmp_path,
        done("a.jpg", "after/a.maps.png", stem="after/a", source="/after/a.jpg"),
        done("a.jpg", "a.maps.png", source="/before/a.jpg"),
    )
    assert [image.name for image in read_run(tmp_path).images] == ["a.jpg (a)", "a.jpg (after/a)"]


def test_the_last_word_on_an_image_counts_and_lost_pictures_are_told(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        draw(tmp_path / f"{stem}.maps.png")
    (tmp_path / "d.maps.png").write_bytes(b"half a file")
    note(
        tmp_path,
        Entry("convolve", "a", "/photos/a.jpg", "a.jpg", "failed", error="a.jpg is truncated"),
        done("a.jpg", "a.maps.png", job="convolve"),
        done("b.jpg", "b.maps.png", job="convolve"),
        Entry("convolve", "b", "/photos/b.jpg", "b.jpg", "failed", error="b.jpg has\nvanished"),
        done("c.jpg", "c.maps.png", job="convolve"),
        done("d.jpg", "d.maps.png", job="convolve"),
    )
    contents = read_run(tmp_path)
    assert [image.name for image in contents.images] == ["a.jpg"]
    assert [(failure.name, failure.reason.split(";")[0]) for failure in contents.failures] == [
        ("b.jpg", r"b.jpg has\nvanished"),
        ("c.jpg", "its pictures are no longer in this folder"),
        ("d.jpg", "its pictures are no longer in this folder"),
    ]


def test_the_command_of_many_images_names_their_folder(tmp_path: Path) -> None:
    entries = []
    for number in range(5):
        command = f"featuremap convolve 'p {number}.jpg' -k \"a=1 2\""
        draw(tmp_path / f"p {number}.maps.png", Command=command if number else 'featuremap "unclosed')
        entries.append(done(f"p {number}.jpg", f"p {number}.maps.png", job="convolve"))
    note(tmp_path, *entries)
    folder = os.path.dirname(entries[0].source)  # noqa: PTH120
    assert read_run(tmp_path).commands == (f"featuremap convolve {folder} -k 'a=1 2' --out {tmp_path}",)


@pytest.mark.parametrize(
    ("sources", "named"),
    [
        ([f"s3://bucket/photos/{number}.jpg" for number in range(4)], "s3://bucket/photos"),
        ([f"s3://bucket/photos-{number}/a.jpg" for number in range(4)], "s3://bucket"),
        ([f"s3://bucket-{number}/a.jpg" for number in range(4)], "IMAGES..."),
        (["/photos/a.jpg", "/photos/b/c.jpg", "/photos/d.jpg", "/photos/e.jpg"], "/photos"),
        (["/photos/a.jpg", *(f"s3://bucket/{number}.jpg" for number in range(3))], "IMAGES..."),
    ],
)
def test_what_stands_for_many_images(tmp_path: Path, sources: list[str], named: str) -> None:
    entries = []
    for number, source in enumerate(sources):
        draw(tmp_path / f"{number}.maps.png", Command=f"featuremap convolve {source} -k box")
        entries.append(done(f"{number}.jpg", f"{number}.maps.png", job="convolve", source=source))
    note(tmp_path, *entries)
    assert read_run(tmp_path).commands == (f"featuremap convolve {named} -k box --out {tmp_path}",)


def test_small_pictures_are_no_photographs_and_outlive_theirs(featuremap, tmp_path: Path) -> None:
    for name in ("a.png", "a.thumb.png"):  # the second is somebody's own photograph
        Image.new("RGB", (24, 16), (200, 0, 0)).save(tmp_path / name)
    words = ("convolve", ".", "-k", "sobel-x", "--out", ".", "--gallery")
    assert featuremap(*words).code == 0
    again = featuremap(*words, "--dry-run").out.splitlines()
    assert [line.split("\t")[0] for line in again] == ["./a.png", "./a.thumb.png"]
    assert all("done already" in line for line in again)
    (tmp_path / "a.png").unlink()
    assert featuremap("gallery", ".").code == 0
    assert "a.maps.photo.thumb.jpg" in (tmp_path / "index.html").read_text("utf-8")


def test_a_manifest_cannot_show_what_is_outside_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "run"
    draw(tmp_path / "secret.png")
    draw(root / "a.maps.png")
    outside = ("../secret.png", str(tmp_path / "secret.png"), f"/{tmp_path}/secret.png", "a\0b.png")
    note(root, done("a.jpg", "a.maps.png", *outside))
    (image,) = read_run(root).images
    assert [picture and picture.path for picture in image.pictures] == ["a.maps.png"]


def test_names_that_are_no_text_reach_the_page(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n<b>.jpg")
    draw(tmp_path / "caf__<b>.maps.png")
    note(tmp_path, done(name, "caf__<b>.maps.png", stem="caf__<b>"))
    write_gallery(OutputFolder(str(tmp_path)))
    html = (tmp_path / "index.html").read_text("utf-8")
    assert r"caf\udce9\n&lt;b&gt;.jpg" in html
    assert 'href="./caf__%3Cb%3E.maps.png"' in html


def test_sheets_of_the_whole_run_have_sections_of_their_own(tmp_path: Path) -> None:
    draw(tmp_path / "filters.png", Layer="sobel-x", Command="featuremap filters sobel-x")
    draw(tmp_path / "alexnet-conv1.filters.png")
    draw(tmp_path / "conv1.patches.png")
    draw(tmp_path / "health.png")
    draw(tmp_path / "holiday.png")
    sections = [(one.heading, [picture.label for picture in one.pictures]) for one in read_run(tmp_path).sections]
    assert sections == [
        ("Filters", ["alexnet-conv1.filters", "sobel-x"]),
        ("Patches", ["conv1.patches"]),
        ("Health", ["health"]),
    ]


def test_a_cut_manifest_shows_what_can_be_read(tmp_path: Path) -> None:
    draw(tmp_path / "a.maps.png")
    note(tmp_path, done("a.jpg", "a.maps.png"), done("b.jpg", "b.maps.png"))
    whole = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(whole[:-20])
    assert json.loads(whole.splitlines()[0])["stem"] == "a"
    contents = read_run(tmp_path)
    assert [image.name for image in contents.images] == ["a.jpg"]
    assert contents.failures == ()


def test_a_run_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected the folder of a run"):
        write_gallery(OutputFolder(str(tmp_path / "run")))


def test_a_run_writes_its_page_when_asked(featuremap) -> None:
    ran = featuremap("convolve", "sample:china", "missing.jpg", "-k", "box", "-o", "out", "--gallery")
    assert ran.code == 7
    assert ran.out.split() == ["out/filters.png", "out/china.maps.png", "out/index.html"]
    assert "china.maps.png" in Path("out/index.html").read_text()


def test_a_run_without_any_result_has_no_page(featuremap) -> None:
    assert featuremap("convolve", "missing.jpg", "-o", "out", "--gallery").code == 3
    assert not Path("out").exists()
