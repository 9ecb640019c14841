"""Where images come from: what IMAGES on the command line stands for, one image after the other.

NumPy and Pillow are not imported here, so that a wrong name is reported before anything heavy is loaded.
"""

# ruff: noqa: PTH100, PTH110, PTH112, PTH119
# Paths stay the text they were: there may be a million, and Path would rewrite them (`./a`, `a//b`, an empty one).

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from featuremap_cli.errors import ImageError
from featuremap_cli.sources.listing import Found, PassedOver, Results, Unreadable, expand, is_glob, walk
from featuremap_cli.sources.stores import is_url, without_secrets

if TYPE_CHECKING:
    from io import BufferedReader

SAMPLES = ("china", "flower")

_SAMPLE_PREFIX = "sample:"
_FORMS = "an image file, a folder, a quoted glob, - or sample:china"


@dataclass(frozen=True)
class ImageLocation:
    """Where one image is.

    Attributes:
        path: what is opened: a file's path, or `sample:china`.
        relative: its place below OUT, parts joined by `/`, suffix kept: `holiday/a.jpg` for photos/holiday/a.jpg
            found in the folder `photos`; a file given by itself has its name alone. Never absolute, never with `..`.
        stamp: what a store's listing said of its content, see `stores.Stamp`; None for a file.
    """

    path: str
    relative: str
    stamp: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        """What sheets call it: the last part of `relative`, in characters that can be shown."""
        return printable(posixpath.basename(self.relative))

    @property
    def shown(self) -> str:
        """Its path as reports, manifests and pictures carry it: an address without what might be a secret."""
        return without_secrets(self.path) if is_url(self.path) else self.path


@dataclass(frozen=True)
class MissingImage:
    """An argument, or a folder below one, that gives no image. A run reports it and goes on.

    Attributes:
        argument: the argument or the folder, as written.
        message: one line: what was expected, what came, what to do.
    """

    argument: str
    message: str


