"""--title, --text-size, --dpi and --format, on every command that draws."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featuremap_cli.drawing.pdf import encode_pdf

DRAWING = {
    "convolve": ("convolve", "sample:china", "-k", "sobel-x"),
    "filters": ("filters", "alexnet:conv1"),
    "activations": ("activations", "sample:china", "-m", "alexnet", "-l", "conv5"),
    "anatomy": ("anatomy", "sample:china", "-k", "sobel-x"),
    "patches": ("patches", "sample:china", "-m", "alexnet", "-l", "conv1", "--filters", "0:2"),
    "project": ("project", "sample:china", "-m", "alexnet", "-l", "conv1", "--filter", "1"),
    "health": ("health", "sample:china", "-m", "squeezenet", "-l", "0"),
    "layers": ("layers", "alexnet", "--show", "sample:china"),
}
HEADED = [name for name in DRAWING if name != "health"]


def pictures(out: str, suffix: str) -> list[str]:
    return [line for line in out.splitlines() if line.endswith(suffix)]


@pytest.mark.parametrize("name", DRAWING)
def test_dpi_is_in_the_file_and_the_command_beside_it(featuremap, name: str) -> None:
    ran = featuremap(*DRAWING[name], "--dpi", 300, "-o", "out")
    assert ran.code == 0, ran.err
    found = pictures(ran.out, ".png")
    assert found
    for path in found:
        with Image.open(path) as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
            assert "--dpi 300" in picture.text["Command"]


@pytest.mark.parametrize("name", DRAWING)
def test_the_first_line_is_the_title(featuremap, name: str) -> None:
    plain, titled = (
        pictures(featuremap(*DRAWING[name], *words, "-o", folder).out, ".png")[-1]
        for words, folder in (((), "plain"), (("--title", "Opal hq"), "titled"))
    )
    before, after = (np.asarray(Image.open(path).convert("L")).astype(int) for path in (plain, titled))
    if before.shape == after.shape:
        changed = np.flatnonzero((before != after).any(axis=1))
        assert 0 < len(changed) <= 60, "a line of type at the top and nothing else"
        assert changed[0] < 80
    else:  # the title was what made the sheet as wide as it was
        assert after.shape[1] < before.shape[1]


@pytest.mark.parametrize("name", HEADED)
def test_type_grows_and_nothing_is_cut_off(featuremap, name: str) -> None:
    sizes = []
    for size in (8, 40):
        ran = featuremap(*DRAWING[name], "--text-size", size, "-o", str(size))
        assert ran.code == 0, ran.err
        pixels = np.asarray(Image.open(pictures(ran.out, ".png")[-1]).convert("L"))
        margin = 24 * size // 15 // 2
        edges = pixels[:margin], pixels[-margin:], pixels[:, :margin], pixels[:, -margin:]
        assert all((edge == 255).all() for edge in edges)
        # the title is the first thing on the page: how high it is says how large its type is
        rows = np.flatnonzero((pixels < 128).any(axis=1))
        gaps = np.flatnonzero(np.diff(rows) > 1)
        sizes.append(gaps[0] + 1)
    assert sizes[1] > 3 * sizes[0]


@pytest.mark.parametrize("name", DRAWING)
def test_a_pdf_in_place_of_every_png(featuremap, name: str) -> None:
    ran = featuremap(*DRAWING[name], "--format", "pdf", "-o", "out")
    assert ran.code == 0, ran.err
    found = pictures(ran.out, ".pdf")
    assert found
    assert not list(Path("out").rglob("*.png"))
    for path in found:
        content = Path(path).read_bytes()
        assert content.startswith(b"%PDF-1.")
        assert "featuremap ".encode("utf-16-be") in content
        assert b"Date" not in content


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_pdf_holds_every_pixel(mode: str) -> None:
    """Read by hand: the stream is deflated rows, each stored as its difference to the one above (PNG's filter 2)."""
    noise = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).quantize(40) if mode == "P" else Image.fromarray(noise).convert(mode)
    content = encode_pdf(picture, {"Command": "x (y) \\ 特"})
    found = re.search(rb"/Subtype /Image(.*?)stream\n", content, re.DOTALL)
    assert found is not None
    length = int(re.search(rb"/Length (\d+)", found[1])[1])
    rows = np.frombuffer(zlib.decompress(content[found.end() : found.end() + length]), np.uint8).reshape(37, -1)
    assert (rows[:, 0] == 2).all()
    pixels = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8)
    if mode == "P":
        colors = re.search(rb"/Indexed /DeviceRGB (\d+) <([0-9A-Fa-f]+)>", found[1])
        palette = np.frombuffer(bytes.fromhex(colors[2].decode()), np.uint8).reshape(-1, 3)
        assert len(palette) == int(colors[1]) + 1
        pixels = palette[pixels]
    expected = np.asarray(picture.convert("L" if mode == "L" else "RGB"))
    np.testing.assert_array_equal(pixels.reshape(expected.shape), expected)


def test_the_size_of_a_pdf_s_page_is_that_of_its_pixels_at_the_resolution() -> None:
    picture = Image.new("RGB", (300, 150))
    assert b"/MediaBox [ 0 0 144.0 72.0 ]" in encode_pdf(picture, {})
    assert b"/MediaBox [ 0 0 72.0 36.0 ]" in encode_pdf(picture, {}, dpi=300)
    assert encode_pdf(picture, {"Command": "x"}) == encode_pdf(picture, {"Command": "x"})


def test_another_format_is_made_anew_and_then_kept(featuremap) -> None:
    words = ("convolve", "sample:china", "-k", "sobel-x", "--separate", "--json", "-o", "out")
    featuremap(*words)
    first = json.loads(featuremap(*words, "--format", "pdf").out)
    assert (first["status"], first["outputs"]) == ("done", ["out/china.maps.pdf", "out/china.maps/000-sobel-x.pdf"])
    assert json.loads(featuremap(*words, "--format", "pdf").out)["status"] == "skipped"
    assert Path("out/filters.pdf").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "pdf", "--gallery"), "--gallery shows PNG files, and --format pdf writes others: leave out one"),
        (("--text-size", "3"), "6<=x<=200"),
        (("--dpi", "0"), "10<=x<=10000"),
        (("--format", "svg"), "'png', 'pdf'"),
    ],
)
def test_what_cannot_be_is_refused(featuremap, words: tuple[str, ...], message: str) -> None:
    ran = featuremap("convolve", "sample:china", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
