"""Correlations against np.corrcoef; the memory that they may take by arithmetic."""

from __future__ import annotations

import numpy as np

from featuremap_cli.analysis.similarity import MEMORY_BYTES, CoMoments, affordable, alike_filters


def test_correlations_of_all_pairs_however_they_were_cut_up() -> None:
    random = np.random.default_rng(4)
    responses = (random.normal(size=(6, 3000)) @ np.diag(random.uniform(0, 3, 3000))).astype(np.float32) + 50
    together, other = CoMoments(6), CoMoments(6)
    together.add(responses[:, :10])
    together.add(responses[:, 10:2100])
    other.add(responses[:, 2100:2101])
    other.add(responses[:, 2101:])
    together.merge(other)
    np.testing.assert_allclose(together.correlations(), np.corrcoef(responses.astype(np.float64)), atol=1e-9)


def test_a_constant_has_no_correlation() -> None:
    together = CoMoments(3)
    together.add(np.array([[0.1] * 5, [1, 2, 3, 4, 5], [0] * 5], np.float32))
    together.add(np.array([[0.1] * 5, [1, 2, 3, 4, 5], [0] * 5], np.float32))
    found = together.correlations()
    assert np.isnan(found[[0, 2]]).all()
    assert found[1, 1] == 1


def test_a_filter_is_named_once_with_the_earlier_one_it_is_most_like() -> None:
    correlations = np.array([[1, 0.2, 0.995, np.nan], [0.2, 1, 0.999, np.nan], [0.995, 0.999, 1, np.nan], [np.nan] * 4])
    assert alike_filters(correlations) == ((2, 1, 0.999),)
    assert alike_filters(correlations, above=0.1) == ((1, 0, 0.2), (2, 1, 0.999))


def test_the_smallest_layers_are_compared_while_memory_lasts() -> None:
    # 8 bytes * (4^2 + 8^2 + 8^2) = 1,152
    assert affordable([16, 8, 4, 8], memory=1152) == [False, True, True, True]
    assert affordable([16, 8, 4, 8], memory=1151) == [False, True, True, False]
    # ResNet50's widest convolutions all fit
    assert all(affordable([2048] * 4 + [1024] * 7 + [512] * 18 + [256] * 20 + [64] * 4, MEMORY_BYTES))
