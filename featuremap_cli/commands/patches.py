"""`featuremap patches`: which parts of images excite each filter most."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from featuremap_cli.commands.completion import offer
from featuremap_cli.commands.console import give, give_json, tell
from featuremap_cli.commands.kept_job import KeptJob
from featuremap_cli.commands.options import (
    DRAWING,
    NETWORK,
    GatherOptions,
    Images,
    Layers,
    NetworkOptions,
    PageOptions,
    read_pixel_limit,
)
from featuremap_cli.commands.patches_job import PatchesJob

if TYPE_CHECKING:
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.patches_job import PatchesSession
    from featuremap_cli.commands.patches_report import PatchesStyle


@dataclass(frozen=True)
class PatchOptions:
    """Which places are looked for, and how they are drawn."""

    filters: Annotated[
        str,
        typer.Option(
            metavar="0,5,10:20|all",
            help="Filters to watch, by index.",
            rich_help_panel=NETWORK,
            autocompletion=offer("all"),
        ),
    ] = "all"
    limit: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            help="How many filters to watch at most.",
            rich_help_panel=DRAWING,
            autocompletion=offer("all"),
        ),
    ] = "64"
    top: Annotated[int, typer.Option(min=1, metavar="K", help="Places for each filter.", rich_help_panel=NETWORK)] = 9
    per_image: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="How many of them in one image.", rich_help_panel=NETWORK),
    ] = 1
    overlap: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="How much of their fields these may have in common, 0 to 1.",
            show_default="0, or 0.5 where a field is larger than a third of the image",
            rich_help_panel=NETWORK,
        ),
    ] = None
    method: Annotated[
        Literal["deconvnet", "guided", "gradient"],
        typer.Option(help="How activations are projected back.", rich_help_panel=NETWORK),
    ] = "deconvnet"
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw each box on its image too.", rich_help_panel=DRAWING)] = (
        False
    )
    columns: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Filters in a row.", rich_help_panel=DRAWING)
    ] = None
    tile: Annotated[
        str,
        typer.Option(
            metavar="W,H|auto|full",
            help="Size of a patch in pixels.",
            rich_help_panel=DRAWING,
            autocompletion=offer("auto", "full"),
        ),
    ] = "auto"


def patches(
    images: Images,
    network: NetworkOptions,
    wanted: PatchOptions,
    page: PageOptions,
    batch: GatherOptions,
    layer: Layers = None,
) -> None:
    """Find the image patches that excite each filter most, beside their projections.

    Any number of images in one pass. Writes `LAYER.patches.png` and `LAYER.patches.jsonl`: a line a patch, with its box
    in pixels of the image.

    Examples:

    - `featuremap patches photos/ -m alexnet -l conv5 --filters 0:16`
    - `featuremap patches sample:china sample:flower -m alexnet -l conv2 --per-image 5 --boxes`
    - `featuremap patches photos/ -m keras:VGG16 -l block4_conv3 --filters all --limit all --json > patches.jsonl`
    """
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.provenance import option_words
    from featuremap_cli.commands.run import find, gather
    from featuremap_cli.drawing.style import parse_limit

    words = (
        *option_words(network),
        *(word for name in layer or () for word in ("-l", name)),
        *option_words(wanted, page),
    )
    style = _style(wanted, page, shlex.join(["featuremap", "patches", *_shown(images), *words]))
    found = find(images, batch)
    first = list(islice(found, network.batch_size))
    limit = parse_limit(wanted.limit)
    job = PatchesJob(
        network=network,
        layers=tuple(layer or ()),
        filters=wanted.filters,
        limit=limit,
        top=wanted.top,
        per_image=wanted.per_image,
        overlap=wanted.overlap,
        batch_size=len(first),
        compiled=len(first) > 1,
        pixel_limit=read_pixel_limit(batch.max_pixels),
    )
    kept = KeptJob(job, job.open, batch.quiet)
    folder = OutputFolder(batch.out)
    if batch.dry_run:
        _preview(kept.open(), folder, page)
        return
    tally = gather(kept, images, batch, chain(first, found))
    if kept.session is not None and tally.done and not (batch.fail_fast and tally.failed):
        _report(kept.session, tally.done, style, folder, batch)
    if tally.exit_code:
        raise typer.Exit(tally.exit_code)


def _style(wanted: PatchOptions, page: PageOptions, command: str) -> PatchesStyle:
    from featuremap_cli import __version__
    from featuremap_cli.commands.patches_report import PatchesStyle
    from featuremap_cli.drawing.style import parse_tile

    text = {"Software": f"featuremap {__version__}", "Command": command}
    return PatchesStyle(wanted.method, wanted.boxes, wanted.columns, parse_tile(wanted.tile), text, page)


def _shown(images: Sequence[str]) -> list[str]:
    """Return the IMAGES arguments for the pictures' text chunks; of many the first stand for all."""
    return [*images[:8], *(["..."] if len(images) > 8 else [])]


def _preview(session: PatchesSession, folder: OutputFolder, page: PageOptions) -> None:
    from featuremap_cli.batch.outputs import patches_file

    for watch in session.watches:
        for suffix in (f".{page.format}", ".jsonl"):
            give(folder.path(patches_file(watch.entry.path, suffix)))


def _report(
    session: PatchesSession, images: int, style: PatchesStyle, folder: OutputFolder, batch: GatherOptions
) -> None:
    """Write the files of each layer; print their paths, or with --json the patches themselves.

    Raises:
        OutputError: a file cannot be written.
    """
    from featuremap_cli.commands.patches_report import LayerPatches
    from featuremap_cli.drawing.runs import escaped_notices

    for watch in session.watches:
        layer = LayerPatches(session, watch, images, style)
        written, notices = layer.write(folder)
        paths = [folder.path(one.relative) for one in written]
        if batch.json:
            for line in layer.lines():
                give_json({"layer": watch.entry.path, **line})
            notices = (*notices, f"written: {', '.join(paths)}")
        else:
            for path in paths:
                give(path)
        for notice in () if batch.quiet else notices:
            tell(notice)
    for notice in () if batch.quiet else escaped_notices():
        tell(notice)
