"""What is in the folder of a run, as its gallery shows it: from the manifest, and from what the pictures say of
themselves."""

from __future__ import annotations

import os
import posixpath
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featuremap_cli import __version__
from featuremap_cli.batch.manifest import Entry, Manifest
from featuremap_cli.batch.outputs import FILTERS, HEALTH_PICTURE, MANIFEST
from featuremap_cli.drawing.gallery import FailedImage, Gallery, ImageRow, Picture, Section
from featuremap_cli.drawing.png_facts import PngFacts, read_png_facts
from featuremap_cli.sources.listing import natural_key
from featuremap_cli.sources.locations import printable
from featuremap_cli.sources.stores import is_url

_MOST_NAMED, _MANY = 3, "IMAGES..."
_GONE = "its pictures are no longer in this folder; repeat the command that made them"
_OF_THE_RUN = (
    ("Filters", (FILTERS, "*.filters.png")),
    ("Patches", ("*.patches.png",)),
    ("Health", (HEALTH_PICTURE,)),
)


@dataclass
class _Row:
    """One image while the manifest is being read; several commands may have run on it.

    Attributes:
        relative: its path below its folder argument.
        stem: of its outputs; no other image of the same command has it.
        source: the absolute path of the image.
        pictures: by the column they belong to, the part of their file's name that is the same for every image.
    """

    relative: str
    stem: str
    source: str
    pictures: dict[str, Picture] = field(default_factory=dict)


def read_run(root: Path) -> Gallery:
    """Return what the folder `root` has to show.

    Raises:
        OutputError: the manifest cannot be read.
    """
    rows: dict[str, _Row] = {}
    failures = []
    for entry in Manifest(root / MANIFEST).entries():
        pictures = dict(_pictures(root, entry))
        if entry.status != "done" or (entry.outputs and not pictures):
            failures.append(FailedImage(printable(entry.relative), printable(entry.error or _GONE)))
        elif pictures:
            rows.setdefault(entry.source, _Row(entry.relative, entry.stem, entry.source)).pictures.update(pictures)
    columns = sorted({column for row in rows.values() for column in row.pictures}, key=natural_key)
    return Gallery(
        title=printable(root.resolve().name or str(root)),
        tool=f"featuremap {__version__}",
        commands=_commands(rows.values(), root),
        sections=tuple(_sections(root)),
        columns=tuple(_label(column, rows.values()) for column in columns),
        images=_image_rows(rows.values(), columns),
        failures=tuple(sorted(set(failures), key=lambda failure: natural_key(failure.name))),
    )


def _pictures(root: Path, entry: Entry) -> Iterator[tuple[str, Picture]]:
    """Yield the sheets of one image, each after its column; its single maps are left to their folder."""
    statistics = {str(layer.get("layer")): layer for layer in entry.layers}
    for path in entry.outputs:
        is_a_single_map = f"{path.rpartition('/')[0]}.png" in entry.outputs
        if not path.endswith(".png") or is_a_single_map or not _is_below(path):
            continue
        facts = _facts(root / path)
        if facts is not None:
            column = path.removeprefix(entry.stem)
            layer = facts.text.get("Layer") or column.strip("/.").removesuffix(".png")
            yield column, _picture(path, facts, layer, _detail(statistics.get(layer, {}), facts))


def _is_below(path: str) -> bool:
    """Whether a path of the manifest, which anybody may have written, stays in the run's folder."""
    native = Path(path)
    return not native.anchor and not native.drive and ".." not in native.parts


def _facts(path: Path) -> PngFacts | None:
    try:
        with path.open("rb") as file:
            return read_png_facts(file)
    except (OSError, ValueError):
        # ValueError: a NUL in a name.
        return None


def _picture(path: str, facts: PngFacts, label: str, detail: str) -> Picture:
    return Picture(
        path=path,
        width=facts.width,
        height=facts.height,
        label=printable(label),
        detail=printable(detail),
        command=printable(facts.text.get("Command", "")),
        tiles=facts.text.get("Tiles", ""),
    )


def _detail(statistics: Mapping[str, Any], facts: PngFacts) -> str:
    """Return `64 of 96 maps of 55 × 55 · 2 silent`, as far as it is known."""
    parts = []
    shape = statistics.get("shape")
    if isinstance(shape, Sequence) and len(shape) == 3:
        height, width, filters = shape
        shown = facts.text.get("Shown", "").partition(" of ")[0]
        some = f"{shown} of " if shown.isdecimal() and shown != str(filters) else ""
        parts.append(f"{some}{filters} map{'s' if filters != 1 else ''} of {height} × {width}")
    silent = statistics.get("silent")
    if isinstance(silent, Sequence) and silent:
        parts.append(f"{len(silent)} silent")
    return " · ".join(parts)


def _sections(root: Path) -> Iterator[Section]:
    for heading, patterns in _OF_THE_RUN:
        paths = sorted({path.name for pattern in patterns for path in root.glob(pattern)}, key=natural_key)
        pictures = [
            _picture(name, facts, facts.text.get("Layer") or name.removesuffix(".png"), "")
            for name in paths
            if (facts := _facts(root / name)) is not None
        ]
        if pictures:
            yield Section(heading, tuple(pictures))


def _label(column: str, rows: Iterable[_Row]) -> str:
    return next(row.pictures[column].label for row in rows if column in row.pictures)


def _image_rows(rows: Iterable[_Row], columns: Sequence[str]) -> tuple[ImageRow, ...]:
    listed = sorted(rows, key=lambda row: (natural_key(row.relative), natural_key(row.stem)))
    known = Counter(row.relative for row in listed)
    return tuple(
        ImageRow(
            # Two folders may each have an image of that name: what their files are called tells them apart.
            name=printable(row.relative if known[row.relative] == 1 else f"{row.relative} ({row.stem})"),
            pictures=tuple(row.pictures.get(column) for column in columns),
            source=row.source,
        )
        for row in listed
    )


def _commands(rows: Iterable[_Row], root: Path) -> tuple[str, ...]:
    """Return the command lines that made a run, from those that each make one image's pictures again.

    Of many images the folder stands that holds them all; its command makes the run again.
    """
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        for line in dict.fromkeys(picture.command for picture in row.pictures.values()):
            try:
                program, command, image, *options = shlex.split(line)
            except ValueError:
                continue
            groups.setdefault((program, command, *options), {})[image] = row.source
    return tuple(
        shlex.join([program, command, *_images(images), *options, "--out", str(root)])
        for (program, command, *options), images in groups.items()
    )


def _images(images: Mapping[str, str]) -> list[str]:
    """Return what stands on a command line for images, by their names: up to three of them, or their folder."""
    if len(images) <= _MOST_NAMED:
        return list(images)
    sources = list(images.values())
    schemes = {source.partition("://")[0] for source in sources if is_url(source)}
    try:
        if not schemes:
            return [os.path.commonpath(sources)]
        (scheme,) = schemes
        folder = posixpath.commonpath([source.removeprefix(f"{scheme}://") for source in sources])
        return [f"{scheme}://{folder}" if folder else _MANY]
    except ValueError:  # some of a store and some of a disk, or of two stores
        return [_MANY]
