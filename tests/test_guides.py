"""The guides' own command lines: each is one that the program takes, and the pictures that they name are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from featuremap_cli.commands.app import main

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = sorted(DOCS.glob("guide*.md"))
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_DRY = ("convolve", "activations", "health", "patches")
"""Commands that can say what they would do."""


def commands(guide: Path) -> list[str]:
    blocks = _BLOCK.findall(guide.read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.splitlines() if line.startswith("featuremap ")]


@pytest.mark.parametrize("name", ["guide.md", "guide.zh.md"])
def test_every_command_is_one_that_the_program_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands(DOCS / name)
    assert len(found) >= 6
    monkeypatch.chdir(DOCS.parent)
    for line in found:
        _, command, *words = shlex.split(line)
        words = [word for word in words if word not in ("-o", "out")]
        more = ["--dry-run"] if command in _DRY else []
        assert main([command, *words, *more, "-o", str(tmp_path / "out")]) == 0, (line, capsys.readouterr().err)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_the_pictures_that_a_guide_shows_are_there(guide: Path) -> None:
    for picture in _PICTURE.findall(guide.read_text(encoding="utf-8")):
        assert (DOCS / picture).is_file(), picture


def test_both_guides_show_the_same_pictures() -> None:
    english, chinese = (
        set(_PICTURE.findall((DOCS / name).read_text(encoding="utf-8"))) for name in ("guide.md", "guide.zh.md")
    )
    assert english <= chinese


def test_the_chinese_guide_is_linked_in_the_first_lines_of_the_readme() -> None:
    first = (DOCS.parent / "README.md").read_text(encoding="utf-8").splitlines()[:5]
    assert any("docs/guide.zh.md" in line for line in first)
