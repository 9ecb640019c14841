"""Weights with planted faults; norms by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.analysis.weights import weigh
from featuremap_cli.arrays import FilterBank


def bank(weights: np.ndarray, bias: np.ndarray | None = None) -> FilterBank:
    filters = weights.shape[3]
    return FilterBank(
        weights.astype(np.float32), ("",) * filters, np.zeros(filters, np.float32) if bias is None else bias, "net:conv"
    )


def test_norms_and_zeros_by_hand() -> None:
    weights = np.zeros((1, 2, 1, 3))
    weights[0, :, 0, 0] = (3, 4)
    weights[0, 0, 0, 1] = -12
    found = weigh(bank(weights))
    assert found.norms == (5, 12, 0)
    assert found.zero_fractions == (0, 0.5, 1)
    assert (found.norm, found.zero_fraction) == (13, 0.5)


def test_duplicates_have_the_same_kernel_and_bias() -> None:
    weights = np.random.default_rng(7).normal(size=(3, 3, 16, 40)).astype(np.float32)
    weights[..., 31] = weights[..., 4]
    weights[..., 9] = weights[..., 4] * (1 + 2e-7)
    weights[..., 12] = weights[..., 4] * 1.001
    weights[..., 20] = weights[..., 21]
    weights[..., [2, 6]] = 0
    bias = np.zeros(40, np.float32)
    bias[20] = 1
    assert weigh(bank(weights, bias)).duplicates == ((9, 4), (31, 4))
    assert weigh(bank(weights)).duplicates == ((9, 4), (21, 20), (31, 4))


def test_a_weight_that_is_not_finite_has_no_norm() -> None:
    weights = np.ones((1, 1, 1, 3), np.float32)
    weights[0, 0, 0, 1] = np.nan
    found = weigh(bank(weights))
    assert found.norms == (1, None, 1)
    assert found.norm is None
    assert found.duplicates == ((2, 0),)
    assert found.as_json() == {"norm": None, "zero_fraction": 0.0, "duplicates": [[2, 0]]}


def test_many_filters_that_are_all_the_same() -> None:
    found = weigh(bank(np.ones((2, 2, 3, 50))))
    assert found.duplicates == tuple((index, 0) for index in range(1, 50))
    assert found.norm == pytest.approx(np.sqrt(600))
