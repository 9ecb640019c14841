"""The oracles are arithmetic by hand, and the formulas of the papers written for whole arrays."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.analysis.sparseness import hoyer, population_sparseness, sparseness


def sums(responses: list[float]) -> tuple[float, float, int]:
    values = np.asarray(responses)
    return float(np.abs(values).sum()), float((values**2).sum()), len(values)


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([1, 1, 1, 1], 0.0),
        ([0, 0, 0, 7], 1.0),
        # A = (2/4)^2 / (2/4) = 1/2, S = (1/2) / (3/4)
        ([1, 1, 0, 0], 2 / 3),
        # A = (6/3)^2 / (14/3) = 6/7, S = (1/7) / (2/3)
        ([1, 2, 3], 3 / 14),
        ([-1, 2, -3], 3 / 14),
    ],
)
def test_vinje_and_gallant_by_hand(responses: list[float], expected: float) -> None:
    assert float(sparseness(*sums(responses))) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([1, 1, 1, 1], 0.0),
        ([0, 0, 0, -7], 1.0),
        # (2 - 2/sqrt(2)) / (2 - 1)
        ([1, 1, 0, 0], 2 - np.sqrt(2)),
        # (sqrt(3) - 6/sqrt(14)) / (sqrt(3) - 1)
        ([1, 2, 3], (np.sqrt(3) - 6 / np.sqrt(14)) / (np.sqrt(3) - 1)),
    ],
)
def test_hoyer_by_hand(responses: list[float], expected: float) -> None:
    assert float(hoyer(*sums(responses))) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("responses", [[0, 0, 0], [5], [0]])
def test_what_has_no_sparseness_is_nan(responses: list[float]) -> None:
    assert np.isnan(sparseness(*sums(responses)))
    assert np.isnan(hoyer(*sums(responses)))


def test_population_sparseness_of_each_position() -> None:
    responses = np.array([[1, 0, 0, 2, np.nan], [1, 0, 3, 2, 1], [0, 0, 0, 2, 1], [0, 0, 0, 2, 1]], np.float32)
    found = population_sparseness(responses)
    np.testing.assert_allclose(found, [2 / 3, np.nan, 1, 0, np.nan], atol=1e-12)
