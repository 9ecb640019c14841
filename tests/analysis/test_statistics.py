"""The oracle is arithmetic by hand, and NumPy over the whole array at once."""

from __future__ import annotations

import numpy as np
import pytest

from featuremap_cli.analysis.statistics import map_statistics
from featuremap_cli.arrays import FeatureMaps


def feature_maps(values: np.ndarray) -> FeatureMaps:
    return FeatureMaps(values.astype(np.float32), tuple("" for _ in values), "layer")


def test_two_maps_by_hand() -> None:
    statistics = map_statistics(feature_maps(np.array([[[0, 1], [2, 5]], [[0, 0], [0, 0]]])))
    assert statistics.shape == (2, 2, 2)
    assert (statistics.min, statistics.max, statistics.mean) == (0.0, 5.0, 1.0)
    assert statistics.zero_fraction == 5 / 8
    assert statistics.silent == (1,)
    assert statistics.not_finite == 0


def test_values_that_are_not_finite_are_counted_and_kept_out() -> None:
    statistics = map_statistics(feature_maps(np.array([[[np.nan, 1.0], [np.inf, 3.0]]])))
    assert (statistics.min, statistics.max, statistics.mean) == (1.0, 3.0, 2.0)
    assert statistics.not_finite == 2


def test_infinities_of_both_signs_are_counted_without_a_warning() -> None:
    statistics = map_statistics(feature_maps(np.array([[[-np.inf, 1.0], [np.inf, 3.0]]])))
    assert (statistics.min, statistics.max, statistics.mean, statistics.not_finite) == (1.0, 3.0, 2.0, 2)


def test_nothing_finite_is_none_and_not_nan() -> None:
    statistics = map_statistics(feature_maps(np.full((1, 2, 2), np.nan)))
    assert (statistics.min, statistics.max, statistics.mean) == (None, None, None)


def test_a_negative_map_is_not_silent() -> None:
    assert map_statistics(feature_maps(np.full((1, 2, 2), -1.0))).silent == ()


def test_random_maps_as_numpy_has_them() -> None:
    values = np.random.default_rng(3).normal(size=(5, 31, 17)).clip(0)
    statistics = map_statistics(feature_maps(values))
    assert statistics.mean == pytest.approx(values.astype(np.float32).mean(dtype=np.float64), rel=1e-12)
    assert statistics.zero_fraction == pytest.approx((values == 0).mean())
