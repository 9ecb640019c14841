"""`featuremap project`: one activation projected back to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from featuremap_cli.commands.completion import complete_folders, complete_images, complete_layer, offer
from featuremap_cli.commands.console import give, give_json, tell
from featuremap_cli.commands.options import (
    BATCH,
    NETWORK,
    PIXELS,
    MaxPixels,
    NetworkOptions,
    PageOptions,
    read_pixel_limit,
)
from featuremap_cli.errors import ImageError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.commands.filter_words import FilterChoice
    from featuremap_cli.commands.project_report import Activation, ImageProjections
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.sources.locations import ImageLocation

Method = Literal["deconvnet", "guided", "gradient"]


@dataclass(frozen=True)
class ProjectionOptions:
    """What is projected, and how."""

    layer: Annotated[
        str,
        typer.Option(
            "--layer",
            "-l",
            metavar="LAYER",
            help="A path, or a convolution's index (0, -1).",
            show_default=False,
            rich_help_panel=NETWORK,
            autocompletion=complete_layer,
        ),
    ]
    filter: Annotated[
        str,
        typer.Option(
            metavar="N|top:K",
            help="A filter, or the K that fire most here.",
            show_default=False,
            rich_help_panel=NETWORK,
            autocompletion=offer("top:"),
        ),
    ]
    method: Annotated[Method, typer.Option(help="What passes ReLUs on the way down.", rich_help_panel=NETWORK)] = (
        "deconvnet"
    )
    at: Annotated[
        str,
        typer.Option(
            metavar="ROW,COL|max|all",
            help="The place in the filter's map, where it fires most, or the whole map.",
            rich_help_panel=NETWORK,
            autocompletion=offer("max", "all"),
        ),
    ] = "max"


ImageArgument = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE",
        help="An image file, or sample:china.",
        show_default=False,
        autocompletion=complete_images,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="Folder for the results.",
        rich_help_panel=BATCH,
        autocompletion=complete_folders,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notices.", rich_help_panel=BATCH)]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object a filter on stdout.", rich_help_panel=BATCH)]


def project(
    image: ImageArgument,
    network: NetworkOptions,
    projection: ProjectionOptions,
    page: PageOptions,
    out: Out = Path("featuremaps"),
    quiet: Quiet = False,
    json: AsJson = False,
    max_pixels: MaxPixels = str(PIXELS),
) -> None:
    """Project one activation back to pixels: what in the image a filter answers to.

    deconvnet is Zeiler and Fergus 2014, guided is guided backpropagation (Springenberg 2014), gradient is plain
    backpropagation. The first two may look alike for trained and for random weights (Adebayo 2018): they show what is
    in the image, filtered by the network, and do not prove what the network has learned.

    Examples:

    - `featuremap project sample:china -m alexnet -l conv5 --filter top:9`
    - `featuremap project photo.jpg -m keras:VGG16 -l block3_conv1 --filter 17 --method guided`
    - `featuremap project photo.jpg -m model.keras -l -1 --filter 4 --at 6,4`
    """
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.filter_words import read_filter
    from featuremap_cli.drawing.runs import escaped_notices

    choice = read_filter(projection.filter)
    found = _run(_only_image(image), network, projection, page, choice, quiet, read_pixel_limit(max_pixels))
    chosen = found.chosen(choice)
    if not quiet:
        for line in _remarks(found, chosen, choice):
            tell(line)
    folder = OutputFolder(str(out))
    for one, written in found.write(chosen, folder, asked_top=choice.index is None):
        path = folder.path(written.relative)
        if not json:
            give(path)
        elif one is not None:
            give_json({"image": image, **found.as_json(one), "output": path})
    for notice in () if quiet else escaped_notices():
        tell(notice)


def _only_image(argument: str) -> ImageLocation:
    """Return where the one image is.

    Raises:
        ImageError: there is none.
        UsageError: there are several.
    """
    from featuremap_cli.sources.locations import MissingImage, find_images

    found = find_images([argument])
    first = next(found)
    if isinstance(first, MissingImage):
        raise ImageError(first.message)
    if next(found, None) is not None:
        raise UsageError(f"project takes one image, {argument} holds several; name one of them")
    return first


def _run(
    location: ImageLocation,
    network: NetworkOptions,
    projection: ProjectionOptions,
    page: PageOptions,
    choice: FilterChoice,
    quiet: bool,
    pixel_limit: int,
) -> ImageProjections:
    """Run the network on the image up to the layer.

    Raises:
        ImageError: the image cannot be read.
        NetworkError: the network or the layer cannot be used.
        UsageError: a layer that is several, or a filter or place that it does not have.
    """
    from featuremap_cli import __version__
    from featuremap_cli.batch.names import safe_relative, without_suffix
    from featuremap_cli.commands.filter_words import read_at
    from featuremap_cli.commands.models import load, run_network
    from featuremap_cli.commands.project_report import ImageProjections
    from featuremap_cli.commands.provenance import command_line, option_words
    from featuremap_cli.sources.images import read_image

    at = read_at(projection.at)
    image = read_image(location.path, pixel_limit=pixel_limit)
    loaded = load(network)
    selection = loaded.select([projection.layer])
    if len(selection.entries) > 1:
        raise UsageError(
            f"project takes one layer, --layer {projection.layer} means {len(selection.entries)} of {loaded.name}; "
            f"name one, as {selection.entries[0].path}"
        )
    _require_there(selection.entries[0], choice, at)
    prepared = loaded.prepare(image, network.preprocess, network.fit)
    for notice in () if quiet else (*loaded.notices, *selection.notices, *prepared.picture.notes):
        tell(notice)
    ((maps,),) = run_network(
        loaded, [prepared], selection.entries, batch_size=1, before_activation=False, compiled=False
    )
    words = option_words(network, projection, page)
    return ImageProjections(
        name=location.name,
        stem=safe_relative(without_suffix(location.relative)),
        network=loaded,
        entry=selection.entries[0],
        prepared=prepared,
        maps=maps,
        method=projection.method,
        at=at,
        preprocess=network.preprocess,
        text={"Software": f"featuremap {__version__}", "Command": command_line("project", location.path, words)},
        page=page,
    )


def _require_there(entry: LayerEntry, choice: FilterChoice, at: tuple[int, int] | str) -> None:
    """Refuse a filter or a place that the layer does not have, where that is known before the network runs.

    Raises:
        UsageError: it has none of that number, or none there.
    """
    from featuremap_cli.commands.filter_words import require_filter, require_place

    height, width, count = entry.output_shape or (None, None, None)
    if choice.index is not None and count is not None:
        require_filter(choice.index, count, entry.path, f"--filter {choice.index}")
    if height is not None and width is not None:
        require_place(at, (height, width), entry.path)


def _remarks(found: ImageProjections, chosen: Sequence[Activation], choice: FilterChoice) -> Iterator[str]:
    """Yield what the user should know beside the pictures."""
    from featuremap_cli.drawing.patches import unreal_words

    path, count = found.entry.path, len(found.maps)
    unreal = [index for index in found.unreal if choice.index is None or index == chosen[0].filter]
    if unreal:
        ranked = f" ({len(unreal)} of {count}); only finite values are ranked" if choice.index is None else ""
        yield f"{path}: {unreal_words(unreal)} on {found.name}{ranked}"
    if choice.index is None and len(chosen) < min(choice.top, count):
        fire = "have a finite value above zero" if unreal else "fire"
        nothing = "" if chosen else "; nothing is written"
        asked = f"fewer than the {choice.top} asked for{nothing}"
        yield f"{path}: {len(chosen)} of {count} filters {fire} on {found.name}, {asked}"
    if choice.index is not None and not found.maps[chosen[0].filter].any():
        yield f"{path}: filter {chosen[0].filter} is silent on {found.name}; its projection is zero everywhere"
    if chosen and found.at != "all" and found.seen.axes is None:
        yield f"{path}: its receptive field is not known; what the activation sees is not framed, nor shown close up"
    if found.projector.others and chosen:
        yield f"{path}: {', '.join(found.projector.others)} on the way to the image, projected by their own gradient"