def printable(text: str) -> str:
    """The text in one line that any terminal can show: control characters and undecodable bytes become escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def find_images(
    arguments: Iterable[str],
    stdin: Iterable[str] | None = None,
    *,
    without: Iterable[str] = (),
    ends_with_null: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Iterator[ImageLocation | MissingImage]:
    """Yield every image the arguments stand for, in their order, each once, while they are still being looked for.

    A file is taken whatever its name; a folder is searched for files with an image's suffix, hidden ones left out; a
    glob is read here when no file has its name; `-` reads paths, one a line; `sample:china` is a photograph shipped
    with the package; `s3://bucket/photos` and the like are searched in their store
    (`store_search.py`). Two arguments that lead to the same absolute path count once; a link and its target are two.

    Args:
        arguments: as written on the command line.
        stdin: the lines that `-` reads; standard input when None.
        without: folders that no search enters (the output folder), unless they are an argument themselves.
        ends_with_null: each path on standard input ends with a NUL, as `find -print0` writes them, not with a line.
        tell: told in a line which folders are passed over because an earlier run has written them, and for each folder
            at its end how many files are not taken for images.

    Raises:
        MissingDependencyError: an address in a store, and no package that reaches it.

    Yields:
        an ImageLocation for each image; a MissingImage for an argument that gives none, and for a folder that
        cannot be listed.
    """
    listed = list(arguments)
    finder = _Finder(frozenset(folder if is_url(folder) else os.path.abspath(folder) for folder in without), tell)
    for position, argument in enumerate(listed):
        if argument == "-":
            lines = (_ended_by_null() if ends_with_null else _standard_input()) if stdin is None else stdin
            for line in lines:
                path = line if ends_with_null else line.removesuffix("\n").removesuffix("\r")
                if path:
                    yield from finder.path(path, "a file, a folder or sample:china on each line")
        else:
            yield from finder.argument(argument, is_last=position == len(listed) - 1)


def is_sample(path: str) -> bool:
    """Whether the path names a shipped photograph. A file that has this very name wins."""
    return path.startswith(_SAMPLE_PREFIX) and not os.path.lexists(path)


def sample_path(name: str) -> Path:
    """The file of a shipped photograph.

    Args:
        name: `china`, or `sample:china`.

    Raises:
        ImageError: there is no such sample, or its file is not installed.
    """
    name = name.removeprefix(_SAMPLE_PREFIX)
    if name not in SAMPLES:
        known = " and ".join(_SAMPLE_PREFIX + sample for sample in SAMPLES)
        raise ImageError(f"{printable(_SAMPLE_PREFIX + name)} is not a sample image: there are {known}")
    package = Path(__file__).resolve().parents[1]
    # A wheel carries the folder inside the package, a checkout beside it.
    for folder in (package, package.parent):
        path = folder / "sample_images" / f"{name}.jpg"
        if path.is_file():
            return path
    raise ImageError(f"sample:{name} is not where the package was installed ({package}): install featuremap-cli again")


class _Finder:
    """What find_images knows between one argument and the next: which paths it has yielded."""

    def __init__(self, without: frozenset[str], tell: Callable[[str], None] | None) -> None:
        self._without, self._tell = without, tell
        self._yielded: set[str] = set()
        self._searched_before: set[str] = set()

    def argument(self, argument: str, is_last: bool) -> Iterator[ImageLocation | MissingImage]:
        if is_url(argument) or os.path.lexists(argument) or is_sample(argument) or not is_glob(argument):
            yield from self.path(argument, _FORMS, is_last)
        else:
            yield from self._glob(argument)

    def path(self, path: str, expected: str, is_last: bool = False) -> Iterator[ImageLocation | MissingImage]:
        if is_url(path):
            yield from self._in_store(path, remember=not is_last)
        elif is_sample(path):
            yield from self._sample(path)
        elif os.path.isdir(path):
            # Nothing comes after the last argument, and a folder holds no path twice: a million need no memory.
            passed = PassedOver()
            found = walk(path, without=self._without, passed=passed)
            yield from self._searched(path, found, remember=not is_last, passed=passed)
        elif os.path.exists(path):
            yield from self._once(ImageLocation(path, os.path.basename(path)), os.path.abspath(path))
        elif os.path.lexists(path):
            yield MissingImage(path, f"{printable(path)} is a link to a file that is not there: mend the link")
        else:
            shown = printable(path) or "an empty name"
            yield MissingImage(path, f"{shown} does not exist: expected {expected}; check the name")

    def _sample(self, path: str) -> Iterator[ImageLocation | MissingImage]:
        try:
            file = sample_path(path)
        except ImageError as error:
            yield MissingImage(path, str(error))
        else:
            yield from self._once(ImageLocation(path, file.name), os.path.abspath(file))

    def _in_store(self, url: str, remember: bool) -> Iterator[ImageLocation | MissingImage]:
        from featuremap_cli.sources.store_search import find_in_store

        passed = PassedOver()
        for found in find_in_store(url, self._without, passed):
            if isinstance(found, MissingImage):
                yield found
            else:
                yield from self._once(found, found.path, remember)
        self._tell_passed(without_secrets(url), url, passed)

    def _glob(self, pattern: str) -> Iterator[ImageLocation | MissingImage]:
        passed = PassedOver()

        def files() -> Iterator[Found | Unreadable | Results]:
            for found in expand(pattern, self._without, passed):
                if isinstance(found, Found) and found.is_folder:
                    yield from walk(found.path, found.below, self._without, passed)
                else:
                    yield found

        yield from self._searched(pattern, files(), remember=True, passed=passed)

    def _searched(
        self, argument: str, found: Iterator[Found | Unreadable | Results], remember: bool, passed: PassedOver
    ) -> Iterator[ImageLocation | MissingImage]:
        is_empty = True
        for one in found:
            if isinstance(one, Results):
                if self._tell is not None:
                    self._tell(
                        f"{printable(one.path)} is passed over: an earlier run has written it; name it to search it"
                    )
                continue
            is_empty = False
            if isinstance(one, Unreadable):
                yield MissingImage(
                    one.path, f"{printable(one.path)} cannot be listed ({one.reason}): check the folder's permissions"
                )
            else:
                below = posixpath.normpath(one.below)
                relative = posixpath.basename(below) if below.startswith("../") else below
                yield from self._once(ImageLocation(one.path, relative), os.path.abspath(one.path), remember)
        if is_empty:
            yield MissingImage(argument, _nothing_in(argument))
        self._tell_passed(argument, os.path.abspath(argument), passed)

    def _tell_passed(self, argument: str, identity: str, passed: PassedOver) -> None:
        """Say what a search has passed over, once for each place that is searched."""
        if self._tell is not None and (words := passed.words()) and identity not in self._searched_before:
            self._tell(f"{printable(argument)}: passed over {words}")
            self._searched_before.add(identity)

    def _once(self, location: ImageLocation, identity: str, remember: bool = True) -> Iterator[ImageLocation]:
        if identity in self._yielded:
            return
        if remember:
            self._yielded.add(identity)
        yield location


def _nothing_in(argument: str) -> str:
    expected = "expected files such as .jpg, .png, .tif or .npy"
    if os.path.isdir(argument):
        return f"{printable(argument)} holds no image: {expected}, hidden ones not counted; check the folder"
    return f"{printable(argument)} matches no image: {expected}; check the glob"


def _standard_input() -> Iterator[str]:
    # Bytes, because a file's name need not be text in the terminal's encoding.
    for line in sys.stdin.buffer:
        yield os.fsdecode(line)


def _ended_by_null() -> Iterator[str]:
    rest = b""
    stream = cast("BufferedReader", sys.stdin.buffer)
    while block := stream.read1(1 << 16):
        *whole, rest = (rest + block).split(b"\0")
        yield from map(os.fsdecode, whole)
    yield os.fsdecode(rest)
