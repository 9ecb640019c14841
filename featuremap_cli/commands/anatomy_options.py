"""The options of `featuremap anatomy`: how they are written, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import typer

from featuremap_cli.commands.completion import (
    complete_cmap,
    complete_filters,
    complete_folders,
    complete_images,
    complete_layer,
    complete_model,
    offer,
)
from featuremap_cli.commands.options import (
    BATCH,
    DRAWING,
    NETWORK,
    PLAIN,
    SCALES,
    DrawingOptions,
    Fit,
    Imports,
    InputSize,
    NetworkOptions,
    OperationOptions,
    PageOptions,
    Preprocess,
    Unsafe,
    Weights,
)
from featuremap_cli.errors import NotationError, UsageError
from featuremap_cli.sources.numerals import read_pair

OneImage = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE",
        help="An image file, sample:china or sample:flower.",
        show_default=False,
        autocompletion=complete_images,
    ),
]
Kernel = Annotated[
    str | None,
    typer.Option(
        "--kernel",
        "-k",
        metavar="SPEC",
        help="Preset, numbers, file or NETWORK:LAYER.",
        show_default=False,
        autocompletion=complete_filters,
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
Json = Annotated[bool, typer.Option("--json", help="The numbers, as a JSON object on stdout.", rich_help_panel=BATCH)]


@dataclass(frozen=True)
class MapOptions:
    """Which feature map, and what of it."""

    filter: Annotated[int, typer.Option(min=0, metavar="N", help="Which of the layer's maps.")] = 0
    at: Annotated[
        str | None,
        typer.Option(metavar="ROW,COL", help="Work out this value of the map, number by number.", show_default=False),
    ] = None
    channels: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            help="Channels shown one by one, those that contribute most.",
            autocompletion=offer("all"),
        ),
    ] = "8"
    all_filters: Annotated[
        bool, typer.Option("--all-filters", help="Sheets of all the layer's maps after each stage too.")
    ] = False


@dataclass(frozen=True)
class ModelOptions:
    """Which layer of which network, and how the image comes to it."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="alexnet, squeezenet, keras:NAME, a .keras, .h5 or .onnx file.",
            show_default=False,
            rich_help_panel=NETWORK,
            autocompletion=complete_model,
        ),
    ] = None
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            "-l",
            metavar="LAYER",
            help="A convolution's path or index.",
            show_default=False,
            rich_help_panel=NETWORK,
            autocompletion=complete_layer,
        ),
    ] = None
    weights: Weights = "imagenet"
    preprocess: Preprocess = "auto"
    fit: Fit = "crop"
    input_size: InputSize = None
    unsafe: Unsafe = False
    imports: Imports = None


@dataclass(frozen=True)
class AnatomyDrawing(DrawingOptions):
    """How the picture looks, and the sheets of `--all-filters`, which are drawn as it is."""

    scale: Annotated[
        str,
        typer.Option(
            metavar="SCALE",
            help="Of the sheets: map, layer, symmetric, percentile:LO,HI, or LO,HI.",
            rich_help_panel=DRAWING,
            autocompletion=offer(*SCALES),
        ),
    ] = "symmetric"
    cmap: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of signed values: any matplotlib colormap, or gray.",
            rich_help_panel=DRAWING,
            autocompletion=complete_cmap,
        ),
    ] = "RdBu_r"


def network_options(options: ModelOptions) -> NetworkOptions:
    """Return the options as every command with `--model` has them."""
    assert options.model is not None
    return NetworkOptions(
        model=options.model,
        weights=options.weights,
        preprocess=options.preprocess,
        fit=options.fit,
        input_size=options.input_size,
        unsafe=options.unsafe,
        imports=options.imports,
    )


def require_sense(
    kernel: str | None,
    image_flags: list[str],
    model: ModelOptions,
    operation: OperationOptions,
    drawing: AnatomyDrawing,
    chosen: MapOptions,
) -> None:
    """Refuse options that would do nothing, before any work is done.

    Args:
        kernel: `-k`.
        image_flags: those of --gray and --resize that were given.
        model, operation, drawing, chosen: the other options.

    Raises:
        UsageError: neither a filter nor a layer is named, or both, or an option is for the other kind.
    """
    if (kernel is None) == (model.model is None):
        got = "neither" if kernel is None else "both"
        raise UsageError(f"expected a filter (-k SPEC) or a network's layer (-m MODEL -l LAYER), got {got}")
    if model.model is None and model.layer is not None:
        raise UsageError(f"-l {model.layer}: a layer of which network? Name it with -m, or write -k NETWORK:LAYER")
    if model.model is not None and model.layer is None:
        raise UsageError(f"-m {model.model}: expected one of its layers too, as in -l conv1 or -l 0")
    if kernel is None:
        flags = [*image_flags, *_flags(replace(operation, pool=None))]
        _refuse(flags, "a filter (-k); a network's layer comes with its own")
    else:
        _refuse(
            _flags(replace(model, weights="imagenet", unsafe=False, preprocess="auto", imports=None)), "a network (-m)"
        )
    if not chosen.all_filters:
        page = {field.name: getattr(PLAIN, field.name) for field in fields(PageOptions)}
        _refuse(
            _flags(replace(drawing, cmap=AnatomyDrawing.cmap, arrays=False, **page)),
            "the sheets that --all-filters draws",
        )


def read_channels(text: str) -> int | None:
    """Read `--channels`: a number from 1 on, or None for `all`.

    Raises:
        NotationError: anything else.
    """
    if text.strip() == "all":
        return None
    if not text.strip().isdecimal() or not int(text):
        raise NotationError(text, 0, len(text), f"--channels takes a number from 1 on, or all; got {text}")
    return int(text)


def read_place(text: str | None) -> tuple[int, int] | None:
    """Read `--at`: a row and a column, counted from 0; None where it was not given.

    Raises:
        NotationError: anything else.
    """
    if text is None:
        return None
    place = read_pair(text)
    if place is None:
        problem = f"--at takes a row and a column of the map, counted from 0, as in 10,20; got {text}"
        raise NotationError(text, 0, len(text), problem)
    return place


def _flags(group: object) -> list[str]:
    from featuremap_cli.commands.provenance import option_words

    return [word for word in option_words(group) if word.startswith("--")]


def _refuse(flags: list[str], what_for: str) -> None:
    if flags:
        verb = "is" if len(flags) == 1 else "are"
        raise UsageError(f"{', '.join(flags)} {verb} for {what_for}: leave {'it' if len(flags) == 1 else 'them'} out")
