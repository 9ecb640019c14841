"""Percentiles of many values; the oracle is NumPy over all of them at once."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.drawing import percentiles as module
from featuremap_cli.drawing.percentiles import percentiles

ARRAYS = {
    "both signs": np.random.default_rng(0).normal(size=(7, 40, 30)),
    "few values": np.random.default_rng(1).integers(-2, 3, size=(3, 50, 20)),
    "many zeros": np.random.default_rng(2).normal(size=(3, 50, 20)).clip(0),
    "close together": 1 + np.random.default_rng(3).random((2, 50, 20)) * 1e-5,
    "far apart": np.random.default_rng(4).normal(size=(2, 50, 20)) * 10.0 ** np.arange(-20, 0),
    "one value": np.full((1, 1, 1), -3.5),
}


@pytest.mark.parametrize("percents", [(1, 99), (0, 100), (25, 50), (33.3, 66.6)])
@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS.keys())
@pytest.mark.parametrize("most_held", [0, module.MOST_HELD], ids=["counted", "held"])
def test_as_numpy_has_them(values, percents, most_held, monkeypatch):
    monkeypatch.setattr(module, "MOST_HELD", most_held)
    arrays = values.astype(np.float32)
    expected = np.percentile(arrays.astype(np.float64), percents)
    assert percentiles(arrays, percents, arrays.size) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-30)


@pytest.mark.parametrize("most_held", [0, module.MOST_HELD], ids=["counted", "held"])
def test_what_is_not_finite_does_not_count(most_held, monkeypatch):
    monkeypatch.setattr(module, "MOST_HELD", most_held)
    arrays = np.array([[np.nan, 1, 2], [3, np.inf, -np.inf]], np.float32)
    assert percentiles(arrays, (0, 50), arrays.size) == (1, 2)
    assert percentiles(np.full((2, 2), np.nan, np.float32), (1, 99), 4) == (0, 0)
