"""Rows, totals and comparisons as scripts read them."""

from __future__ import annotations

import pytest

from featuremap_cli.analysis.comparison import Comparison
from featuremap_cli.analysis.cost import Storage
from featuremap_cli.analysis.description import COLUMNS, as_cells, describe
from featuremap_cli.analysis.stack import describe_stack


def test_json_has_the_keys_of_the_contract() -> None:
    said = describe(describe_stack((32, 32, 3), ["conv 8 3x3 /2 same", "dense 10"])).as_json()
    assert set(said["layers"][0]) >= {
        *("index", "path", "type", "output_shape", "parameters", "macs", "output_bytes"),
        *("receptive_field", "receptive_stride", "receptive_offset"),
    }
    assert set(said["totals"]) >= {"parameters", "macs", "inference_bytes", "training_bytes"}
    conv, dense = said["layers"]
    assert (conv["receptive_field"], conv["receptive_stride"], conv["receptive_offset"]) == ([3, 3], [2, 2], [1, 1])
    assert (dense["receptive_field"], dense["receptive_offset"]) == ([32, 32], [15.5, 15.5])


def test_totals_are_the_sums_of_the_rows() -> None:
    said = describe(describe_stack((40, 30, 3), ["3 x conv 8 3x3", "pool 2", "dense 10"]), Storage(7)).as_json()
    for total, key in (("parameters", "parameters"), ("macs", "macs"), ("training_bytes", "output_bytes")):
        assert said["totals"][total] == sum(row[key] for row in said["layers"])
    assert said["totals"]["training_bytes"] == 7 * said["totals"]["training_bytes_per_image"]
    assert said["totals"]["inference_bytes"] == 7 * said["totals"]["inference_bytes_per_image"]


def test_every_cell_has_its_column() -> None:
    rows = describe(describe_stack((32, 32, 3), ["conv 8 5x3 /2x1 same", "relu"])).rows
    conv, relu = (dict(zip(COLUMNS, as_cells(row), strict=True)) for row in rows)
    assert (conv["filter_height"], conv["filter_width"]) == (5, 3)
    assert (conv["stride_height"], conv["stride_width"], conv["padding"]) == (2, 1, "same")
    assert (conv["output_height"], conv["output_width"], conv["output_channels"]) == (16, 32, 8)
    assert relu["filter_height"] == ""
    assert relu["receptive_field_width"] == 3


def test_ratios_are_to_the_last_stack() -> None:
    stacks = [describe(describe_stack((32, 32, 64), [text])) for text in ("3 x conv 64 3x3 same", "conv 64 7x7 same")]
    ratios = Comparison(tuple(stacks)).as_json()["ratios"]
    assert ratios["parameters"] == [pytest.approx(0.5518, abs=1e-4), 1]
    assert ratios["macs"] == [pytest.approx(27 / 49), 1]
    assert Comparison((stacks[0], describe(describe_stack((32, 32, 64), ["pool 2"])))).ratio("macs", 0) is None
