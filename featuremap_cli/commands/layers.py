"""`featuremap layers`: what each layer of a network gives, costs and sees."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from featuremap_cli.commands.arithmetic import AsCsv, BatchSize, Dtype, refuse_both
from featuremap_cli.commands.completion import complete_folders, complete_images, complete_model, complete_weights
from featuremap_cli.commands.console import give, give_json, tell
from featuremap_cli.commands.options import (
    NETWORK,
    PIXELS,
    Imports,
    Layers,
    MaxPixels,
    PageOptions,
    Unsafe,
    read_pixel_limit,
    read_size,
)
from featuremap_cli.errors import UsageError

if TYPE_CHECKING:
    from featuremap_cli.analysis.description import Description, LayerRow
    from featuremap_cli.arrays import Image
    from featuremap_cli.networks.network import Network

SHOW = "Receptive fields on an image"

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="alexnet, squeezenet, keras:NAME, a .keras, .h5 or .onnx file, or a SavedModel folder.",
        show_default=False,
        autocompletion=complete_model,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|none|FILE",
        help="Weights of a keras:NAME network; the numbers do not depend on them.",
        show_default="none",
        rich_help_panel=NETWORK,
        autocompletion=complete_weights,
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(metavar="W,H", help="Size of the image, in pixels.", show_default=False, rich_help_panel=NETWORK),
]
Show = Annotated[
    str | None,
    typer.Option(
        metavar="IMAGE",
        help="Draw what one position of each layer sees of this image, instead of the table.",
        show_default=False,
        rich_help_panel=SHOW,
        autocompletion=complete_images,
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        metavar="ROW,COL", help="The position in the layer's output.", show_default="the center", rich_help_panel=SHOW
    ),
]
Fit = Annotated[
    Literal["crop", "stretch", "pad"],
    typer.Option(help="How the image comes to the network's size.", rich_help_panel=SHOW),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="Folder for the picture.",
        rich_help_panel=SHOW,
        autocompletion=complete_folders,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object on stdout.")]


def layers(
    model: Model,
    page: PageOptions,
    layer: Layers = None,
    weights: Weights = None,
    input_size: InputSize = None,
    unsafe: Unsafe = False,
    imports: Imports = None,
    batch_size: BatchSize = 1,
    dtype: Dtype = "float32",
    show: Show = None,
    at: At = None,
    fit: Fit = "crop",
    out: Out = Path("featuremaps"),
    json: AsJson = False,
    csv: AsCsv = False,
    max_pixels: MaxPixels = str(PIXELS),
) -> None:
    """List a network's layers: shapes, parameters, MACs, memory, receptive field.

    Convolutions and pools are listed, --layer chooses others; totals are of the whole network. A MAC is a
    multiplication with its addition. The field is (height x width) in pixels, its stride how far it moves from one
    position to the next, its offset the pixel at the center of what position (0, 0) sees.

    Examples:

    - `featuremap layers alexnet`
    - `featuremap layers keras:ResNet50 --json`
    - `featuremap layers model.keras -l all-layers --batch-size 32 --dtype float16`
    - `featuremap layers keras:VGG16 -l "block*_pool" --show sample:china --at 3,3`
    """
    from featuremap_cli.analysis.cost import Storage
    from featuremap_cli.analysis.description import describe
    from featuremap_cli.commands.tables import give_csv, give_table, tell_unknown
    from featuremap_cli.networks.image_input import FREE_SIZE, about_free_size

    refuse_both(json, csv)
    refuse_stray(show, at, csv)
    network = _load(model, weights, input_size, unsafe, None if show else FREE_SIZE, imports or ())
    picture = None if show is None else _read(show, read_pixel_limit(max_pixels))
    if picture is not None and None in (network.input.height, network.input.width):
        network = replace(network, input=replace(network.input, height=picture[0].height, width=picture[0].width))
    from featuremap_cli.networks.records import network_graph

    # How its pixels are to be is no matter here, the size is: every number depends on it.
    sized = about_free_size(network.name, (network.input.width or 0, network.input.height or 0))
    if sized in network.notices:
        tell(sized)
    description = describe(network_graph(network), Storage(batch_size, dtype))
    rows = _chosen(network, description, tuple(layer or ()))
    tell_unknown(description)
    outputs = []
    if show is not None and picture is not None:
        from featuremap_cli.commands.field_picture import FieldPlan, write_fields
        from featuremap_cli.commands.provenance import option_words, repeated

        image, stem = picture
        words = (*repeated("-l", layer), *repeated("--import", imports), *option_words(page))
        plan = FieldPlan(read_position(at), stem, str(out), _command(model, words, show, at, fit, input_size), page)
        outputs.append(write_fields(description, rows, network.prepare(image, fit=fit).picture, plan))
    if json:
        give_json(description.as_json(rows) | ({"outputs": outputs} if show else {}))
    elif csv:
        give_csv([(description, rows)])
    elif outputs:
        give(outputs[0])
    else:
        give_table(description, rows)


def refuse_stray(show: str | None, at: str | None, csv: bool) -> None:
    """Refuse options of `--show` without it, and `--csv` with it.

    Raises:
        UsageError: they do not go together.
    """
    if at is not None and show is None:
        raise UsageError("--at is a position for --show IMAGE: name the image, or leave --at out")
    if csv and show is not None:
        raise UsageError("--show draws instead of the table: leave out --csv, or take --json")


def read_position(text: str | None) -> tuple[int, int] | None:
    """Read `--at`, `ROW,COL`; None stays None.

    Raises:
        NotationError: not two whole numbers.
    """
    from featuremap_cli.errors import NotationError
    from featuremap_cli.sources.numerals import read_pair

    if text is None:
        return None
    place = read_pair(text)
    if place is None:
        problem = f"--at takes a row and a column of the layer's output, as in 3,3; got {text}"
        raise NotationError(text, 0, len(text), problem)
    return place


def _load(
    model: str,
    weights: str | None,
    input_size: str | None,
    unsafe: bool,
    free_size: tuple[int, int] | None,
    imports: Sequence[str],
) -> Network:
    from featuremap_cli.networks.catalogue import load_network
    from featuremap_cli.sources.network_names import APPLICATION

    size = read_size(input_size, "--input-size") if input_size else None
    wanted = weights or ("none" if model.startswith(APPLICATION) else "imagenet")
    return load_network(model, weights=wanted, unsafe=unsafe, input_size=size, free_size=free_size, imports=imports)


def _command(model: str, own: Sequence[str], show: str, at: str | None, fit: str, input_size: str | None) -> str:
    """The command line that makes the picture again."""
    words = ["featuremap", "layers", model, *own, "--show", show]
    given = {"--at": at, "--fit": None if fit == "crop" else fit, "--input-size": input_size}
    return shlex.join([*words, *(word for flag, value in given.items() if value for word in (flag, value))])


def _read(argument: str, pixel_limit: int) -> tuple[Image, str]:
    """The image of `--show` and its stem, the name of its outputs."""
    from featuremap_cli.errors import ImageError
    from featuremap_cli.sources.images import read_image
    from featuremap_cli.sources.locations import MissingImage, find_images

    location = next(iter(find_images([argument])))
    if isinstance(location, MissingImage):
        raise ImageError(location.message)
    image = read_image(location.path, pixel_limit=pixel_limit)
    return replace(image, name=location.name), str(Path(location.relative).with_suffix(""))


def _chosen(network: Network, description: Description, patterns: tuple[str, ...]) -> Sequence[LayerRow]:
    """The rows that `--layer` means; convolutions and pools where it is not given, all where there are none."""
    from featuremap_cli.networks.selection import select

    if not patterns:
        return [row for row in description.rows if row.record.is_spatial] or description.rows
    if "all-layers" in patterns:
        return description.rows
    known = {row.record.index for row in description.rows}
    # A row needs no feature map: what `activations` cannot draw, a dense layer, is listed here.
    entries = [
        replace(entry, undrawable=None) if entry.index in known and not entry.is_convolution else entry
        for entry in network.layers()
    ]
    selection = select(entries, patterns, network.name)
    for notice in selection.notices:
        tell(notice)
    return description.only({entry.index for entry in selection.entries})
