"""JSON for scripts is JSON whatever the numbers are."""

from __future__ import annotations

import json

import pytest

from featuremap_cli.commands.console import give_json


def test_numbers_that_json_cannot_write_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    give_json(
        {"a": [1.5, float("nan"), (float("inf"), -float("inf"))], "b": {"c": float("nan"), "d": "NaN"}, "e": True}
    )
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"a": [1.5, None, [None, None]], "b": {"c": None, "d": "NaN"}, "e": True}
