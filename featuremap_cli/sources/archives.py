"""Zip archives, believed within bounds: what their directory declares is checked, what comes out is counted."""

from __future__ import annotations

import zipfile

MOST_OF_A_CONFIGURATION = 64 << 20
"""Bytes of text that describe a network: the largest of keras.applications has 2 MB."""

MOST_OF_ARRAYS = 1 << 30
"""Bytes of arrays in one file of filters."""


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member, whole.

    Args:
        archive: open for reading.
        name: of the member.
        most: bytes that it may have.

    Raises:
        KeyError: there is none of that name.
        ValueError: it declares, or turns out to have, more.
    """
    declared = archive.getinfo(name).file_size
    if declared > most:
        raise ValueError(f"{name} unpacks to {declared:,} bytes: expected at most {most:,}")
    with archive.open(name) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} unpacks to more than the {most:,} bytes that are expected at most")
    return content


def require_size(archive: zipfile.ZipFile, most: int) -> None:
    """Refuse an archive whose members together declare more than some bytes.

    Raises:
        ValueError: they do.
    """
    declared = sum(member.file_size for member in archive.infolist())
    if declared > most:
        raise ValueError(f"it unpacks to {declared:,} bytes: expected at most {most:,}")
