"""How every command writes a picture: in the page style, the format and the resolution that its options ask for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from featuremap_cli.commands.options import PageOptions

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from featuremap_cli.batch.outputs import OutputFolder, Written
    from featuremap_cli.drawing.page import Sheet


def styled(page: PageOptions) -> AbstractContextManager[None]:
    """Have this thread draw pages with the title and the size of type that the options ask for."""
    from featuremap_cli.drawing.page import PageStyle, page_style

    return page_style(PageStyle(page.title, page.text_size))


def picture_file(name: str, page: PageOptions) -> str:
    """Return the name of a picture's file, given that of a PNG."""
    return f"{name.removesuffix('.png')}.{page.format}"


def encoded(picture: Sheet | Picture, text: Mapping[str, str], page: PageOptions) -> bytes:
    """Return a picture as the bytes of a file; `text` is what it says of itself."""
    if page.format == "pdf":
        from featuremap_cli.drawing.pdf import USUAL_DPI, encode_pdf

        return encode_pdf(picture, text, page.dpi or USUAL_DPI)
    from featuremap_cli.drawing.png import encode

    return encode(picture, text, page.dpi)


def write_picture(
    folder: OutputFolder, name: str, picture: Sheet | Picture, text: Mapping[str, str], page: PageOptions
) -> Written:
    """Write a picture; `name` is that of a PNG.

    Raises:
        OutputError: it cannot be written.
    """
    return folder.write(picture_file(name, page), encoded(picture, text, page))
