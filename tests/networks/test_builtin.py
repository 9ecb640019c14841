"""The built-in networks against PyTorch's figures for the same weights (tests/reference/README.md)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from featuremap_cli.networks.builtin import BUILTIN, Preprocessing

REFERENCE = Path(__file__).parents[1] / "reference" / "alexnet_squeezenet_china.npz"
ALEXNET_LAYERS = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")


@pytest.fixture(scope="module")
def figures():
    with np.load(REFERENCE, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def squeezenet():
    return BUILTIN["squeezenet"].build()


@pytest.fixture(scope="module")
def alexnet_outputs(figures):
    model = BUILTIN["alexnet"].build()
    pixels = figures["alexnet_input_rgb"].astype(np.float32)[None] / 255
    every_layer = keras.Model(model.inputs[0], [model.get_layer(name).output for name in ALEXNET_LAYERS])
    outputs = every_layer(BUILTIN["alexnet"].preprocessing.apply(pixels), training=False)
    return dict(zip(ALEXNET_LAYERS, (np.asarray(output)[0] for output in outputs), strict=True))


def test_alexnet_layers_have_pytorchs_means_and_maxima(figures, alexnet_outputs):
    for name, maps in alexnet_outputs.items():
        np.testing.assert_allclose(
            maps.mean(axis=(0, 1)), figures[f"alexnet_{name}_mean"], rtol=1e-4, atol=2e-5, err_msg=name
        )
        np.testing.assert_allclose(
            maps.max(axis=(0, 1)), figures[f"alexnet_{name}_max"], rtol=1e-4, atol=1e-4, err_msg=name
        )


def test_alexnet_layers_have_pytorchs_zero_fractions(figures, alexnet_outputs):
    for name, maps in alexnet_outputs.items():
        one_position = 1 / (maps.shape[0] * maps.shape[1])
        np.testing.assert_allclose(
            (maps == 0).mean(axis=(0, 1)),
            figures[f"alexnet_{name}_zero_fraction"],
            atol=1.5 * one_position,
            err_msg=f"{name}: rounding may move one position across zero, no more",
        )


def squeezenet_outputs(model, image):
    """Every convolution's output, found by walking the nested fire modules by hand."""
    outputs = {}
    maps = image
    for layer in model.layers[1:]:
        if isinstance(layer, keras.Model):
            inside = [layer.get_layer(name) for name in ("squeeze1x1", "expand1x1", "expand3x3")]
            for part, output in zip(
                inside, keras.Model(layer.inputs[0], [part.output for part in inside])(maps), strict=True
            ):
                outputs[f"{layer.name}_{part.name}"] = np.asarray(output)[0]
        maps = layer(maps)
        outputs[layer.name] = np.asarray(maps)[0]
    return outputs


def test_squeezenet_agrees_with_pytorch(figures, squeezenet):
    pixels = figures["squeezenet_input_rgb"][None] / 255
    outputs = squeezenet_outputs(squeezenet, BUILTIN["squeezenet"].preprocessing.apply(pixels))
    compared = [key for key in figures if key.startswith("squeezenet_") and key.endswith("_mean")]
    assert len(compared) == 18
    for key in compared:
        maps = outputs[key.removeprefix("squeezenet_").removesuffix("_mean")]
        np.testing.assert_allclose(maps.mean(axis=(0, 1)), figures[key], rtol=2e-4, atol=2e-3, err_msg=key)
    probabilities = outputs["probabilities"]
    np.testing.assert_allclose(probabilities, figures["squeezenet_probabilities"], atol=1e-4)
    assert list(np.argsort(probabilities)[::-1][:5]) == [832, 497, 538, 663, 698]
    assert probabilities[832] == pytest.approx(0.578, abs=5e-4)


@pytest.mark.parametrize("name", BUILTIN)
def test_what_the_record_says_is_true(name):
    network = BUILTIN[name]
    model = network.build()
    kernels = [weight for weight in model.weights if weight.path.endswith("/kernel")]
    assert model.name == network.name
    assert model.input_shape[1:] == network.input_shape
    assert model.count_params() == network.parameters
    assert len(kernels) == network.convolutions == len(network.layer_paths())
    if network.classes:
        assert model.output_shape == (None, network.classes)
    assert network.weights_bytes == network.weights_path.stat().st_size > 2_000_000


def test_every_weight_of_squeezenet_comes_from_the_file(squeezenet):
    with np.load(BUILTIN["squeezenet"].weights_path, allow_pickle=False) as arrays:
        total = sum(float(np.abs(arrays[key].astype(np.float64)).sum()) for key in arrays)
    assert sum(float(np.abs(np.float64(w)).sum()) for w in squeezenet.get_weights()) == pytest.approx(total, rel=1e-12)
    fire = squeezenet.get_layer("fire2")
    assert [layer.name for layer in fire.layers if layer.weights] == ["squeeze1x1", "expand1x1", "expand3x3"]


def test_notices_travel_with_the_weights():
    assert "Copyright (c) Soumith Chintala 2016" in BUILTIN["alexnet"].notice
    assert "Neither the name of the copyright holder" in BUILTIN["alexnet"].notice
    assert "BSD LICENSE." in BUILTIN["squeezenet"].notice
    assert "Copyright (c) 2019 Primoz Godec" in BUILTIN["squeezenet"].notice
    for network in BUILTIN.values():
        assert network.notice_path.parent == network.weights_path.parent


def test_preprocessing_by_hand():
    pixels = np.array([[[1.0, 0.5, 0.0]]], np.float32)
    before = pixels.copy()
    torch = Preprocessing("rgb", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    np.testing.assert_allclose(
        torch.apply(pixels)[0, 0], [0.515 / 0.229, 0.044 / 0.224, -0.406 / 0.225], rtol=1e-5, atol=1e-6
    )
    caffe = Preprocessing("bgr", 255.0, (104.006, 116.669, 122.679))
    np.testing.assert_allclose(caffe.apply(pixels)[0, 0], [-104.006, 127.5 - 116.669, 255 - 122.679], rtol=1e-5)
    np.testing.assert_array_equal(pixels, before)
    assert torch.apply(pixels).dtype == np.float32
    assert torch.summary == "RGB in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225)"
    assert caffe.summary == "BGR in [0, 255], minus (104.006, 116.669, 122.679)"


def modules_after(statement):
    command = f"import sys; {statement}; print(sorted({{'keras', 'tensorflow'}} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.strip()


def test_the_records_are_read_without_keras():
    statement = "from featuremap_cli.networks.builtin import BUILTIN; BUILTIN['alexnet'].layer_weights('conv1')"
    assert modules_after(statement) == "[]"


def test_that_test_can_fail():
    assert modules_after("import featuremap_cli.networks.builtin.alexnet") == "['keras', 'tensorflow']"
