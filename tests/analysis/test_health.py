"""What streams by, against NumPy over the whole set at once; faults are planted, and must be found as planted."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.analysis.health import LayerHealth, LayerState

IMAGES, FILTERS = 7, 12
DEAD, CONSTANT, COPY, RARE = 3, 5, 8, 10


def planted() -> np.ndarray:
    """Maps after a ReLU, (images, filters, height, width), with faults; a wide range of scales and offsets."""
    random = np.random.default_rng(11)
    maps = random.normal(size=(IMAGES, FILTERS, 9, 13)) * 10.0 ** random.uniform(-3, 3, (1, FILTERS, 1, 1))
    maps = np.maximum(maps + random.uniform(0, 5, (1, FILTERS, 1, 1)), 0)
    maps[:, 0] += 1000
    maps[:, DEAD] = 0
    maps[:, CONSTANT] = 0.7
    maps[:, COPY] = 3 * maps[:, 2] + 1
    maps[:, RARE] = 0
    maps[4, RARE, 2, 2] = 1.5
    return maps.astype(np.float32)


def state_of(maps: np.ndarray) -> LayerState:
    state = LayerState("conv", maps.shape[1])
    for one in maps:
        state.add(one)
    return state


def whole(maps: np.ndarray) -> np.ndarray:
    """(filters, values of all images), float64."""
    return maps.astype(np.float64).transpose(1, 0, 2, 3).reshape(maps.shape[1], -1)


def test_every_filter_as_numpy_has_it() -> None:
    maps = planted()
    responses, report = whole(maps), state_of(maps).report()
    assert len(report.filters) == FILTERS
    for one, values in zip(report.filters, responses, strict=True):
        assert one.mean == pytest.approx(values.mean(), rel=1e-6)
        assert one.std == pytest.approx(values.std(), rel=1e-6, abs=1e-12)
        assert (one.min, one.max) == (values.min(), values.max())
        assert one.zero_fraction == pytest.approx((values == 0).mean(), rel=1e-6)
        fired = [(maps[image, one.index] != 0).any() for image in range(IMAGES)]
        assert one.firing_rate == pytest.approx(np.mean(fired))
        if one.index == DEAD:
            assert (one.hoyer, one.lifetime_sparseness) == (None, None)
            continue
        size, ratio = values.size, values.mean() ** 2 / (values**2).mean()
        assert one.lifetime_sparseness == pytest.approx((1 - ratio) / (1 - 1 / size), rel=1e-6, abs=1e-9)
        expected = (np.sqrt(size) - values.sum() / np.linalg.norm(values)) / (np.sqrt(size) - 1)
        assert one.hoyer == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_layer_as_numpy_has_it() -> None:
    maps = planted()
    values, report = maps.astype(np.float64), state_of(maps).report()
    assert report.images == IMAGES
    assert report.mean == pytest.approx(values.mean(), rel=1e-6)
    assert report.std == pytest.approx(values.std(), rel=1e-6)
    assert (report.min, report.max) == (values.min(), values.max())
    assert report.zero_fraction == pytest.approx((values == 0).mean(), rel=1e-6)
    root = np.sqrt(values.size)
    assert report.hoyer == pytest.approx((root - values.sum() / np.linalg.norm(values)) / (root - 1), rel=1e-6)
    ratio = values.mean(axis=1) ** 2 / (values**2).mean(axis=1)
    assert report.population_sparseness == pytest.approx(((1 - ratio) / (1 - 1 / FILTERS)).mean(), rel=1e-6)
    lifetimes = [one.lifetime_sparseness for one in report.filters if one.lifetime_sparseness is not None]
    assert len(lifetimes) == FILTERS - 1
    assert report.lifetime_sparseness == pytest.approx(np.mean(lifetimes))
    silent = (maps == 0).all(axis=(2, 3)).mean()
    assert report.silent_fraction == pytest.approx(silent)


def test_the_planted_faults_and_no_others() -> None:
    report = state_of(planted()).report()
    assert report.dead == (DEAD,)
    assert report.saturated == (CONSTANT,)
    assert [(one.index, one.alike[0]) for one in report.filters if one.alike] == [(COPY, 2)]
    assert report.filters[COPY].alike[1] == pytest.approx(1.0)
    assert report.filters[RARE].firing_rate == pytest.approx(1 / IMAGES)


def test_correlation_as_numpy_has_it_and_not_above_the_limit() -> None:
    random = np.random.default_rng(2)
    first = random.normal(size=(40, 1, 6, 6))
    near = first + 0.2 * random.normal(size=first.shape)
    maps = np.concatenate([first, near, first + 0.05 * random.normal(size=first.shape), -first], axis=1)
    responses = whole(maps.astype(np.float32))
    expected = np.corrcoef(responses)
    assert 0.9 < expected[0, 1] < 0.99 < expected[0, 2]
    report = state_of(maps.astype(np.float32)).report()
    assert [one.alike is not None for one in report.filters] == [False, False, True, False]
    assert report.filters[2].alike == (0, pytest.approx(expected[0, 2], rel=1e-9))


def test_nan_and_infinity_are_counted_and_kept_out() -> None:
    maps = planted()
    maps[2, 1, 0, :3] = np.nan
    maps[3, 1, 1, 1] = np.inf
    maps[3, 4, 1, 1] = -np.inf
    maps[:, 6] = np.nan
    report = state_of(maps).report()
    assert (report.filters[1].nan, report.filters[1].inf, report.filters[4].inf) == (3, 1, 1)
    assert (report.nan, report.inf) == (3 + maps[:, 6].size, 2)
    assert report.filters[6].mean is None
    assert report.filters[6].max is None
    responses = whole(maps)
    kept = responses[1][np.isfinite(responses[1])]
    assert report.filters[1].mean == pytest.approx(kept.mean(), rel=1e-6)
    assert report.filters[1].std == pytest.approx(kept.std(), rel=1e-6)
    assert report.max == responses[np.isfinite(responses)].max()
    assert report.dead == (DEAD,)
    assert report.filters[COPY].alike is not None


def test_a_layer_that_saw_only_nan_is_reported_without_numbers() -> None:
    report = state_of(np.full((2, 3, 4, 4), np.nan, np.float32)).report()
    assert (report.mean, report.std, report.hoyer, report.population_sparseness) == (None, None, None, None)
    assert (report.nan, report.dead, report.saturated) == (96, (), ())


def test_saturation_is_half_of_the_responses_at_an_extreme_that_is_not_zero() -> None:
    ramp = np.linspace(0.01, 0.99, 16).reshape(4, 4)
    half = np.where(np.arange(16).reshape(4, 4) < 8, 1.0, ramp)
    low = np.where(np.arange(16).reshape(4, 4) < 9, -1.0, ramp)
    mostly_zero = np.where(np.arange(16).reshape(4, 4) < 12, 0.0, ramp)
    maps = np.stack([ramp, half, low, mostly_zero])[np.newaxis].astype(np.float32)
    assert state_of(maps).report().saturated == (1, 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cuts=st.lists(st.integers(0, IMAGES), max_size=4), order=st.randoms(use_true_random=False))
def test_any_split_gives_the_same(cuts: list[int], order: object) -> None:
    maps = planted()
    maps[1, 7, 3, 3] = np.nan
    one = state_of(maps).report()
    edges = sorted({0, IMAGES, *cuts})
    states = [state_of(maps[start:stop]) for start, stop in pairwise(edges)]
    order.shuffle(states)
    total = LayerState("conv", FILTERS)
    for state in states:
        total.merge(pickle.loads(pickle.dumps(state)))
    assert_alike(total.report(), one)


def assert_alike(found: LayerHealth, expected: LayerHealth) -> None:
    for ours, theirs in zip((found, *found.filters), (expected, *expected.filters), strict=True):
        for name in type(ours).__dataclass_fields__:
            if name not in ("filters", "alike"):
                value = getattr(theirs, name)
                expectation = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
                assert getattr(ours, name) == expectation, name
    for ours, theirs in zip(found.filters, expected.filters, strict=True):
        assert (ours.alike is None) == (theirs.alike is None)
        if ours.alike is not None:
            assert ours.alike == (theirs.alike[0], pytest.approx(theirs.alike[1], abs=1e-9))


def test_large_maps_are_taken_in_pieces() -> None:
    maps = np.maximum(np.random.default_rng(0).normal(size=(1, 3, 400, 500)), 0).astype(np.float32)
    report, responses = state_of(maps).report(), whole(maps)
    for one, values in zip(report.filters, responses, strict=True):
        assert one.std == pytest.approx(values.std(), rel=1e-9)
        assert one.zero_fraction == (values == 0).mean()


def test_the_state_does_not_grow_with_the_images() -> None:
    def size_after(images: int) -> int:
        state = LayerState("conv", 4)
        for _ in range(images):
            state.add(np.ones((4, 50, 50), np.float32))
        return len(pickle.dumps(state))

    assert size_after(60) < size_after(2) + 100
