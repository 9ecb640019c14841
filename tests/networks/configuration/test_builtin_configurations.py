"""The built-in networks' configurations are those that Keras writes, and run as PyTorch ran the networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featuremap_cli.arrays import Image
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.catalogue import load_in_tensorflow
from featuremap_cli.networks.configuration.loading import load_known_builtin
from featuremap_cli.networks.configuration.settings import ENDINGS_WITHOUT_INFLUENCE
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.records import network_graph

REFERENCE = Path(__file__).parents[2] / "reference" / "alexnet_squeezenet_china.npz"
NOT_KEPT = ("build_config", "compile_config", "shared_object_id", "quantization_config")


def shortened(value: Any) -> Any:
    """A configuration without what training, or another version of Keras, would add."""
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: shortened(item)
        for key, item in value.items()
        if key not in NOT_KEPT and not key.endswith(ENDINGS_WITHOUT_INFLUENCE)
    }


@pytest.mark.parametrize("name", BUILTIN)
def test_the_file_is_what_keras_writes(name: str, request: pytest.FixtureRequest) -> None:
    written = shortened(json.loads(BUILTIN[name].build().to_json()))
    path = BUILTIN[name].configuration_path
    if request.config.getoption("--rewrite-golden"):
        path.write_text(json.dumps(written, separators=(",", ":")) + "\n", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == written


def known(name: str) -> Network:
    network = load_known_builtin(BUILTIN[name])
    assert network is not None
    return network


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    with np.load(REFERENCE, allow_pickle=False) as arrays:
        return dict(arrays)


def recorded(name: str, pixels: Any) -> dict[str, Any]:
    """Every layer's maps of one image, by path."""
    network = known(name)
    entries = [entry for entry in network.layers() if entry.undrawable is None]
    batch = BUILTIN[name].preprocessing.apply(pixels[np.newaxis])
    return {entry.path: maps[0] for entry, maps in zip(entries, network.record(batch, entries), strict=True)}


def test_alexnet_agrees_with_pytorch(figures: dict[str, Any]) -> None:
    maps = recorded("alexnet", figures["alexnet_input_rgb"].astype(np.float32) / 255)
    for layer in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"):
        mean, most = maps[layer].mean(axis=(0, 1)), maps[layer].max(axis=(0, 1))
        np.testing.assert_allclose(mean, figures[f"alexnet_{layer}_mean"], rtol=1e-4, atol=2e-5, err_msg=layer)
        np.testing.assert_allclose(most, figures[f"alexnet_{layer}_max"], rtol=1e-4, atol=1e-4, err_msg=layer)


def test_squeezenet_agrees_with_pytorch(figures: dict[str, Any]) -> None:
    maps = recorded("squeezenet", figures["squeezenet_input_rgb"] / np.float32(255))
    compared = [key for key in figures if key.startswith("squeezenet_fire") and key.endswith("_mean")]
    compared = [key for key in compared if key.count("_") == 3]
    assert compared
    for key in compared:
        layer = key.removeprefix("squeezenet_").removesuffix("_mean").replace("_", "/", 1)
        np.testing.assert_allclose(maps[layer].mean(axis=(0, 1)), figures[key], rtol=2e-4, atol=2e-3, err_msg=key)


@pytest.mark.parametrize("name", BUILTIN)
def test_it_is_the_network_that_tensorflow_runs(name: str) -> None:
    ours, theirs = known(name), load_in_tensorflow(name)
    assert ours.layers() == theirs.layers()
    assert (ours.name, ours.input, ours.notices) == (theirs.name, theirs.input, theirs.notices)
    assert ours.preprocessing == theirs.preprocessing
    assert network_graph(ours) == network_graph(theirs)
    photo = ours.prepare(Image(np.random.default_rng(1).random((300, 260, 3)).astype(np.float32), "photo"))
    chosen = ours.select(["all-layers"]).entries
    for before_activation in (False, True):
        kept = [one.record(photo.array, chosen, before_activation=before_activation) for one in (ours, theirs)]
        for entry, own, its in zip(chosen, *kept, strict=True):
            np.testing.assert_allclose(own, its, rtol=1e-3, atol=1e-4 * its.std(), err_msg=entry.path)
