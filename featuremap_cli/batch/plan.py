"""Which images a run does, and below which name each one's outputs go.

An image's outputs mirror its place in the source tree, `holiday/a.jpg` giving `holiday/a.maps.png`. Two images never
share a name, nor names that differ by case only (a disk or an archive that ignores case would mix them up). The first
one keeps the plain name; a later one is told apart by its suffix (`a.png.maps.png` beside `a.jpg`'s), by the
folder it came from (`after/a.maps.png` where `before` and `after` were both given), or by a number.

Names depend on the order of the images and on the manifest: an image that has a name keeps it when others come before
it later, and another run into the same folder does not write over it, unless its source is gone.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from featuremap_cli.batch.hash_set import HashSet
from featuremap_cli.batch.job import Task
from featuremap_cli.batch.manifest import Entry, Manifest
from featuremap_cli.batch.names import safe_relative, without_suffix
from featuremap_cli.batch.outputs import RESERVED, OutputFolder, sheet_of
from featuremap_cli.sources.locations import ImageLocation, MissingImage, is_sample
from featuremap_cli.sources.stores import exists, is_url, without_secrets


@dataclass(frozen=True)
class Missing:
    """A place in the plan where an image was expected and none is.

    Attributes:
        index: its place, from 0.
        argument: what the user wrote.
        message: why there is no image.
    """

    index: int
    argument: str
    message: str


def plan_images(
    found: Iterable[ImageLocation | MissingImage], job: str, folder: OutputFolder, manifest: Manifest
) -> Iterator[Task | Missing]:
    """Give every image its place and its name, one by one; about 32 bytes an image are kept.

    What an earlier run wrote into the folder is not an image to do again (`featuremap convolve . --out .`).

    Args:
        found: the images, in the order in which they are reported.
        job: the command; each has names of its own.
        folder: where outputs go.
        manifest: what is known of earlier runs into it.
    """
    names = _Names(job, manifest)
    separator = "/" if is_url(folder.root) else os.sep
    root = source_of(folder.root).rstrip(separator) + separator
    index = 0
    for location in found:
        if isinstance(location, MissingImage):
            yield Missing(index, location.argument, location.message)
        elif _is_own_output(source_of(location.path), root, manifest):
            continue
        else:
            yield Task(index, location, names.choose(location))
        index += 1


def source_of(path: str) -> str:
    """What tells one image from another: its absolute path; a shipped sample's name; an address, without secrets."""
    if is_url(path):
        return without_secrets(path)
    return path if is_sample(path) else os.path.abspath(path)  # noqa: PTH100 -- Path.absolute keeps `..`


def _is_own_output(source: str, root: str, manifest: Manifest) -> bool:
    if not source.startswith(root):
        return False
    relative = source[len(root) :].replace(os.sep, "/")
    sheet = sheet_of(relative)
    return relative in RESERVED or manifest.wrote(relative) or (sheet is not None and manifest.wrote(sheet))


class _Names:
    def __init__(self, job: str, manifest: Manifest) -> None:
        self._job, self._manifest = job, manifest
        self._taken = HashSet()

    def choose(self, location: ImageLocation) -> str:
        source = source_of(location.path)
        for candidate in self._candidates(location):
            if fold(candidate) in self._taken:
                continue
            if self._owner(candidate, besides=source) is None:
                break
        self._taken.add(fold(candidate))
        # The mark cannot be part of a stem, which has no control characters.
        self._taken.add(f"\n{location.relative}")
        return candidate

    def _candidates(self, location: ImageLocation) -> Iterator[str]:
        stem = _unreserved(safe_relative(without_suffix(location.relative)))
        yield stem
        parent = _folder_it_came_from(location)
        if not self._has_a_namesake(location, stem):
            yield _unreserved(safe_relative(location.relative))
        elif parent:
            yield _unreserved(safe_relative(f"{parent}/{stem}"))
        number = 2
        while True:
            yield f"{stem}-{number}"
            number += 1

    def _has_a_namesake(self, location: ImageLocation, stem: str) -> bool:
        """Whether an image of the very same name is there already, so that it must come from another folder."""
        if f"\n{location.relative}" in self._taken:
            return True
        owner = self._owner(stem, besides="")
        return owner is not None and owner.relative == location.relative

    def _owner(self, stem: str, besides: str) -> Entry | None:
        """What an earlier run wrote under this name from another source than `besides`, while that is still there."""
        entry = self._manifest.find(self._job, stem)
        if entry is None or entry.status != "done" or entry.source == besides:
            return None
        return entry if _is_there(entry.source) else None


def _is_there(source: str) -> bool:
    if not is_url(source):
        return is_sample(source) or Path(source).exists()
    try:
        return exists(source)
    except OSError:
        # What cannot be asked for may well be there.
        return True


def _unreserved(stem: str) -> str:
    """A stem that is no file which the tool itself puts into the output folder."""
    first = stem.partition("/")[0]
    return f"{first}_{stem[len(first) :]}" if first.lower() in RESERVED else stem


def fold(name: str) -> str:
    """Names that some disks take for one give one text: case is ignored, and how accents are composed."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name.casefold())


def _folder_it_came_from(location: ImageLocation) -> str:
    """The name of the folder argument above the image: `after` for `runs/after/a.jpg` found in `runs/after`."""
    path = PurePosixPath(location.path.replace(os.sep, "/"))
    above = path.parents[len(PurePosixPath(location.relative).parts) - 1 :]
    return above[0].name.strip(".") if above else ""
