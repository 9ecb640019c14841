"""Folders and globs, walked lazily: one folder is listed at a time, its names in natural order (2 before 10).

Nothing here opens an image; names alone decide. Symbolic links to folders are not followed on the way down, so that a
link to a folder above makes no circle; links to files are files.
"""

# ruff: noqa: PTH100, PTH110, PTH112, PTH113, PTH118, PTH119, PTH120, PTH122
# Paths stay the text they were: there may be a million, and Path would rewrite them (`./a`, `a//b`, an empty one).

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# What Pillow opens by itself or with a package (HEIC), TIFF and .npy; for McIDAS, SPIDER, IM1, IMT and XV's thumbnails,
# which Pillow knows by no ending, those that they are usually given. Left out of Pillow's own list: what it only writes
# (PDF, PALM), what needs another program or handler (EPS, PS, WMF, EMF, GRIB, BUFR, HDF5), what is video (MPEG) or
# metadata (IIM).
# fmt: off
IMAGE_SUFFIXES = frozenset((
    ".apng", ".area", ".avif", ".avifs", ".blp", ".bmp", ".bw", ".cur", ".dcx", ".dds", ".dib", ".fit", ".fits",
    ".flc", ".fli", ".ftc", ".ftu", ".gbr", ".gif", ".heic", ".heif", ".hif", ".icb", ".icns", ".ico", ".im",
    ".im1", ".imt", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo",
    ".msp", ".npy", ".p7", ".pbm", ".pcd", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".pxr", ".qoi",
    ".ras", ".rgb", ".rgba", ".sgi", ".spi", ".spider", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp", ".xbm",
    ".xpm", ".xv",
))
# fmt: on

RUN_MARK = "featuremap-manifest.jsonl"
"""The file by which a folder that a run has written is known: what is in it is results, not photographs."""

_MOST_ENDINGS, _MOST_NAMED = 50, 8
_DIGITS = re.compile(r"[0-9]+")
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Found:
    """A file or folder that a walk came to.

    Attributes:
        path: what to open.
        below: its path below the folder where the walk began, parts joined by `/`.
        is_folder: whether it is a folder that a glob matched; a walk through a folder yields files only.
    """

    path: str
    below: str
    is_folder: bool = False


@dataclass(frozen=True)
class Unreadable:
    """A folder that could not be listed, and the system's reason."""

    path: str
    reason: str


def natural_key(name: str) -> str:
    """The text by which names sort as people count: `scan2` before `scan10`, capitals beside small letters."""
    return _DIGITS.sub(_number_key, name.casefold())


def _number_key(digits: re.Match[str]) -> str:
    # How many digits comes first: the longer of two numbers is the larger.
    number = digits[0].lstrip("0")
    return f"{len(number):03}{number}"


