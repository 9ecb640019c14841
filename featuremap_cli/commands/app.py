"""The `featuremap` command: what is in it, and how it ends."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from featuremap_cli import __version__
from featuremap_cli.commands.console import escape_what_cannot_be_written, tell
from featuremap_cli.commands.edge import register
from featuremap_cli.errors import ExitCode

COMPLETING = "_FEATUREMAP_COMPLETE"
"""The variable by which a shell asks for completions; Typer makes it of the program's name."""

COMPLETION_OPTIONS = frozenset(("--show-completion", "--install-completion"))

# Each command is the function of its name in the module of its name, imported only when it is the one that runs or is
# being completed; of the others, its name and what it does is all that anybody asks for. A test holds that this is what
# the functions say themselves.
COMMANDS: Mapping[str, str] = {
    "convolve": "Apply filters straight to images and draw the feature maps.",
    "filters": "Draw filters: kernels written by hand, or a network's layers.",
    "activations": "Run a network on images and draw the feature maps of its layers.",
    "anatomy": "Draw how one feature map is made: channels times kernels, their sum, bias, ReLU, pooling.",
    "health": "Measure sparsity, dead filters and NaN over images; fail on thresholds.",
    "patches": "Find the image patches that excite each filter most, beside their projections.",
    "project": "Project one activation back to pixels: what in the image a filter answers to.",
    "layers": "List a network's layers: shapes, parameters, MACs, memory, receptive field.",
    "arithmetic": (
        "Say what a described stack of layers costs and sees: shapes, parameters, MACs, memory, receptive field."
    ),
    "kernels": "Show the built-in kernels, each with its matrix and its source.",
    "networks": "List the built-in networks: license, size, input and preprocessing.",
    "gallery": "Write a page to browse a run: images down, layers across.",
}


def build_app(named: str | None, listed: bool) -> typer.Typer:
    """Return the command line.

    Args:
        named: the command that is to run or to be completed; None for none.
        listed: whether the others are in it too, by name only, for help, completion and suggestions.
    """
    app = typer.Typer(
        name="featuremap",
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(featuremap)
    for name, summary in COMMANDS.items():
        if name == named:
            register(app, getattr(importlib.import_module(f"featuremap_cli.commands.{name}"), name))
        elif listed:
            app.command(name, help=summary, short_help=summary)(_not_run)
    return app


def _not_run() -> None:
    raise AssertionError("a command that only stands in a list")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"featuremap {__version__}")
        raise typer.Exit


def featuremap(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """See what convolutions see: grids of filters, and of the feature maps they make of your pictures, as PNG files.

    Try: `featuremap convolve sample:china`
    """
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (the codes of `errors.ExitCode`).

    Args:
        arguments: the words after `featuremap`; those of this process when None.
    """
    escape_what_cannot_be_written(sys.stdout, sys.stderr)
    # Pillow warns of oddities in files that it reads all the same; what matters to a user is said in a line of ours.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        app = build_app(*_asked_for(sys.argv[1:] if arguments is None else arguments))
        if os.environ.get(COMPLETING) or COMPLETION_OPTIONS.intersection(sys.argv[1:2]):
            from featuremap_cli.commands.completion_shells import command_of

            return int(command_of(app).main(arguments, prog_name="featuremap", standalone_mode=False) or ExitCode.DONE)
        return int(app(arguments, prog_name="featuremap", standalone_mode=False) or ExitCode.DONE)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "featuremap"
        meant = _meant(error, context)
        told = meant or error.format_message().rstrip(".")
        tell(f"{told}; `{command} --help` shows what it takes")
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.INTERRUPTED


def _asked_for(words: Sequence[str]) -> tuple[str | None, bool]:
    """Return the one command that is to run or to be completed, and whether somebody may ask for the others."""
    is_completing = bool(os.environ.get(COMPLETING))
    if is_completing:
        from featuremap_cli.commands.completion_shells import words_before

        words = words_before()
    first = next((word for word in words if not word.startswith("-")), None)
    named = first if first in COMMANDS else None
    return named, named is None or words[0] != named


def _meant(error: typer.TyperException, context: Any) -> str | None:
    """Return what to say of an option by its name elsewhere; None for anything else."""
    written = getattr(error, "option_name", None)
    if written is None or context is None:
        return None
    from featuremap_cli.commands.other_names import advice_for

    known = [name for parameter in context.command.params for name in parameter.opts]
    advice = advice_for(written, context.command.name, known)
    return None if advice is None else f"No such option: {written}; {advice}"
