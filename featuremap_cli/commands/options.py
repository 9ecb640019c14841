"""The options that several commands share, each group a frozen dataclass.

`edge.register` opens a group into options on the command line and hands the filled dataclass to the command.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from featuremap_cli.commands.completion import (
    complete_cmap,
    complete_folders,
    complete_images,
    complete_layers,
    complete_model,
    complete_modules,
    complete_weights,
    offer,
)
from featuremap_cli.errors import NotationError, UsageError
from featuremap_cli.sources.numerals import read_pair

SCALES = ("map", "layer", "symmetric", "symmetric:99", "percentile:1,99")
"""What `--scale` may say, as completion offers it."""

OPERATION, NETWORK, DRAWING, BATCH = "How the filters are applied", "Network", "Drawing", "Batch and output"


@dataclass(frozen=True)
class OperationOptions:
    """How filters are applied to an image."""

    padding: Annotated[
        str,
        typer.Option(
            help="same, valid (both as in TensorFlow), or pixels on every side.",
            rich_help_panel=OPERATION,
            autocompletion=offer("same", "valid"),
        ),
    ] = "same"
    border: Annotated[
        Literal["zero", "reflect", "edge", "wrap"],
        typer.Option(help="What stands outside the image.", rich_help_panel=OPERATION),
    ] = "zero"
    strides: Annotated[str, typer.Option(metavar="N|H,W", help="Step between outputs.", rich_help_panel=OPERATION)] = (
        "1"
    )
    dilation: Annotated[
        str, typer.Option(metavar="N|H,W", help="Step between the taps of a filter.", rich_help_panel=OPERATION)
    ] = "1"
    bias: Annotated[
        str | None,
        typer.Option(
            metavar="B[,B...]", help="Added to each map; one for all, or one a filter.", rich_help_panel=OPERATION
        ),
    ] = None
    flip: Annotated[
        bool,
        typer.Option(
            "--flip",
            help="True convolution; the default is cross-correlation, as in deep learning.",
            rich_help_panel=OPERATION,
        ),
    ] = False
    depthwise: Annotated[
        bool,
        typer.Option("--depthwise", help="Keep the channels apart: a map for each.", rich_help_panel=OPERATION),
    ] = False
    transpose: Annotated[
        bool, typer.Option("--transpose", help="Transposed convolution.", rich_help_panel=OPERATION)
    ] = False
    activation: Annotated[
        Literal["relu", "leaky-relu", "sigmoid", "tanh", "abs"] | None,
        typer.Option(help="Applied after the bias.", rich_help_panel=OPERATION),
    ] = None
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="max|avg[:SIZE[,STRIDE[,same]]]",
            help="Pooling, last.",
            rich_help_panel=OPERATION,
            autocompletion=offer("max", "max:2", "max:3,2", "avg", "avg:2"),
        ),
    ] = None
    engine: Annotated[
        Literal["numpy", "tensorflow"],
        typer.Option(help="tensorflow: the reference, and for a GPU.", rich_help_panel=OPERATION),
    ] = "numpy"


@dataclass(frozen=True)
class PageOptions:
    """For slides and papers; every command that draws has these."""

    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The first line of a sheet.", show_default=False, rich_help_panel=DRAWING),
    ] = None
    text_size: Annotated[
        int | None,
        typer.Option(
            min=6,
            max=200,
            metavar="N",
            help="Height of the labels' type in pixels.",
            show_default="with the sheet's width",
            rich_help_panel=DRAWING,
        ),
    ] = None
    dpi: Annotated[
        int | None,
        typer.Option(
            min=10,
            max=10_000,
            metavar="N",
            help="Pixels to an inch, for programs that print.",
            show_default="150 in a PDF",
            rich_help_panel=DRAWING,
        ),
    ] = None
    format: Annotated[
        Literal["png", "pdf"], typer.Option(help="What pictures are written as.", rich_help_panel=DRAWING)
    ] = "png"


PLAIN = PageOptions()
"""Pages as they are where nobody asks for anything."""


@dataclass(frozen=True)
class SheetOptions(PageOptions):
    """How sheets look; every command that draws sheets of tiles has these."""

    scale: Annotated[
        str,
        typer.Option(
            metavar="SCALE",
            help="map (each tile its own range), layer, symmetric[:PERCENT], percentile:LO,HI, or LO,HI.",
            rich_help_panel=DRAWING,
            autocompletion=offer(*SCALES),
        ),
    ] = "map"
    cmap: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="gray, or any matplotlib colormap.",
            rich_help_panel=DRAWING,
            autocompletion=complete_cmap,
        ),
    ] = "gray"
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help="How many maps to draw at most.",
            show_default="64, or all that --select names",
            rich_help_panel=DRAWING,
            autocompletion=offer("all"),
        ),
    ] = None
    select: Annotated[
        str | None,
        typer.Option(metavar="0,5,10:20", help="Which maps to draw, by index.", rich_help_panel=DRAWING),
    ] = None
    sort: Annotated[
        Literal["index", "mean", "max", "std", "sparsity"],
        typer.Option(help="The order of the tiles; the largest first.", rich_help_panel=DRAWING),
    ] = "index"
    columns: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tiles in a row.", rich_help_panel=DRAWING)
    ] = None
    tile: Annotated[
        str,
        typer.Option(
            metavar="W,H|auto|full",
            help="Size of a tile in pixels.",
            rich_help_panel=DRAWING,
            autocompletion=offer("auto", "full"),
        ),
    ] = "auto"
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Index and range below each tile.", rich_help_panel=DRAWING)
    ] = True
    summary: Annotated[
        Literal["pca", "mean", "max"] | None,
        typer.Option(help="One picture of the whole layer.", rich_help_panel=DRAWING),
    ] = None
    arrays: Annotated[
        bool, typer.Option("--arrays", help="Write the raw float32 values too (.npz).", rich_help_panel=DRAWING)
    ] = False


@dataclass(frozen=True)
class DrawingOptions(SheetOptions):
    """The same for the maps of an image."""

    with_image: Annotated[
        bool | None,
        typer.Option(
            "--with-image/--no-with-image",
            help="Put the input image at the sheet's start.",
            show_default=False,
            rich_help_panel=DRAWING,
        ),
    ] = None
    separate: Annotated[bool, typer.Option("--separate", help="A PNG for each map too.", rich_help_panel=DRAWING)] = (
        False
    )
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Draw each map over the image.", rich_help_panel=DRAWING)
    ] = False


@dataclass(frozen=True)
class FilterSheetOptions(SheetOptions):
    """The same for filters."""

    channels: Annotated[
        str | None,
        typer.Option(
            metavar="0,5,10:20",
            help="Which input channels to draw, by index, each in gray.",
            show_default="color of three; the first 16 of others",
            rich_help_panel=DRAWING,
        ),
    ] = None


PIXELS = 178_956_970
"""`sources.pixel_values.PIXEL_LIMIT`, which a test holds, without NumPy."""


MaxPixels = Annotated[
    str,
    typer.Option(
        metavar="N|none",
        help="Refuse images, borders and maps of more pixels.",
        show_default="178,956,970",
        rich_help_panel=BATCH,
        autocompletion=offer("none"),
    ),
]


@dataclass(frozen=True)
class GatherOptions:
    """Where results go, and how a run over many images behaves whose result is one."""

    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for the results, or s3://bucket/folder.",
            rich_help_panel=BATCH,
            autocompletion=complete_folders,
        ),
    ] = "featuremaps"
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first image that fails.", rich_help_panel=BATCH)
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, notices or summary.", rich_help_panel=BATCH)
    ] = False
    json: Annotated[
        bool, typer.Option("--json", help="JSON on stdout, an object a line, for scripts.", rich_help_panel=BATCH)
    ] = False
    null: Annotated[
        bool,
        typer.Option("-0", help="Paths on stdin end with NUL, as `find -print0` writes them.", rich_help_panel=BATCH),
    ] = False
    max_pixels: MaxPixels = str(PIXELS)
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and where, and stop.", rich_help_panel=BATCH)
    ] = False
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a Dask cluster: tcp://HOST:PORT, local:N, or a scheduler file.",
            rich_help_panel=BATCH,
        ),
    ] = None


@dataclass(frozen=True)
class BatchOptions(GatherOptions):
    """The same for a run whose images are done one by one, here or in worker processes, and not again."""

    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, metavar="N", help="Images at a time.", rich_help_panel=BATCH),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Do again what is already done.", rich_help_panel=BATCH)] = (
        False
    )


@dataclass(frozen=True)
class RunOptions(BatchOptions):
    """The same for a run that leaves sheets for each image: it can be browsed."""

    gallery: Annotated[
        bool, typer.Option("--gallery", help="Write a page to browse the run, index.html.", rich_help_panel=BATCH)
    ] = False


Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES...",
        help="Files, folders, quoted globs, addresses (s3://...), `-` (paths on stdin), sample:china, sample:flower.",
        show_default=False,
        autocompletion=complete_images,
    ),
]

Weights = Annotated[
    str,
    typer.Option(
        metavar="imagenet|none|FILE",
        help="Weights of a keras:NAME network.",
        rich_help_panel=NETWORK,
        autocompletion=complete_weights,
    ),
]
Unsafe = Annotated[
    bool,
    typer.Option("--unsafe", help="Let code in a model file run (Lambda, custom objects).", rich_help_panel=NETWORK),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        help="A Python module whose layers a model file uses; repeatable.",
        show_default=False,
        rich_help_panel=NETWORK,
        autocompletion=complete_modules,
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        "-l",
        metavar="LAYER",
        help="A path, a glob, a convolution's index (0, -1), a range (0:5), all, or all-layers; repeatable.",
        show_default=False,
        rich_help_panel=NETWORK,
        autocompletion=complete_layers,
    ),
]


Preprocess = Annotated[
    Literal["auto", "unit", "raw", "torch", "caffe", "tf"],
    typer.Option(help="What the network's pixels look like.", rich_help_panel=NETWORK),
]
Fit = Annotated[
    Literal["crop", "stretch", "pad"],
    typer.Option(help="How an image comes to the network's size.", rich_help_panel=NETWORK),
]
InputSize = Annotated[
    str | None,
    typer.Option(metavar="W,H", help="Run at this size, in pixels.", show_default=False, rich_help_panel=NETWORK),
]


@dataclass(frozen=True)
class NetworkOptions:
    """Which network, and how images come to it; every command with `--model` has these."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="alexnet, squeezenet, keras:NAME, a .keras, .h5 or .onnx file, or a SavedModel folder.",
            rich_help_panel=NETWORK,
            autocompletion=complete_model,
        ),
    ]
    weights: Weights = "imagenet"
    preprocess: Preprocess = "auto"
    fit: Fit = "crop"
    input_size: InputSize = None
    batch_size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Images that run together.", rich_help_panel=NETWORK)
    ] = 8
    unsafe: Unsafe = False
    imports: Imports = None


def read_pixel_limit(text: str) -> int:
    """Read `--max-pixels`: a number, with commas or underscores between its digits or without, or `none`.

    Raises:
        UsageError: anything else.
    """
    digits = text.strip().replace(",", "").replace("_", "")
    if digits.lower() == "none":
        return sys.maxsize
    if not digits.isdecimal() or int(digits) == 0:
        raise UsageError(f"--max-pixels {text}: expected a number of pixels above zero, or none")
    return int(digits)


def read_size(text: str, option: str) -> tuple[int, int]:
    """Read a width and a height in pixels, `320,240` or `320x240`.

    Args:
        text: what the user wrote.
        option: its name, for the message.

    Raises:
        NotationError: not two whole numbers from 1 on.
    """
    size = read_pair(text)
    if size is None or 0 in size:
        problem = f"{option} takes a width and a height in pixels, as in 320,240; got {text}"
        raise NotationError(text, 0, len(text), problem)
    return size
