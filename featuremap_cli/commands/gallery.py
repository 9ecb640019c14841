"""`featuremap gallery`: a page to browse a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featuremap_cli.commands.completion import complete_folders
from featuremap_cli.commands.console import give
from featuremap_cli.errors import OutputError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.batch.outputs import OutputFolder, Written

_MARK = b'<meta name="generator" content="featuremap '
_BYTES_BEFORE_THE_MARK = 4096

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="What --out named in a run, or `featuremaps`.",
        show_default=False,
        autocompletion=complete_folders,
    ),
]


def gallery(folder: Folder) -> None:
    """Write a page to browse a run: images down, layers across.

    The page is DIR/index.html. It needs no network and no server: open it in a browser.

    Examples:

    - `featuremap gallery featuremaps`
    """
    from featuremap_cli.batch.outputs import OutputFolder

    if not folder.is_dir():
        raise UsageError(f"{folder}: expected the folder of a run, got {'a file' if folder.exists() else 'nothing'}")
    output = OutputFolder(str(folder))
    give(output.path(write_gallery(output).relative))


def write_gallery(folder: OutputFolder) -> Written:
    """Write the page over what is in the folder of a run, and small pictures of its sheets and photographs.

    Raises:
        UsageError: there is no run in the folder.
        OutputError: the page cannot be written, or would take the place of a page that is not ours.
    """
    from featuremap_cli.batch.outputs import GALLERY
    from featuremap_cli.commands.run_contents import read_run
    from featuremap_cli.commands.run_thumbnails import with_thumbnails
    from featuremap_cli.drawing.gallery import render_gallery

    root = Path(folder.root)
    contents = read_run(root)
    if not (contents.images or contents.sections or contents.failures):
        raise UsageError(
            f"{root}: expected the folder of a run, got one without its manifest and without filter sheets"
        )
    _refuse_to_replace(root / GALLERY)
    contents = with_thumbnails(contents, folder)
    return folder.write(GALLERY, render_gallery(contents).encode())


def _refuse_to_replace(page: Path) -> None:
    try:
        with page.open("rb") as file:
            start = file.read(_BYTES_BEFORE_THE_MARK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"cannot read {page}: {error.strerror}; move it away") from error
    if _MARK not in start:
        raise OutputError(f"{page} is not a gallery of featuremap: expected none or one of its own; move it away")
