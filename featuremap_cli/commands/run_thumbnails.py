"""The small pictures of a run's gallery, beside its sheets: made where missing or older than what they show."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from featuremap_cli.batch.outputs import OutputFolder, photograph_file, thumbnail_file
from featuremap_cli.drawing.gallery import Gallery, ImageRow, Picture
from featuremap_cli.errors import ImageError
from featuremap_cli.sources.images import DECODER_ERRORS


def with_thumbnails(gallery: Gallery, folder: OutputFolder) -> Gallery:
    """Return a gallery whose rows begin with their photograph, and whose sheets have a small picture.

    What cannot be made, a sheet without tiles or a photograph that has gone, is left out: the page then shows the sheet
    itself, and the name alone.

    Raises:
        OutputError: a small picture cannot be written.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return replace(gallery, images=tuple(threads.map(lambda row: _of_row(row, folder), gallery.images)))


def _of_row(row: ImageRow, folder: OutputFolder) -> ImageRow:
    from featuremap_cli.drawing.thumbnails import photograph_thumbnail

    photograph = None
    first = next((picture.path for picture in row.pictures if picture is not None), None)
    if row.source and first is not None:
        made = _made(folder, photograph_file(first), Path(row.source), lambda: photograph_thumbnail(row.source))
        photograph = made or None
    return replace(row, photograph=photograph, pictures=tuple(_of_sheet(one, folder) for one in row.pictures))


def _of_sheet(picture: Picture | None, folder: OutputFolder) -> Picture | None:
    from featuremap_cli.drawing.thumbnails import layer_thumbnail, tile_places

    if picture is None or not picture.tiles:
        return picture
    places, sheet = tile_places(picture.tiles), Path(folder.root, picture.path)
    name = thumbnail_file(picture.path)
    thumbnail = _made(folder, name, sheet, lambda: layer_thumbnail(sheet, places))
    _, _, width, height = next(iter(places.values()), (0, 0, 1, 1))
    shape = width / height if thumbnail and width and height else None
    return replace(picture, thumbnail=thumbnail, thumbnail_shape=shape)


def _made(folder: OutputFolder, name: str, shown: Path, make: Callable[[], bytes | None]) -> str:
    """Return the name of a small picture, which is made if it has to be; nothing where it cannot be."""
    try:
        if not _is_newer(Path(folder.root, name), shown):
            content = make()
            if content is None:
                return ""
            folder.write(name, content)
    except (ImageError, *DECODER_ERRORS):
        return ""
    return name


def _is_newer(file: Path, than: Path) -> bool:
    """Whether a small picture is there and as young as what it shows, if that is still there."""
    try:
        made = file.stat().st_mtime_ns
    except OSError:
        return False
    try:
        return made >= than.stat().st_mtime_ns
    except OSError:
        return True
