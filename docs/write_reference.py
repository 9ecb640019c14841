"""Write docs/cli-reference.md from every command's --help; `--check` only says whether it is up to date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

REFERENCE = Path(__file__).with_name("cli-reference.md")
HEAD = """# Command-line reference

Written by `python docs/write_reference.py` from each command's `--help`; do not edit.
"""


def help_text(*words: str) -> str:
    """Return what `featuremap WORDS --help` prints at 100 columns, without color or box drawing at the edges."""
    plain = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1"}
    environment = {**os.environ, **plain}
    environment.pop("FORCE_COLOR", None)
    environment.pop("GITHUB_ACTIONS", None)
    program = [sys.executable, "-c", "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"]
    result = subprocess.run([*program, *words, "--help"], capture_output=True, text=True, env=environment, check=True)
    return "\n".join(line.rstrip() for line in result.stdout.strip("\n").splitlines())


def reference() -> str:
    """Return the whole page."""
    overview = help_text()
    commands = re.findall(r"^│ ([a-z]+) ", overview.split("Commands", 1)[1], flags=re.MULTILINE)
    parts = [HEAD, f"## featuremap\n\n```text\n{overview}\n```\n"]
    parts += [f"## featuremap {name}\n\n```text\n{help_text(name)}\n```\n" for name in commands]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or with --check return 1 where it differs."""
    page = reference()
    if "--check" not in sys.argv[1:]:
        REFERENCE.write_text(page, encoding="utf-8")
        return 0
    if REFERENCE.exists() and REFERENCE.read_text(encoding="utf-8") == page:
        return 0
    print("docs/cli-reference.md is out of date: run `python docs/write_reference.py`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
