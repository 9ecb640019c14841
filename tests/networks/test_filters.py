"""Filters by SPEC: from the package, from files, and through Keras where nothing else can read them."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from featuremap_cli.errors import NetworkError, UsageError
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.filters import filters_of
from featuremap_cli.sources.checkpoints import read_bank
from featuremap_cli.sources.notation import LayerReference, read_filters

# What Keras 3.15 itself does with NumPy 2.4 when it saves a network.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def bank_of(model, layer, **settings):
    return filters_of(LayerReference(str(model), layer, f"{model}:{layer}"), **settings)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    image = layers.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, bias_initializer="normal", name="stem")(image)
    maps = layers.SeparableConv2D(5, 3, bias_initializer="normal", name="separable")(maps)
    return keras.Model(image, layers.Dense(2, name="scores")(maps))


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("filters")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    with zipfile.ZipFile(folder / "model.keras") as archive, zipfile.ZipFile(folder / "packed.keras", "w", 8) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    return folder


@pytest.mark.parametrize("name", BUILTIN)
def test_filters_of_the_built_in_networks_are_those_of_the_file(name):
    with np.load(BUILTIN[name].weights_path, allow_pickle=False) as arrays:
        kernels = {key: array for key, array in arrays.items() if key.endswith("/kernel")}
        assert len(kernels) == BUILTIN[name].convolutions
        for key, kernel in kernels.items():
            layer = key.removesuffix("/kernel")
            bank = bank_of(name, layer)
            np.testing.assert_array_equal(bank.weights, kernel.astype(np.float32))
            np.testing.assert_array_equal(bank.bias, arrays[f"{layer}/bias"].astype(np.float32))
            assert bank.source == f"{name}:{layer}"
            assert bank.weights.dtype == np.float32
            assert not bank.every_channel
            assert not bank.depthwise


def test_the_notation_leads_here():
    reference = read_filters("squeezenet:fire2/expand3x3")
    assert isinstance(reference, LayerReference)
    assert filters_of(reference).weights.shape == (3, 3, 16, 64)


@pytest.mark.parametrize("file", ["model.keras", "model.h5", "packed.keras"])
def test_filters_of_files_are_get_weights_whoever_reads_them(model, saved, file):
    path = saved / file
    assert (read_bank(path, "stem") is None) == (file == "packed.keras")
    stem = bank_of(path, "stem")
    kernel, bias = model.get_layer("stem").get_weights()
    np.testing.assert_array_equal(stem.weights, kernel)
    np.testing.assert_array_equal(stem.bias, bias)
    assert stem.source == f"{path}:stem"
    depthwise, pointwise, bias = model.get_layer("separable").get_weights()
    np.testing.assert_array_equal(bank_of(path, "separable").weights[:, :, 0], depthwise[..., 0])
    assert bank_of(path, "separable").depthwise
    assert bank_of(path, "separable").source == f"{path}:separable (depthwise)"
    assert [note.rpartition("; ")[2] for note in bank_of(path, "separable").notes] == [
        f"{path}:separable/pointwise gives its 1x1 ones"
    ]
    assert bank_of(path, "separable/pointwise").source == f"{path}:separable/pointwise"
    assert bank_of(path, "separable/pointwise").notes == ()
    np.testing.assert_array_equal(bank_of(path, "separable/pointwise").weights, pointwise)
    np.testing.assert_array_equal(bank_of(path, "separable/pointwise").bias, bias)


def test_applications_of_keras_come_from_keras():
    bank = bank_of("keras:MobileNetV2", "Conv1", weights="none")
    assert bank.weights.shape == (3, 3, 3, 32)
    assert len(np.unique(bank.weights)) > 800
    assert not bank.bias.any()
    assert bank_of("keras:MobileNetV2", "expanded_conv_depthwise", weights="none").weights.shape == (3, 3, 1, 32)


class Doubled(layers.Conv2D):
    """A class of somebody's own, made from Keras's."""


def test_a_subclassed_network_is_loaded_by_keras(tmp_path):
    @keras.saving.register_keras_serializable("featuremap_tests")
    class Subclassed(keras.Model):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.first = Doubled(2, 3, bias_initializer="ones", name="first")

        def call(self, image):
            return self.first(image)

    subclassed = Subclassed()
    subclassed(np.zeros((1, 8, 8, 3), np.float32))
    path = tmp_path / "subclassed.keras"
    subclassed.save(path)
    assert read_bank(path, "first") is None
    bank = bank_of(path, "first")
    np.testing.assert_array_equal(bank.weights, subclassed.first.get_weights()[0])
    np.testing.assert_array_equal(bank.bias, [1, 1])


def message(model, layer, **settings):
    with pytest.raises(NetworkError) as caught:
        bank_of(model, layer, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_layers_that_are_not_there(saved):
    expected = "has no convolution `con1`; nearest: conv1"
    assert f"alexnet {expected}" in message("alexnet", "con1")
    assert "`featuremap layers alexnet` lists all layers" in message("alexnet", "con1")
    assert "fire2/squeeze1x1" in message("squeezenet", "fire2")
    for file in ("model.keras", "packed.keras"):
        assert "has no convolution `sten`; nearest: stem;" in message(saved / file, "sten")
        assert f"{file}:scores is a Dense layer: expected one of Conv2D," in message(saved / file, "scores")
    assert "keras:MobileNetV2 has no convolution `conv1`; " in message("keras:MobileNetV2", "conv1", weights="none")


def test_networks_that_are_not_there(saved):
    assert "no such file" in message(saved / "nothing.keras", "stem")
    assert "the nearest are keras:ResNet50" in message("keras:Resnet5", "conv1_conv", weights="none")
    assert "is a folder: a SavedModel's graph" in message(saved, "stem")
    with pytest.raises(UsageError, match="--weights is for keras:NAME; alexnet has its own weights"):
        bank_of("alexnet", "conv1", weights="none")


def test_weights_beside_kernel_and_bias_are_refused(tmp_path):
    @keras.saving.register_keras_serializable("featuremap_tests")
    class Normalized(layers.Conv2D):
        def build(self, input_shape):
            super().build(input_shape)
            self.norm = layers.BatchNormalization(scale=False, center=False)
            self.norm.build(self.compute_output_shape(input_shape))

    path = tmp_path / "normalized.keras"
    keras.Sequential([layers.Input((8, 8, 3)), Normalized(2, 3, name="stem")]).save(path)
    shapes = "float32[3, 3, 3, 2], float32[2], float32[2], float32[2]"
    assert f"expected a kernel and a bias of float numbers, got {shapes};" in message(path, "stem")


def modules_after(specs):
    """Which heavy packages a process has imported that read these SPECs."""
    command = (
        "import sys; from featuremap_cli.networks.filters import filters_of; "
        "from featuremap_cli.sources.notation import read_filters; "
        "banks = [filters_of(read_filters(spec), weights=sys.argv[1]) for spec in sys.argv[2:]]; "
        "assert len(banks) == len(sys.argv) - 2 and all(bank.filters for bank in banks); "
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    weights = "none" if any(spec.startswith("keras:") for spec in specs) else "imagenet"
    ran = subprocess.run([sys.executable, "-c", command, weights, *specs], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_files_and_built_in_networks_are_read_without_keras(saved):
    specs = ["alexnet:conv1", "squeezenet:fire9/expand3x3", f"{saved}/model.keras:stem", f"{saved}/model.h5:separable"]
    assert modules_after(specs) == "[]"


def test_that_test_can_fail(saved):
    assert modules_after([f"{saved}/packed.keras:stem"]) == "['keras', 'tensorflow']"
