"""A page to browse a run: what stands on it, and the page as one HTML file.

Images go down, layers go across. The page needs no network and no other file than the pictures it shows; without
JavaScript it still shows them, each a link to its file.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from statistics import median
from urllib.parse import quote


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    Attributes:
        path: its file, relative to the page, `/` between the parts.
        width, height: its size in pixels.
        label: what it shows: a layer, a filter bank.
        detail: more of it: shape, silent maps.
        command: the command line that makes it again.
        thumbnail: the file of a small picture of it, as `path`; empty where there is none.
        tiles: where its maps are, as its chunk `Tiles` says; empty where it says nothing.
        thumbnail_shape: width over height of the small picture.
    """

    path: str
    width: int
    height: int
    label: str
    detail: str = ""
    command: str = ""
    thumbnail: str = ""
    tiles: str = ""
    thumbnail_shape: float | None = None

    @property
    def shape(self) -> float:
        """Width over height of what the page shows of it."""
        return self.thumbnail_shape or self.width / self.height


@dataclass(frozen=True)
class ImageRow:
    """One image of the run, and the pictures made of it.

    Attributes:
        name: what the page calls it, and what a filter by name looks at.
        pictures: one for each of the gallery's columns; None where the image has none.
        source: where the image itself is.
        photograph: the file of a small picture of it, as `Picture.path`; None where there is none.
    """

    name: str
    pictures: tuple[Picture | None, ...]
    source: str = ""
    photograph: str | None = None


@dataclass(frozen=True)
class FailedImage:
    """An image that could not be done, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Section:
    """Pictures of the run as a whole, under a heading of their own."""

    heading: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Gallery:
    """Everything that stands on the page. Texts are plain: what HTML needs escaped is escaped here.

    Attributes:
        title: the run's name.
        tool: name and version of what wrote the page.
        commands: the command lines that made the run.
        sections: its filter sheets, and what else it has only once.
        columns: the layers.
        images: a row each.
        failures: images without pictures.
    """

    title: str
    tool: str
    commands: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    columns: tuple[str, ...] = ()
    images: tuple[ImageRow, ...] = ()
    failures: tuple[FailedImage, ...] = ()


def render_gallery(gallery: Gallery) -> str:
    """Return the page as the text of an HTML file.

    No name on it can become markup or script: the template escapes every text, and a content security policy allows
    only the style and the script that are written here, and pictures from where the page is.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("featuremap_cli.drawing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"address": _address, "count": count}
    shape = _shape(gallery)
    style, script = f"{_read('gallery.css')}body {{ --shape: {shape:.2f}; }}\n", _read("gallery.js")
    return templates.get_template("gallery.html").render(
        gallery=gallery,
        style=style,
        script=script,
        policy=_policy(style, script),
        shape=shape,
        summary=_summary(gallery),
    )


def count(number: int, noun: str) -> str:
    """Return `1 image`, `1,000 images`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _address(path: str) -> str:
    """Return the relative URL of a file; the dot in front keeps a name such as `data:x` from being read as a scheme."""
    return "./" + quote(path.encode("utf-8", "surrogateescape"))


def _summary(gallery: Gallery) -> str:
    parts = [count(len(gallery.images), "image")]
    if len(gallery.columns) > 1:
        parts.append(count(len(gallery.columns), "layer"))
    if gallery.failures:
        parts.append(f"{len(gallery.failures):,} failed")
    return " · ".join(parts)


def _shape(gallery: Gallery) -> float:
    """Return width over height of the frames that all sheets of images stand in: that of most sheets."""
    shapes = [picture.shape for image in gallery.images for picture in image.pictures if picture]
    return min(max(median(shapes), 0.75), 3.0) if shapes else 1.0


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _read(name: str) -> str:
    return resources.files("featuremap_cli.drawing").joinpath("templates", name).read_text("utf-8")
