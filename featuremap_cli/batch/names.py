"""Names that any file system can hold, made from names that come from anywhere.

Image names keep their look: spaces, quotes and letters of every script stay, only what would break a line of
output or a path is replaced. Filter specifications and layer paths become plain words, since they hold characters
(`:`, `;`, `/`) that file systems and continuous-integration uploads refuse.
"""

from __future__ import annotations

import zlib
from pathlib import PurePosixPath

# A file name holds 255 bytes on common file systems; the rest is room for what outputs add to an image's name.
IMAGE_NAME_BYTES = 180
WORD_BYTES = 80

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED_ON_WINDOWS = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)
_PLAIN = frozenset("._+=,-")


def safe_relative(relative: str) -> str:
    """A relative path of an image, made safe to mirror below an output folder.

    Args:
        relative: parts with `/` between them, `holiday/a.jpg`.

    Returns:
        As many parts as there were, each a `safe_part`; `..` and empty parts cannot lead out of the folder.
    """
    return "/".join(safe_part(part) for part in relative.split("/") if part not in ("", ".")) or "_"


def safe_part(part: str) -> str:
    """One part of a path: control characters and undecodable bytes as `_`, at most 180 bytes of UTF-8, never a name
    that means something else to a file system (`..`, `CON`)."""
    if not part.isprintable():
        part = "".join(character if character.isprintable() else "_" for character in part)
    if part in (".", ".."):
        return "_" * len(part)
    start = part.partition(".")[0]
    if start.lower() in _RESERVED_ON_WINDOWS:
        part = f"{start}_{part[len(start) :]}"
    return shorten(part, IMAGE_NAME_BYTES)


def safe_word(text: str, limit: int = WORD_BYTES) -> str:
    """A filter specification or layer path as one plain word: letters, digits and `._+=,-`.

    `/` becomes `.`, everything else that is not plain becomes `-`, runs of it one: `alexnet:conv1` gives
    `alexnet-conv1`, `backbone/conv1` gives `backbone.conv1`, `0 -1 0; -1 5 -1` gives `0-1-0-1-5-1`.
    """
    replaced = (c if c.isalnum() or c in _PLAIN else "." if c == "/" else " " for c in text)
    words = "-".join("".join(replaced).split())
    while "--" in words:
        words = words.replace("--", "-")
    words = words.strip("-.") or "unnamed"
    if words.partition(".")[0].lower() in _RESERVED_ON_WINDOWS:
        words = f"{words}_"
    return shorten(words, limit)


def shorten(name: str, limit: int) -> str:
    """`name` in at most `limit` bytes of UTF-8. A longer one is cut, and ends in a checksum of the whole so that two
    long names that begin alike stay apart."""
    encoded = name.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return name
    mark = f"~{zlib.crc32(encoded):08x}"
    return encoded[: limit - len(mark)].decode("utf-8", "ignore") + mark


def without_suffix(relative: str) -> str:
    """`holiday/a.jpg` -> `holiday/a`."""
    path = PurePosixPath(relative)
    return str(path.with_name(path.stem))
