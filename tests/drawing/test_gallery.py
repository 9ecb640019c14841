"""The page as text: names from anywhere must stay text. How it behaves is tried in `tests/gallery_page`."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from featuremap_cli.arrays import FeatureMaps
from featuremap_cli.drawing.gallery import FailedImage, Gallery, ImageRow, Picture, Section, count, render_gallery
from featuremap_cli.drawing.png import encode
from featuremap_cli.drawing.sheet import draw_maps
from featuremap_cli.drawing.style import SheetStyle
from featuremap_cli.drawing.thumbnails import layer_thumbnail, tile_places

HOSTILE = [
    "<script>alert(1)</script>.png",
    "</style><img src=x onerror=alert(1)>.png",
    "--><!--.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "a\" onclick=\"alert(1)' x='.png",
    "100% #1?.png",
    "javascript:alert(1).png",
    "&lt;b&gt; &amp;.png",
    "two\nlines\tand a tab.png",
    "照片/ünïcødé ‮gnp.exe.png",
    "back\\slash/../dots.png",
    "-rf ;|`$(id)`.png",
]


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and the text of each script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements and the names of their attributes: what no text may change."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]


def gallery_of(name: str) -> Gallery:
    """A gallery in which everything that comes from outside is this name."""
    picture = Picture(name, 320, 200, name, name, name)
    return Gallery(
        title=name,
        tool="featuremap 0",
        commands=(name,),
        sections=(Section("Filters", (picture,)),),
        columns=(name, "other"),
        images=(ImageRow(name, (picture, None)),),
        failures=(FailedImage(name, name),),
    )


PLAIN = Page(render_gallery(gallery_of("plain.png")))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup_or_leads_elsewhere(name: str) -> None:
    html = render_gallery(gallery_of(name))
    page = Page(html)
    assert page.shape == PLAIN.shape
    assert page.inside["script"] == PLAIN.inside["script"]
    assert page.text.count(name) == PLAIN.text.count("plain.png")
    links = [link for link in page.all("a") if link.get("class") == "sheet"]
    assert len(links) == 2
    for link, picture in zip(links, page.all("img"), strict=False):
        address = urlsplit(link["href"] or "")
        assert (address.scheme, address.netloc, address.query, address.fragment) == ("", "", "", "")
        assert unquote_to_bytes(address.path) == f"./{name}".encode()
        assert picture["src"] == link["href"]
        assert (link["data-label"], link["data-command"]) == (name, name)
        assert name in (picture["alt"] or "")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_text_stays_text(name: str) -> None:
    page = Page(render_gallery(gallery_of(name)))
    assert page.shape == PLAIN.shape
    assert page.all("article")[0]["data-name"] == name


def test_a_file_name_that_is_no_text_is_linked_by_its_bytes() -> None:
    picture = Picture(b"caf\xe9.png".decode("utf-8", "surrogateescape"), 1, 1, "conv1")
    html = render_gallery(Gallery("run", "featuremap 0", columns=("conv1",), images=(ImageRow("caf?", (picture,)),)))
    assert 'href="./caf%E9.png"' in html
    html.encode()


def test_a_network_path_stays_below_the_page() -> None:
    picture = Picture("//example.org/a.png", 1, 1, "conv1")
    html = render_gallery(Gallery("run", "featuremap 0", columns=("conv1",), images=(ImageRow("a", (picture,)),)))
    assert 'href=".///example.org/a.png"' in html


def test_the_policy_allows_only_the_page_s_own_style_and_script_and_pictures_beside_it() -> None:
    metas = {meta.get("http-equiv"): meta.get("content") for meta in PLAIN.all("meta")}
    policy = dict(part.split(" ", 1) for part in (metas["Content-Security-Policy"] or "").split("; "))
    for tag in ("script", "style"):
        (text,) = PLAIN.inside[tag]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["img-src"] == "'self' file: data:"


def test_the_page_needs_nothing_from_elsewhere_and_has_no_script_in_attributes() -> None:
    addresses = [
        value
        for _, attributes in PLAIN.elements
        for key, value in attributes.items()
        if key in ("src", "href", "srcset", "action", "data", "poster")
    ]
    assert set(addresses) == {"./plain.png", "data:,"}
    assert not [key for _, attributes in PLAIN.elements for key in attributes if key.startswith("on") or key == "style"]
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|innerHTML", render_gallery(gallery_of("plain.png")))


def test_pictures_are_lazy_and_have_their_size_and_a_description() -> None:
    pictures = [picture for picture in PLAIN.all("img") if picture.get("src")]
    assert len(pictures) == 2
    for picture in pictures:
        assert (picture["loading"], picture["width"], picture["height"]) == ("lazy", "320", "200")
    assert pictures[1]["alt"] == "Feature maps of plain.png: plain.png"


def test_layers_go_across_in_the_order_of_the_columns_and_a_gap_stays_a_gap() -> None:
    first, second = (Picture(f"a/{layer}.png", 100, 100, layer) for layer in ("conv1", "conv2"))
    images = (ImageRow("a.jpg", (first, second)), ImageRow("b.jpg", (None, second)))
    page = Page(render_gallery(Gallery("run", "featuremap 0", columns=("conv1", "conv2"), images=images)))
    assert [item["data-column"] for item in page.all("li")] == ["0", "1", "0", "1"]
    assert [link["data-label"] for link in page.all("a")[:-1]] == ["conv1", "conv2", "conv2"]
    assert [option["value"] for option in page.all("option")] == ["", "0", "1"]
    assert "2 images · 2 layers" in page.text


def test_frames_have_the_shape_of_most_sheets() -> None:
    wide = tuple(ImageRow(str(width), (Picture("a.png", width, 100, "maps"),)) for width in (90, 200, 210))
    html = render_gallery(Gallery("run", "featuremap 0", columns=("maps",), images=wide))
    assert "--shape: 2.00;" in html
    assert '<body class="wide">' in html
    assert "--shape: 1.00;" in render_gallery(Gallery("run", "featuremap 0"))


@pytest.mark.parametrize(("number", "words"), [(0, "0 images"), (1, "1 image"), (1000, "1,000 images")])
def test_counting(number: int, words: str) -> None:
    assert count(number, "image") == words


def test_a_small_picture_is_the_mean_of_the_tiles_that_are_not_flat(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 4), np.float32)
    values[0, :, :2], values[1, :2, :] = 5, 70  # the left half of one map, the upper half of another, a silent one
    maps = FeatureMaps(values, ("",) * 3, "conv")
    sheet = draw_maps(maps, SheetStyle(), "title")
    (tmp_path / "a.png").write_bytes(encode(sheet.picture, sheet.text))
    places = tile_places(sheet.text["Tiles"])
    assert list(places) == [0, 1]
    assert json.loads(sheet.text["Tiles"])["1"][4:] == [0, 70]
    pixels = np.asarray(sheet.picture.convert("L"))
    left, top, width, height = places[0]
    assert (pixels[top : top + height, left : left + width // 2] == 255).all()
    content = layer_thumbnail(tmp_path / "a.png", places)
    assert content is not None
    mean = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    side = mean.shape[0] // 2
    middles = side // 2, side + side // 2
    corners = [int(mean[row, column]) for row in middles for column in middles]
    assert corners == pytest.approx([255, 127, 127, 0], abs=2)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 3}', '{"1": [1, 2]}', '{"1": [-1, 2, 3, 4, 0, 1]}', '{"1": null}']
)
def test_what_a_sheet_says_of_its_tiles_may_be_anything(text: str) -> None:
    assert tile_places(text) == {}


def test_tiles_outside_of_the_sheet_are_left_out(tmp_path: Path) -> None:
    Image.new("L", (10, 10)).save(tmp_path / "a.png")
    assert layer_thumbnail(tmp_path / "a.png", {0: (5, 5, 50, 50), 1: (0, 0, 0, 3)}) is None
