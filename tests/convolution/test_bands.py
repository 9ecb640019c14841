"""Maps computed band by band; the oracle is TensorFlow over the whole image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution import bands
from featuremap_cli.convolution.bands import convolve_in_bands
from featuremap_cli.convolution.operation import Operation, Pool


def of_random(height: int, width: int, filters: int) -> tuple[np.ndarray, np.ndarray, FilterBank]:
    random = np.random.default_rng(0)
    pixels, weights = random.random((height, width, 3), np.float32), random.random((5, 5, 3, filters), np.float32)
    return pixels, weights, FilterBank(weights, ("",) * filters, np.zeros(filters, np.float32), "random")


@pytest.mark.parametrize("pool", [None, Pool("max", (3, 3), (2, 2))])
def test_bands_are_the_rows_of_the_maps_each_time_they_are_read(pool, monkeypatch):
    pixels, weights, bank = of_random(150, 20, 4)
    monkeypatch.setattr(bands, "BAND_BYTES", 20_000)
    maps = convolve_in_bands(pixels, [bank], Operation(pool=pool))
    expected = tf.nn.conv2d(pixels[None], weights, 1, "SAME")
    if pool:
        expected = tf.nn.pool(expected, (3, 3), "MAX", (2, 2), "VALID")
    expected = expected.numpy()[0].transpose(2, 0, 1)
    assert (maps.filters, *maps.size) == expected.shape
    assert maps.nbytes == expected.nbytes
    for _ in range(2):
        seen = [(first, band.copy()) for first, band in maps.bands()]
        assert len(seen) > 1
        assert [first for first, _ in seen] == list(np.cumsum([0, *(band.shape[1] for _, band in seen[:-1])]))
        np.testing.assert_allclose(np.concatenate([band for _, band in seen], axis=1), expected, rtol=1e-4, atol=1e-4)


def test_held_maps_are_the_same():
    pixels, weights, bank = of_random(30, 20, 4)
    held = convolve_in_bands(pixels, [bank], Operation()).held()
    expected = tf.nn.conv2d(pixels[None], weights, 1, "SAME").numpy()[0].transpose(2, 0, 1)
    np.testing.assert_allclose(held.maps, expected, rtol=1e-4, atol=1e-4)
    assert held.layer == "random"