def has_image_suffix(name: str) -> bool:
    """Whether a file of this name is taken for an image when a folder or a glob comes to it."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def is_glob(text: str) -> bool:
    """Whether the text holds a character that a glob gives a meaning: `*`, `?` or `[`."""
    return _MAGIC.search(text) is not None


@dataclass(frozen=True)
class Results:
    """A folder that was passed over: an earlier run has written it."""

    path: str


@dataclass
class PassedOver:
    """Files that a search came by and did not take, counted by the endings of their names.

    Attributes:
        endings: `.txt` and how many; of all beyond the first fifty endings under an empty text.
    """

    endings: Counter[str] = field(default_factory=Counter)

    def add(self, name: str) -> None:
        """Count a file."""
        ending = os.path.splitext(name)[1].lower() or "no ending"
        self.endings[ending if ending in self.endings or len(self.endings) < _MOST_ENDINGS else ""] += 1

    def words(self) -> str:
        """Say how many, `3 files that are no images by their names: 2 .txt, 1 .mp4`; nothing where there are none."""
        count = self.endings.total()
        if not count:
            return ""
        common = [(ending, number) for ending, number in self.endings.most_common(_MOST_NAMED) if ending]
        shown = [f"{number:,} {ending}" for ending, number in common]
        rest = count - sum(number for _, number in common)
        what = (
            "1 file that is no image by its name"
            if count == 1
            else f"{count:,} files that are no images by their names"
        )
        return f"{what}: {', '.join(shown)}" + (f", {rest:,} others" if rest else "")


def walk(
    folder: str, below: str = "", without: frozenset[str] = frozenset(), passed: PassedOver | None = None
) -> Iterator[Found | Unreadable | Results]:
    """Yield the image files of a folder and of the folders in it, hidden ones and results of earlier runs left out.

    Args:
        folder: where to begin.
        below: put before each file's path below the folder.
        without: absolute paths of folders that are not entered.
        passed: counts the files that are not taken; hidden ones and results are not counted.

    Yields:
        files with an image's suffix, files and folders of one folder in one natural order; `Unreadable` for a folder
        that cannot be listed, `Results` for one below the first that an earlier run has written.
    """
    waiting: list[Iterator[Found]] = [iter((Found(folder, below, is_folder=True),))]
    passed = None if passed is None or _is_of_run(folder) else passed
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
        elif not found.is_folder:
            if has_image_suffix(found.path):
                yield found
            elif passed is not None:
                passed.add(found.path)
        elif found.path != folder and _is_run(found.path):
            yield Results(found.path)
        else:
            try:
                waiting.append(_inside(found, without))
            except OSError as error:
                yield Unreadable(found.path, error.strerror or str(error))


def _is_run(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, RUN_MARK))


def _is_of_run(folder: str) -> bool:
    """Whether a run has written the folder or one that it lies in: what else is there is of that run too."""
    path, below = os.path.abspath(folder), ""
    while path != below:
        if _is_run(path):
            return True
        path, below = os.path.dirname(path), path
    return False


def expand(
    pattern: str, without: frozenset[str] = frozenset(), passed: PassedOver | None = None
) -> Iterator[Found | Unreadable]:
    """Yield what a glob matches: `*`, `?` and `[...]` within one name, `**` for any number of folders.

    Hidden names need a pattern that begins with a dot, as in a shell. `below` counts from the last folder before the
    first part with a glob character: for `photos/*/a.jpg` it is `holiday/a.jpg`.

    Args:
        pattern: the glob as the user wrote it.
        without: absolute paths of folders that are not entered.
        passed: counts the files that match and are not taken; hidden ones and those of a run are not counted.

    Yields:
        files with an image's suffix and folders; `Unreadable` for a folder that cannot be listed.
    """
    drive, tail = os.path.splitdrive(pattern)
    parts = tail.replace(os.sep, "/").split("/")
    fixed = next(index for index, part in enumerate(parts) if is_glob(part))
    start = drive + "".join(f"{part}/" for part in parts[:fixed])
    varying = [part for part in parts[fixed:] if part]
    # Two `**` in a row mean no more than one, and would visit every folder many times.
    varying = [part for part, before in zip(varying, ["", *varying], strict=False) if (part, before) != ("**", "**")]
    yield from _matches(Found(start, "", is_folder=True), varying, without, passed)


def _matches(
    folder: Found, parts: Sequence[str], without: frozenset[str], passed: PassedOver | None
) -> Iterator[Found | Unreadable]:
    part, rest = parts[0], parts[1:]
    if not is_glob(part):
        path = os.path.join(folder.path, part)
        if os.path.exists(path):
            yield from _matched(Found(path, _join(folder.below, part), os.path.isdir(path)), rest, without, passed)
        return
    passed = None if passed is None or _is_of_run(folder.path) else passed
    try:
        entries = _inside(folder, without, hidden=part.startswith("."), linked_folders=part != "**")
    except OSError as error:
        yield Unreadable(folder.path, error.strerror or str(error))
        return
    if part == "**":
        yield from _at_any_depth(folder, entries, parts, without, passed)
        return
    for entry in entries:
        if fnmatch.fnmatch(os.path.basename(entry.path), part):
            yield from _matched(entry, rest, without, passed)


def _at_any_depth(
    folder: Found,
    entries: Iterator[Found],
    parts: Sequence[str],
    without: frozenset[str],
    passed: PassedOver | None,
) -> Iterator[Found | Unreadable]:
    rest = parts[1:]
    if rest:
        yield from _matches(folder, rest, without, passed)
    for entry in entries:
        if entry.is_folder:
            yield from _matches(entry, parts, without, passed)
        elif not rest:
            yield from _matched(entry, rest, without, passed)


def _matched(
    entry: Found, rest: Sequence[str], without: frozenset[str], passed: PassedOver | None
) -> Iterator[Found | Unreadable]:
    if rest and entry.is_folder:
        yield from _matches(entry, rest, without, passed)
    elif not rest and (entry.is_folder or has_image_suffix(entry.path)):
        yield entry
    elif not rest and passed is not None and not os.path.basename(entry.path).startswith("."):
        passed.add(entry.path)


def _inside(
    folder: Found, without: frozenset[str], hidden: bool = False, linked_folders: bool = False
) -> Iterator[Found]:
    """List one folder now (OSError comes from here), and hand out what is in it one by one."""
    names: list[str] = []
    folders: set[str] = set()
    with os.scandir(folder.path or os.curdir) as entries:
        for entry in entries:
            if entry.name.startswith(".") and not hidden:
                continue
            # A link that leads in a circle makes DirEntry.is_file raise; os.path's functions say no.
            linked = entry.is_symlink()
            if os.path.isdir(entry.path) if linked else entry.is_dir():
                if linked and not linked_folders:
                    continue
                folders.add(entry.name)
            elif not (os.path.isfile(entry.path) if linked else entry.is_file()):
                continue
            names.append(entry.name)
    # Only names are kept, not entries, and the key is one text: a folder may hold a million images.
    names.sort()
    names.sort(key=natural_key)
    return _each(folder, names, folders, without)


def _each(folder: Found, names: list[str], folders: set[str], without: frozenset[str]) -> Iterator[Found]:
    for name in names:
        path = os.path.join(folder.path, name)
        is_folder = name in folders
        if not (is_folder and without and os.path.abspath(path) in without):
            yield Found(path, _join(folder.below, name), is_folder)


def _join(below: str, name: str) -> str:
    return f"{below}/{name}" if below else name
