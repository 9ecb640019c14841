"""Measurements split among workers, against one that saw all images."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from keras import layers

from featuremap_cli.arrays import Image
from featuremap_cli.commands.health_job import HealthJob, HealthSession, Measurement
from featuremap_cli.commands.options import NetworkOptions


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> HealthSession:
    folder = tmp_path_factory.mktemp("models")
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((9, 9, 3)), layers.Conv2D(5, 3, activation="relu", name="conv")])
        model.save(folder / f"{seed}.keras")
    options, other = NetworkOptions(str(folder / "1.keras")), str(folder / "2.keras")
    job = HealthJob(options, (), other, batch_size=4, compiled=True)
    return pickle.loads(pickle.dumps(job)).open()


def test_measurements_of_parts_merge_into_that_of_the_whole(session: HealthSession) -> None:
    random = np.random.default_rng(5)
    images = [Image(random.random((9, 9, 3)).astype(np.float32), f"{index}.png") for index in range(8)]
    inputs = [session.current.network.prepare(image) for image in images]
    results = [result for start in (0, 4) for result in session.compute(inputs[start : start + 4])]
    whole, total = Measurement(("conv",)), Measurement(("conv",))
    for index, result in enumerate(results):
        whole.add(index, *result)
    for part in ((4, 5, 6), (), (7, 3), (0, 1, 2)):
        worker = Measurement(("conv",))
        for index in part:
            worker.add(index, *results[index])
        total.merge(pickle.loads(pickle.dumps(worker)))
    assert (total.images, whole.images) == (8, 8)
    one, two = whole.states[0].report(), total.states[0].report()
    for name in ("mean", "std", "min", "max", "zero_fraction", "hoyer", "lifetime_sparseness", "population_sparseness"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-9)
    changed = total.changes[0].whole()
    assert changed.relative == pytest.approx(whole.changes[0].whole().relative, rel=1e-9)
    assert total.first is not None
    assert (total.first[0], total.first[1].picture.name) == (0, "0.png")


def test_a_measurement_of_nothing_has_no_images() -> None:
    assert Measurement(("conv",)).images == 0
