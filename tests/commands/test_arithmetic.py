"""`featuremap arithmetic`: what it prints, and that it does so without TensorFlow."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import Any

import pytest

Run = Any


def test_table_of_gerons_layer(featuremap: Run) -> None:
    """15,200 parameters, 225 million multiplications, 12 MB of output in float32."""
    ran = featuremap("arithmetic", "150x100x3", "conv 200 5x5 same")
    assert ran.code == 0
    assert ran.err == ""
    row = next(line for line in ran.out.splitlines() if "Conv2D" in line)
    assert row.split() == ["0", "conv1", "Conv2D", "5x5", "1", "same", "150x100x200", "15,200", "225", "M", "12", "MB",
                           "5x5", "1", "0"]  # fmt: skip
    assert "12 MB for an image: all outputs" in ran.out


def test_json(featuremap: Run) -> None:
    said = json.loads(featuremap("arithmetic", "150x100x3", "conv 200 5x5 same", "--json", "--batch-size", 10).out)
    layer = said["layers"][0]
    assert (layer["parameters"], layer["macs"], layer["output_bytes"]) == (15_200, 225_000_000, 120_000_000)
    assert said["totals"]["training_bytes_per_image"] == 12_000_000
    half = json.loads(featuremap("arithmetic", "150x100x3", "conv 200 5x5", "--json", "--dtype", "float16").out)
    assert half["layers"][0]["output_bytes"] == 146 * 96 * 200 * 2


def test_csv(featuremap: Run) -> None:
    out = featuremap("arithmetic", "32x32x3", "2 x conv 8 3x3", "pool 2", "--csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["path"] for row in rows] == ["conv1", "conv2", "pool1"]
    assert [row["receptive_field_height"] for row in rows] == ["3", "5", "6"]
    assert rows[0]["aligned"] == "true"


def test_padding_that_differs_by_rows_and_columns(featuremap: Run) -> None:
    words = ("arithmetic", "28x28x3", "nn.Conv2d(3, 8, (3, 5), padding=(1, 2))")
    assert json.loads(featuremap(*words, "--json").out)["layers"][0]["padding"] == [1, 2]
    assert next(csv.DictReader(io.StringIO(featuremap(*words, "--csv").out)))["padding"] == "1x2"
    assert " 1x2 " in featuremap(*words).out


def test_stacks_side_by_side(featuremap: Run) -> None:
    words = ("arithmetic", "56x56x64", "3 x conv 64 3x3 same", "--compare", "conv 64 7x7 same")
    out = featuremap(*words).out
    lines = {line[:18].strip(): line[18:].split() for line in out.splitlines()}
    assert lines["receptive field"] == ["7x7", "7x7"]
    assert lines["parameters"] == ["110,784", "(55.2%)", "200,768"]
    said = json.loads(featuremap(*words, "--json").out)
    assert [stack["totals"]["parameters"] for stack in said["stacks"]] == [110_784, 200_768]
    assert [row["stack"] for row in csv.DictReader(io.StringIO(featuremap(*words, "--csv").out))] == [*"1112"]


def test_a_wrong_token_is_underlined(featuremap: Run) -> None:
    ran = featuremap("arithmetic", "32x32x3", "conv 64 3x3 smae")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.splitlines()[1:] == ["  conv 64 3x3 smae", "              ^^^^"]


@pytest.mark.parametrize(
    "words", [["32", "pool 2"], ["32x32x3", "pool 2", "--json", "--csv"], ["32x32x3"], ["32x32x3", "pool 2",
              "--batch-size", "0"], ["32x32x3", "pool 2", "--compare", "pol 2"]]
)  # fmt: skip
def test_wrong_usage(featuremap: Run, words: list[str]) -> None:
    ran = featuremap("arithmetic", *words)
    assert ran.code == 2
    assert ran.err.startswith("featuremap: ")


def test_a_narrow_terminal_gets_fewer_columns_and_is_told(featuremap: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setattr("featuremap_cli.commands.tables.is_terminal", lambda: True)
    ran = featuremap("arithmetic", "224x224x3", "conv 64 7x7 /2 same", "pool 3 /2 same")
    table = ran.out.partition("Total")[0]
    assert all(len(line) <= 72 for line in table.splitlines())
    assert "type" not in table
    assert "left out to fit the terminal: type" in ran.err


def test_tensorflow_stays_out() -> None:
    program = (
        "import sys; from featuremap_cli.commands.app import main\n"
        "code = main(['arithmetic', '32x32x3', 'conv 8 3x3', '--compare', 'pool 2'])\n"
        "print(code, [name for name in ('tensorflow', 'keras', 'matplotlib', 'h5py', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
