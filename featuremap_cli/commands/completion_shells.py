"""How a shell asks for completions, and how it takes them: bash, zsh and fish.

Typer's own way is kept, the variables and the scripts that it installs, but for what it does not do: bash takes a word
apart at each colon (`alexnet:conv1` is three words), no shell may write a space after `alexnet:` or `photos/`, and
names of files may hold spaces.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

import typer
import typer._completion_shared as shared
from typer._click.core import Command
from typer._click.shell_completion import CompletionItem, add_completion_class, split_arg_string
from typer._completion_classes import BashComplete, FishComplete, ZshComplete

MORE_FOLLOWS = (":", "/", ",")
"""Ends of values that no space goes after."""

BASH_SCRIPT = """
%(complete_func)s() {
    local IFS=$'\\n'
    mapfile -t COMPREPLY < <( env COMP_WORDS="${COMP_WORDS[*]}" \\
                   COMP_CWORD=$COMP_CWORD \\
                   %(autocomplete_var)s=complete_bash "$1" )
    [[ -n ${COMPREPLY[0]} ]] || COMPREPLY=()
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:/,] ]] && compopt -o nospace
    return 0
}

complete -o default -o nosort -F %(complete_func)s %(prog_name)s
"""

_SPECIAL_IN_BASH = re.compile(r"([^\w@%+:,./=~-])")
_BREAKS = re.compile("[:=]+")


class Bash(BashComplete):
    """Bash, which hands over words taken apart at colons and equals signs, and replaces the last part alone."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being written, and that one."""
        words, incomplete, self._given, self._is_quoted = bash_words(
            os.environ["COMP_WORDS"], int(os.environ["COMP_CWORD"])
        )
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return what replaces the last part of the word."""
        value = str(item.value)
        if value.startswith("-") and self._given.endswith("="):
            return value
        # Click takes `--kernel=` off before it asks for values.
        given = self._given.rpartition("=")[2] if self._given.startswith("-") else self._given
        rest = value.removeprefix(given)
        return rest if self._is_quoted else _SPECIAL_IN_BASH.sub(r"\\\1", rest)


class Zsh(ZshComplete):
    """Zsh, which runs what it is told: an answer is commands of its own."""

    def complete(self) -> str:
        """Return commands that add the values, or the shell's own for files where there are none."""
        args, incomplete = self.get_completion_args()
        items = self.get_completions(args, incomplete)
        # `--kernel=so` is one word here, and the values are of what is after the sign.
        skip = "compset -P '*='; " if incomplete.startswith("-") and "=" in incomplete else ""
        done = [item for item in items if not str(item.value).endswith(MORE_FOLLOWS)]
        open_ended = [item for item in items if str(item.value).endswith(MORE_FOLLOWS)]
        commands = [_compadd(done, ""), _compadd(open_ended, "-S '' ")]
        return skip + "; ".join(command for command in commands if command) if items else "_files"


class Fish(FishComplete):
    """Fish; it takes care of colons, slashes and spaces itself, and of `--kernel=so` wants the whole."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being written, and that one."""
        args, incomplete = super().get_completion_args()
        option, sign, _ = incomplete.partition("=")
        self._before = f"{option}{sign}" if sign and option.startswith("-") else ""
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return a value and what it means."""
        value = f"{self._before}{item.value}"
        return f"{value}\t{_one_line(item.help)}" if item.help else value


def bash_words(text: str, place: int) -> tuple[list[str], str, str, bool]:
    """Put together the words that bash took apart.

    Args:
        text: COMP_WORDS, a word a line (with spaces between them where there is one line).
        place: COMP_CWORD.

    Returns:
        The words before the one that is being written; that one; what of it comes before the part that bash replaces;
        whether a quote is open in it.
    """
    parts = text.split("\n") if "\n" in text else text.split()
    parts = [*parts[:place], parts[place] if place < len(parts) else ""]
    words: list[str] = []
    before, is_glued = "", False
    for part in parts:
        is_break = _BREAKS.fullmatch(part) is not None
        word = part if is_break else (split_arg_string(part) or [""])[0]
        if words and (is_break or is_glued):
            before = words[-1] + (word if is_break else "")
            words[-1] += word
        else:
            before = ""
            words.append(word)
        is_glued = is_break
    last = parts[-1]
    is_quoted = last[:1] in ("'", '"') and (len(last) == 1 or last[-1] != last[0])
    return words[:-1], words[-1], before, is_quoted


def words_before() -> list[str]:
    """Return the words after `featuremap` and before the one that is being written, whatever the shell."""
    if "COMP_WORDS" in os.environ:
        return bash_words(os.environ["COMP_WORDS"], int(os.environ.get("COMP_CWORD", "0")))[0][1:]
    typed = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = split_arg_string(typed)[1:]
    return words if typed.endswith(" ") else words[:-1]


def use_own_shells() -> None:
    """Have Typer answer bash, zsh and fish as here, and install bash's script as here."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell, shell.name)
    shared._completion_scripts["bash"] = BASH_SCRIPT


def command_of(app: typer.Typer) -> Command:
    """Return an app's command, its completion as here; Typer sets its own up as it makes one."""
    command = typer.main.get_command(app)
    use_own_shells()
    return command


def _compadd(items: Sequence[CompletionItem], options: str) -> str:
    if not items:
        return ""
    values = " ".join(shlex.quote(str(item.value)) for item in items)
    shown = " ".join(
        shlex.quote(f"{item.value} -- {_one_line(item.help)}" if item.help else str(item.value)) for item in items
    )
    described = any(item.help for item in items)
    return f"shown=({shown}); compadd {'-l ' if described else ''}{options}-V featuremap -d shown -- {values}"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
