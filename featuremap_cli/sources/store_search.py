"""Images in a store: one address, everything below an address, or a glob, listed while the run goes on.

S3 is listed a page of a thousand keys at a time, in the store's own order, so that a bucket of any size needs no
memory. Other stores are listed a folder at a time, in natural order, as folders on a disk are.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from featuremap_cli.errors import UsageError
from featuremap_cli.sources import stores
from featuremap_cli.sources.listing import RUN_MARK, PassedOver, has_image_suffix, is_glob, natural_key
from featuremap_cli.sources.locations import ImageLocation, MissingImage, printable

_S3 = frozenset(("s3", "s3a"))


@dataclass(frozen=True)
class Listed:
    """An object in a listing.

    Attributes:
        url: its address.
        below: its path below the address that was listed.
        size: in bytes; None where the listing does not tell.
        stamp: as `stores.stamp_of` would tell it; None where the listing does not say enough.
    """

    url: str
    below: str
    size: int | None
    stamp: stores.Stamp | None


def find_in_store(
    url: str, without: frozenset[str] = frozenset(), passed: PassedOver | None = None
) -> Iterator[ImageLocation | MissingImage]:
    """Yield the images that an address stands for.

    An address with an image's suffix is taken as it is, and so is every web address: whether something is there shows
    when it is read, so that a million addresses need no question each. Any other is listed, hidden objects left out.

    Args:
        url: one object, everything below an address, or a glob.
        without: addresses below which nothing is taken.
        passed: counts the objects that are not taken; hidden ones and those of a run's manifest are not counted.

    Raises:
        MissingDependencyError: the package that reaches the store is missing.
    """
    shown = printable(stores.without_secrets(url))
    try:
        stores.refuse_password(url)
        stores.filesystem(url)
        if stores.is_web(url):
            yield ImageLocation(url, _last_part(urlsplit(url).path) or urlsplit(url).netloc)
        elif not is_glob(url) and has_image_suffix(url):
            yield ImageLocation(url, _last_part(url))
        else:
            yield from _searched(url, without, passed)
    except UsageError as error:
        yield MissingImage(stores.without_secrets(url), str(error))
    except OSError as error:
        message = f"{shown} cannot be listed ({error.strerror}): check the address, and your access to the store"
        yield MissingImage(stores.without_secrets(url), message)


def _searched(url: str, without: frozenset[str], passed: PassedOver | None) -> Iterator[ImageLocation | MissingImage]:
    start, pattern = _split(url)
    hidden_from = tuple(f"{one.rstrip('/')}/" for one in without)
    is_empty = True
    for listed in list_below(start):
        parts = [part for part in listed.below.split("/") if part not in ("", ".", "..")]
        if not parts or not matches(parts, pattern):
            continue
        if has_image_suffix(listed.below):
            is_empty = False
            if not listed.url.startswith(hidden_from):
                yield ImageLocation(listed.url, "/".join(parts), listed.stamp)
        elif passed is not None and RUN_MARK not in parts and not _is_left_out(listed, parts, hidden_from):
            passed.add(parts[-1])
    if is_empty and not is_glob(url) and stores.size_of(url) is not None:
        yield ImageLocation(url, _last_part(url))
    elif is_empty:
        shown = printable(url)
        what = f"{shown} matches no image" if is_glob(url) else f"{shown} holds no image, and is none"
        yield MissingImage(
            url, f"{what}: expected objects such as .jpg, .png, .tif or .npy, hidden ones not counted; check it"
        )


def _is_left_out(listed: Listed, parts: Sequence[str], hidden_from: tuple[str, ...]) -> bool:
    """Whether an object is none that anybody would look for: hidden, of the output folder, or a folder's own mark."""
    return parts[-1].startswith(".") or listed.url.startswith(hidden_from) or listed.below.endswith("/")


def list_below(url: str) -> Iterator[Listed]:
    """Yield every object whose address begins with `url` and a slash.

    Raises:
        OSError: the store does not let it be listed.
    """
    found = _s3_pages(url) if stores.scheme_of(url) in _S3 else _by_folder(url)
    while True:
        with stores.reaching(url):
            listed = next(found, None)
        if listed is None:
            return
        yield listed


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path fits a glob, or lies in a folder that does.

    Args:
        parts: the path's parts.
        pattern: the glob's parts; `**` stands for any number of folders. A hidden part (`.a`) needs a pattern that
            begins with a dot.
    """
    if not pattern:
        return not any(part.startswith(".") for part in parts)
    if not parts:
        return pattern == ["**"]
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return matches(parts, rest) or (not parts[0].startswith(".") and matches(parts[1:], pattern))
    if parts[0].startswith(".") and not first.startswith("."):
        return False
    return fnmatch.fnmatchcase(parts[0], first) and matches(parts[1:], rest)


def _split(url: str) -> tuple[str, list[str]]:
    """The address before the first part that is a glob, and the glob's parts."""
    scheme, _, path = url.partition("://")
    parts = [part for part in path.split("/") if part]
    fixed = next((index for index, part in enumerate(parts) if is_glob(part)), len(parts))
    return f"{scheme}://{'/'.join(parts[:fixed])}", parts[fixed:]


def _last_part(path: str) -> str:
    return posixpath.basename(path.rstrip("/"))


def _s3_pages(url: str) -> Iterator[Listed]:
    files = stores.filesystem(url)
    scheme, _, path = url.partition("://")
    bucket, _, key = path.partition("/")
    prefix = f"{key.rstrip('/')}/" if key else ""
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, **files.req_kw}
    while True:
        page = files.call_s3("list_objects_v2", **request)
        for one in page.get("Contents", ()):
            name = one["Key"]
            yield Listed(f"{scheme}://{bucket}/{name}", name[len(prefix) :], one.get("Size"), stores.stamp_in(one))
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def _by_folder(url: str, below: str = "") -> Iterator[Listed]:
    files = stores.filesystem(url)
    try:
        entries = files.ls(url, detail=True)
    except FileNotFoundError:
        return
    for entry in sorted(entries, key=lambda entry: natural_key(_last_part(entry["name"]))):
        name = _last_part(entry["name"])
        inner = f"{below}/{name}" if below else name
        if entry["type"] == "directory":
            yield from _by_folder(stores.join(url, name), inner)
        elif entry["name"].strip("/") != url.partition("://")[2].strip("/"):
            yield Listed(stores.join(url, name), inner, entry.get("size"), stores.stamp_in(entry))
