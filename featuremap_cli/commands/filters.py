"""`featuremap filters`: pictures of the filters themselves."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from featuremap_cli.commands.completion import complete_filters, complete_folders
from featuremap_cli.commands.console import give, tell
from featuremap_cli.commands.options import BATCH, FilterSheetOptions, Imports, Preprocess, Unsafe, Weights

Specs = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC...",
        help="sobel-x, gaussian:7,1.5, `0 -1 0; -1 5 -1; 0 -1 0`, bank.npy, alexnet:conv1, model.keras:stem/conv",
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


def filters(
    specs: Specs,
    drawing: FilterSheetOptions,
    weights: Weights = "imagenet",
    preprocess: Preprocess = "auto",
    unsafe: Unsafe = False,
    imports: Imports = None,
    out: Out = Path("featuremaps"),
    quiet: Quiet = False,
) -> None:
    """Draw filters: kernels written by hand, or a network's layers.

    Examples:

    - `featuremap filters sobel-x sobel-y kirsch`
    - `featuremap filters alexnet:conv1`
    - `featuremap filters alexnet:conv3 --channels 0:64 --select 0:8`
    - `featuremap filters "sharpen=0 -1 0; -1 5 -1; 0 -1 0" bank.npy -o filters`
    """
    from featuremap_cli.batch.outputs import OutputFolder, filters_files
    from featuremap_cli.commands.provenance import option_words, repeated
    from featuremap_cli.commands.sheets import read_plan, write_filters
    from featuremap_cli.convolution.engine import layer_name
    from featuremap_cli.networks.banks import read_banks

    plan = read_plan(drawing, with_image=False)
    modules = repeated("--import", imports)
    folder = OutputFolder(str(out))
    all_banks = [
        (spec, read_banks(spec, weights, unsafe, drawn_as=preprocess, imports=imports or ())) for spec in specs
    ]
    own_words = [*([] if preprocess == "auto" else ["--preprocess", preprocess]), *modules]
    for (spec, banks), sheet_file in zip(all_banks, filters_files(specs), strict=True):
        command = shlex.join(["featuremap", "filters", spec, *own_words, *option_words(drawing)])
        files = write_filters(banks, f"Filters · {layer_name(banks)}", plan, command, sheet_file, folder)
        for written in files.written:
            give(folder.path(written.relative))
        notices = (*(note for bank in banks for note in bank.notes), *files.notices)
        for notice in notices if not quiet else ():
            tell(notice)
