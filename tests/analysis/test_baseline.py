"""What moved, by arithmetic."""

from __future__ import annotations

import math
from typing import Any

import pytest

from featuremap_cli.analysis.baseline import moved


def layer(**changes: Any) -> dict[str, Any]:
    numbers = {"layer": "conv", "mean": 1.0, "std": 2.0, "zero_fraction": 0.5, "hoyer": 0.6, "filters": 10, "dead": [3]}
    return {**numbers, "lifetime_sparseness": 0.7, "population_sparseness": None, **changes}


@pytest.mark.parametrize(
    ("changes", "quantity", "distance"),
    [
        ({"mean": 1.3}, "mean", 0.15),
        ({"std": 1.6}, "std", 0.2),
        ({"zero_fraction": 0.61}, "zero_fraction", 0.11),
        ({"hoyer": 0.4}, "hoyer", 0.2),
        ({"lifetime_sparseness": None}, "lifetime_sparseness", math.inf),
        ({"population_sparseness": 0.0}, "population_sparseness", math.inf),
        ({"dead": [2, 3, 5]}, "dead", 0.2),
    ],
)
def test_a_number_that_moved(changes: dict[str, Any], quantity: str, distance: float) -> None:
    found = list(moved([layer()], [layer(**changes)], 0.1))
    assert [one.quantity for one in found] == [quantity]
    assert found[0].distance == pytest.approx(distance)
    limit = distance if math.isfinite(distance) else 1.0
    assert bool(list(moved([layer()], [layer(**changes)], limit + 1e-9))) == math.isinf(distance)


def test_filters_that_live_again_are_no_fault() -> None:
    assert list(moved([layer()], [layer(dead=[])], 0.0)) == []


def test_a_constant_layer_that_moves_at_all_has_moved_too_far() -> None:
    assert [one.quantity for one in moved([layer(std=0.0)], [layer(std=0.0, mean=1.001)], 0.5)] == ["mean"]


def test_layers_that_came_and_went() -> None:
    found = list(moved([layer(), layer(layer="old")], [layer(), layer(layer="new")], 0.1))
    assert [(one.layer, one.now) for one in found] == [("new", 1), ("old", None)]
