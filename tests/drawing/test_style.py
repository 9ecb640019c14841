from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.analysis.map_facts import MapFacts, facts_of
from featuremap_cli.drawing.choice import choose, picked
from featuremap_cli.drawing.style import SheetStyle, parse_limit, parse_select, parse_sort, parse_tile
from featuremap_cli.errors import UsageError


def test_texts_of_options_are_read():
    assert parse_limit("16") == 16
    assert parse_limit("all") is None
    assert parse_select("0,5,10:20,-1,:3") == (0, 5, slice(10, 20), -1, slice(None, 3))
    assert parse_sort("std") == "std"
    assert parse_tile("auto") == "auto"
    assert parse_tile("full") == "full"
    for text in ("200,150", "200x150", "200*150", " (200, 150) "):
        assert parse_tile(text) == (200, 150)


@pytest.mark.parametrize(
    ("parse", "flag", "text"),
    [(parse_limit, "--limit", text) for text in ("0", "-1", "many", "")]
    + [(parse_select, "--select", text) for text in ("", "a", "1;2", "1:2:3", "1,,2")]
    + [(parse_sort, "--sort", text) for text in ("", "median")]
    + [(parse_tile, "--tile", text) for text in ("", "0,10", "200", "-1,5", "huge")],
)
def test_anything_else_is_refused_naming_the_flag(parse, flag, text):
    with pytest.raises(UsageError, match=flag):
        parse(text)


def test_selection_is_python_s():
    assert picked((0, slice(3, 5), -1, 3), 8, "conv1") == [0, 3, 4, 7]
    assert picked(None, 3, "conv1") == [0, 1, 2]
    assert picked((slice(6, 100),), 8, "conv1") == [6, 7]


@pytest.mark.parametrize("select", [(8,), (-9,), (slice(20, 30),)])
def test_what_is_not_there_is_refused_naming_layer_and_count(select):
    with pytest.raises(UsageError, match=r"conv1.*0 to 7|0 to 7.*conv1|8 filters"):
        picked(select, 8, "conv1")


def facts(layer: np.ndarray) -> list[MapFacts]:
    return [facts_of(one, squares=True) for one in layer]


LAYER = np.array([[[0, 0, 0, 8]], [[3, 3, 3, 3]], [[-9, 9, 0, 1]], [[np.nan] * 4], [[4, 0, 0, np.nan]]], np.float32)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("index", (0, 1, 2, 3, 4)),
        ("mean", (1, 0, 4, 2, 3)),  # 3, 2, 4/3, 1/4
        ("max", (2, 0, 4, 1, 3)),  # 9, 8, 4, 3
        ("std", (2, 0, 4, 1, 3)),  # 6.4, 3.5, 1.9, 0
        ("sparsity", (0, 4, 2, 1, 3)),  # 3/4, 2/3, 1/4, 0
    ],
)
def test_sorting_puts_the_greatest_first_and_nan_last(sort, order):
    assert choose(facts(LAYER), "conv1", SheetStyle(sort=sort)) == order


def test_selection_then_order_then_limit():
    assert choose(facts(LAYER), "conv1", SheetStyle(select=(0, 1, 4), sort="mean", limit=2)) == (1, 0)
    assert len(choose(facts(np.zeros((100, 1, 1), np.float32)), "conv1", SheetStyle())) == 64
    assert len(choose(facts(np.zeros((100, 1, 1), np.float32)), "conv1", SheetStyle(limit=None))) == 100
