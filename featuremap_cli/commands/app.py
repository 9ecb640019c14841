"""The `featuremap` command: what is in it, and how it ends."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from featuremap_cli import __version__
from featuremap_cli.commands.console import escape_what_cannot_be_written, tell
from featuremap_cli.commands.edge import register
from featuremap_cli.errors import ExitCode

# Each command is the function of its name in the module of its name, imported only when it is the one that runs.
COMMANDS = (
    "convolve",
    "filters",
    "activations",
    "anatomy",
    "health",
    "patches",
    "project",
    "layers",
    "arithmetic",
    "kernels",
    "networks",
    "gallery",
)


def build_app(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands in it."""
    app = typer.Typer(
        name="featuremap",
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(featuremap)
    for name in names:
        register(app, getattr(importlib.import_module(f"featuremap_cli.commands.{name}"), name))
    return app


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
        app = build_app(_asked_for(sys.argv[1:] if arguments is None else arguments))
        return int(app(arguments, prog_name="featuremap", standalone_mode=False) or ExitCode.DONE)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "featuremap"
        tell(f"{error.format_message().rstrip('.')}; `{command} --help` shows what it takes")
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.INTERRUPTED


def _asked_for(words: Sequence[str]) -> Sequence[str]:
    """Return the one command that is to run, or all of them where help, completion or a suggestion needs them."""
    return words[:1] if words and words[0] in COMMANDS else COMMANDS
