"""docs/arithmetic.md: every command prints what the page says, and every sum on it is right."""

from __future__ import annotations

import json
import math
import re
import shlex
from pathlib import Path

import pytest

from featuremap_cli.commands.app import main

PAGE = (Path(__file__).parents[1] / "docs" / "arithmetic.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(featuremap [^\n]*)\n```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
SUMS = re.findall(r"`([^`\n]+) = ([\d,]+)`", PAGE)


def lines(text: str) -> list[str]:
    """Lines without the spaces that fill the last column."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.parametrize(("command", "expected"), EXAMPLES)
def test_example(command: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)[1:]) == 0
    assert lines(capsys.readouterr().out) == lines(expected)


@pytest.mark.parametrize(("sum_", "result"), SUMS)
def test_sum(sum_: str, result: str) -> None:
    value = eval(sum_, {"__builtins__": {}}, {"ceil": math.ceil, "floor": math.floor})
    assert value == int(result.replace(",", ""))


def test_depthwise_and_separable_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arithmetic", "32x32x64", "depthwise 3x3 same"]) == 0
    assert main(["arithmetic", "32x32x64", "separable 256 3x3 same"]) == 0
    out = capsys.readouterr().out
    assert "parameters        640\n" in out
    assert "parameters        17,216\n" in out


def test_the_readme_s_comparison_teaches_what_the_page_does(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^(featuremap arithmetic [^#\n]*--compare[^#\n]*)", readme, re.MULTILINE)
    assert main([*shlex.split(command)[1:], "--json"]) == 0
    small, large = (one["totals"] for one in json.loads(capsys.readouterr().out)["stacks"])
    # Three filters of 3 x 3 see what one of 7 x 7 sees, for 27 / 49 of its weights: 3 (9 x 64 x 64 + 64) to 200,768.
    assert (small["parameters"], large["parameters"]) == (110_784, 200_768)
    assert small["macs"] / large["macs"] == pytest.approx(27 / 49)


def test_the_page_has_examples_and_sums() -> None:
    assert len(EXAMPLES) == 6
    assert len(SUMS) >= 20
