"""The edge of the command line, where functions become commands and exceptions become exit codes."""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from featuremap_cli.commands.console import tell
from featuremap_cli.errors import ExitCode, FeaturemapError

Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Other", show_default=False)
]


def register(app: typer.Typer, function: Callable[..., None], name: str | None = None) -> None:
    """Make `function` a command of `app`.

    A parameter annotated with a frozen dataclass of options (`options.py`) becomes those options on the command
    line, and the function receives the filled dataclass. Errors of this package become one line on stderr and their
    exit code; anything else is a fault of ours, exit code 1.
    """
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type] = {
        key: hint for key, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }

    @functools.wraps(function)
    def command(*, debug: bool = False, **values: Any) -> None:
        for key, group in groups.items():
            values[key] = group(**{field.name: values.pop(field.name) for field in fields(hints[key])})
        guard(functools.partial(function, **values), debug)

    command.__annotations__ = {}
    command.__signature__ = inspect.Signature(list(_parameters(function, hints)))  # type: ignore[attr-defined]
    app.command(name=name)(command)


def guard(action: Callable[[], None], debug: bool) -> None:
    """Run `action`; turn what it raises into a line on stderr and an exit code.

    Raises:
        typer.Exit: with the exit code of the error.
    """
    try:
        action()
    except FeaturemapError as error:
        if debug:
            traceback.print_exc()
        tell(str(error))
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        tell("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except typer.Exit:
        raise
    except BrokenPipeError as error:
        # The reader went away (`featuremap ... | head`): end as other programs do, and keep Python from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(128 + signal.SIGPIPE) from error
    except Exception as error:  # the one place where an unforeseen error becomes exit code 1
        if debug:
            traceback.print_exc()
        remedy = "" if debug else "; --debug shows where"
        tell(f"a fault of featuremap's own, please report it: {type(error).__name__}: {error}{remedy}")
        raise typer.Exit(ExitCode.FAULT) from error


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _parameters(function: Callable[..., None], hints: dict[str, Any]) -> Iterator[inspect.Parameter]:
    """Yield the command's parameters: the function's own, each group of options opened, then `--debug`."""
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if not _is_group(hint):
            yield inspect.Parameter(
                parameter.name, inspect.Parameter.KEYWORD_ONLY, default=parameter.default, annotation=hint
            )
            continue
        field_hints = get_type_hints(hint, include_extras=True)
        for field in fields(hint):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            yield inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field_hints[field.name]
            )
    yield inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
