"""From a name, a file or a folder to a network, and what is said when that cannot be."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.error
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from featuremap_cli.arrays import Image
from featuremap_cli.errors import NetworkError, UsageError
from featuremap_cli.networks.application_table import application_named_like
from featuremap_cli.networks.applications import application_names, application_preprocessing, build_application
from featuremap_cli.networks.catalogue import load_in_tensorflow, load_network
from featuremap_cli.sources.network_names import APPLICATIONS

# What Keras 3.15 does to save a model under NumPy 2.4; saving is the tests' doing, not ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

RNG = np.random.default_rng(2)


def small(name: str = "small", *before: layers.Layer) -> keras.Model:
    return keras.Sequential(
        [keras.Input((12, 12, 3)), *before, layers.Conv2D(4, 3, activation="relu", name="conv")], name=name
    )


def pixels(*shape: int) -> np.ndarray:
    return RNG.random(shape).astype(np.float32)


def refused(spec: object, message: str, **settings: object) -> None:
    with pytest.raises(NetworkError, match=message) as raised:
        load_network(str(spec), **settings)
    assert "\n" not in str(raised.value)


def test_a_builtin_network_by_its_name() -> None:
    network = load_network("squeezenet")
    assert (network.name, network.preprocessing, network.notices) == ("squeezenet", "squeezenet", ())
    assert len(network.select(["all"]).entries) == 26
    prepared = network.prepare(Image(pixels(300, 400, 3), "photo.jpg"))
    assert prepared.array.shape == (1, 227, 227, 3)
    blue = prepared.picture.pixels[..., 2] * 255 - 104.006
    np.testing.assert_allclose(prepared.array[0, ..., 0], blue, atol=1e-3)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.hdf5", "net.bin"])
def test_a_keras_file_whatever_its_ending(tmp_path: Path, name: str) -> None:
    model = small()
    written = tmp_path / (name if name != "net.bin" else "net.keras")
    model.save(written)
    network = load_network(str(written.rename(tmp_path / name)))
    assert network.name == name
    batch = pixels(2, 12, 12, 3)
    (maps,) = network.record(batch, network.select(["conv"]).entries)
    np.testing.assert_allclose(maps, model.predict(batch, verbose=0), atol=1e-6)


def keras_2_file(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A Functional model of two convolutions as Keras 2.9 wrote it; its kernels, for the test to convolve with."""
    common = {
        "trainable": True,
        "dtype": "float32",
        "strides": [1, 1],
        "padding": "same",
        "data_format": "channels_last",
    }
    common |= {"dilation_rate": [1, 1], "groups": 1, "use_bias": False, "kernel_size": [3, 3], "activation": "relu"}

    def layer(kind: str, config: dict[str, object], *inputs: str) -> dict[str, object]:
        inbound = [[[name, 0, 0, {}] for name in inputs]] if inputs else []
        return {"class_name": kind, "config": config, "name": config["name"], "inbound_nodes": inbound}

    initializer = {"class_name": "GlorotUniform", "config": {"seed": None}}
    config = {
        "name": "model",
        "layers": [
            layer(
                "InputLayer",
                {
                    "batch_input_shape": [None, 10, 10, 3],
                    "dtype": "float32",
                    "sparse": False,
                    "ragged": False,
                    "name": "input_1",
                },
            ),
            layer("Conv2D", {**common, "name": "conv", "filters": 4, "kernel_initializer": initializer}, "input_1"),
            layer(
                "DepthwiseConv2D",
                {**common, "name": "thin", "depth_multiplier": 1, "depthwise_initializer": initializer},
                "conv",
            ),
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["thin", 0, 0]],
    }
    kernel = RNG.standard_normal((3, 3, 3, 4)).astype(np.float32)
    thin = RNG.standard_normal((3, 3, 4, 1)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.9.0", "tensorflow"
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        file.attrs["training_config"] = json.dumps({"optimizer_config": {"class_name": "Gone", "config": {}}})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"input_1", b"conv", b"thin"]
        weights.attrs["keras_version"], weights.attrs["backend"] = b"2.9.0", b"tensorflow"
        weights.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
        for name, variable, values in (("conv", "kernel", kernel), ("thin", "depthwise_kernel", thin)):
            group = weights.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{variable}:0".encode()]
            group.create_dataset(f"{name}/{variable}:0", data=values)
    return kernel, thin


def test_an_h5_file_of_keras_2_with_a_training_configuration_that_is_gone(tmp_path: Path) -> None:
    kernel, thin = keras_2_file(tmp_path / "old.h5")
    network = load_network(str(tmp_path / "old.h5"))
    batch = pixels(1, 10, 10, 3)
    first = np.maximum(tf.nn.conv2d(batch, kernel, 1, "SAME"), 0)
    second = np.maximum(tf.nn.depthwise_conv2d(first, thin, (1, 1, 1, 1), "SAME"), 0)
    conv_maps, thin_maps = network.record(batch, network.select(["all"]).entries)
    np.testing.assert_allclose(conv_maps, first, atol=1e-4)
    np.testing.assert_allclose(thin_maps, second, atol=1e-4)


def test_a_subclassed_model_whose_class_is_known(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("featuremap-tests")
    class Own(keras.Model):
        def __init__(self, **settings: object) -> None:
            super().__init__(**settings)
            self.conv = layers.Conv2D(4, 3, name="conv")

        def build(self, input_shape):
            self.conv.build(input_shape)

        def call(self, inputs):
            return self.conv(inputs)

    model, batch = Own(), pixels(1, 12, 12, 3)
    expected = model(batch)
    model.save(tmp_path / "own.keras")
    network = load_network(str(tmp_path / "own.keras"))
    (maps,) = network.record(batch, network.select(["conv"]).entries)
    np.testing.assert_allclose(maps, expected, atol=1e-6)
    keras.saving.get_custom_objects().clear()
    refused(
        tmp_path / "own.keras",
        "needs the code of featuremap-tests>Own, which is not in the file: --import .* model.export",
    )


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["code.keras", "code.h5"])
def test_code_in_a_file_is_refused_and_run_when_the_user_says_so(tmp_path: Path, name: str) -> None:
    small("code", layers.Lambda(lambda image: image * 2, name="twice")).save(tmp_path / name)
    refused(tmp_path / name, r"holds Python code, in the Lambda layer twice: .*--unsafe runs that code")
    network = load_network(str(tmp_path / name), unsafe=True)
    batch = pixels(1, 12, 12, 3)
    (maps,) = network.record(batch, network.select(["twice"]).entries)
    np.testing.assert_allclose(maps, batch * 2)


def test_a_missing_file_a_misspelt_name_and_a_name_of_keras() -> None:
    refused("nowhere.keras", r"no such network: nowhere\.keras; expected a \.keras")
    refused("alexnt", r"no such network: alexnt; did you mean alexnet\?")
    refused("resnet50", r"no such network: resnet50; did you mean keras:ResNet50\?")
    refused("zzz", "no such network: zzz; expected alexnet, squeezenet, keras:NAME, or a file")


def test_damaged_files(tmp_path: Path) -> None:
    small().save(tmp_path / "whole.keras")
    whole = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.keras").write_bytes(b"")
    (tmp_path / "text.keras").write_text("not a model")
    refused(tmp_path / "half.keras", "half.keras is damaged")
    refused(tmp_path / "empty.keras", "empty.keras is not a Keras network")
    refused(tmp_path / "text.keras", "text.keras is not a Keras network")


def test_an_encrypted_file(tmp_path: Path) -> None:
    small().save(tmp_path / "net.keras")
    data = bytearray((tmp_path / "net.keras").read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in list(re.finditer(re.escape(signature), bytes(data))):
            data[found.start() + flags] |= 1
    (tmp_path / "locked.keras").write_bytes(data)
    refused(tmp_path / "locked.keras", "locked.keras is encrypted")


def test_weights_without_a_network(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "only.weights.h5")
    refused(tmp_path / "only.weights.h5", "is an HDF5 file without a network in it")


def test_a_layer_that_keras_does_not_know(tmp_path: Path) -> None:
    small().save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["class_name"] = "TFOpLambda"
    with zipfile.ZipFile(tmp_path / "odd.keras", "w") as archive:
        for name, data in (members | {"config.json": json.dumps(config).encode()}).items():
            archive.writestr(name, data)
    refused(tmp_path / "odd.keras", "odd.keras (has TensorFlow operations of Keras 2|cannot be loaded by Keras)")


def test_every_application_has_the_preprocessing_of_its_own_module() -> None:
    expected = {"ResNet50": "caffe", "VGG16": "caffe", "DenseNet121": "torch", "MobileNetV2": "tf", "ResNet50V2": "tf"}
    expected |= {"EfficientNetB0": "inside", "MobileNetV3Small": "inside", "ConvNeXtTiny": "inside", "Xception": "tf"}
    assert {name: application_preprocessing(name) for name in expected} == expected
    assert all(application_preprocessing(name) for name in application_names())


def test_the_table_of_applications_is_that_of_the_keras_installed() -> None:
    assert dict(APPLICATIONS) == {name: application_preprocessing(name) for name in application_names()}


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("resnet50", "ResNet50"),
        ("resnet50v2", "ResNet50V2"),
        ("mobilenetv2_1.00_224", "MobileNetV2"),
        ("efficientnetv2-b0", "EfficientNetV2B0"),
        ("inception_resnet_v2", "InceptionResNetV2"),
        ("convnext_tiny", "ConvNeXtTiny"),
        ("my_resnet50", None),
        ("vgg", None),
    ],
)
def test_applications_by_the_names_of_models(name: str, application: str | None) -> None:
    assert application_named_like(name) == application


def test_an_application_without_weights_at_another_size() -> None:
    network = load_network("keras:MobileNetV2", weights="none", input_size=(64, 48))
    assert (network.name, network.preprocessing, network.notices) == ("keras:MobileNetV2", "tf", ())
    assert (network.input.width, network.input.height) == (64, 48)
    again = load_network("keras:MobileNetV2", weights="none", input_size=(64, 48))
    batch = pixels(1, 48, 64, 3)
    for ours, theirs in zip(*(net.record(batch, net.select(["0"]).entries) for net in (network, again)), strict=True):
        np.testing.assert_array_equal(ours, theirs)  # random weights, the same ones each time


def test_an_application_with_weights_from_a_file_with_or_without_the_classifier(tmp_path: Path) -> None:
    for top in (True, False):
        keras.utils.set_random_seed(7)
        model = keras.applications.MobileNet(weights=None, include_top=top, input_shape=(224, 224, 3))
        model.save_weights(tmp_path / "mobile.weights.h5")
        network = load_network("keras:MobileNet", weights=str(tmp_path / "mobile.weights.h5"))
        kernel = next(iter(network.recorder.layer_weights({"conv1"}))).arrays["kernel"]
        np.testing.assert_array_equal(kernel, model.get_layer("conv1").get_weights()[0])


def test_weights_that_are_missing_or_another_network_s(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "small.weights.h5")
    refused("keras:MobileNet", "none.h5: no such file; expected weights", weights=str(tmp_path / "none.h5"))
    refused("keras:MobileNet", "does not hold the weights of", weights=str(tmp_path / "small.weights.h5"))
    with pytest.raises(UsageError, match="--weights is for keras:NAME"):
        load_network("alexnet", weights="none")


def test_an_unknown_application_names_the_nearest() -> None:
    refused("keras:ResNet5O", "keras.applications has no network `ResNet5O`; the nearest are keras:ResNet50")
    refused("keras:resnet50", "did you mean keras:ResNet50")
    refused("keras:zzz", "it has ResNet50, ")


@pytest.mark.parametrize("failure", [urllib.error.URLError("Name or service not known"), TimeoutError("timed out")])
def test_a_download_that_fails_says_what_to_do(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timeouts = []

    def fail(*_: object, **__: object) -> None:
        timeouts.append(socket.getdefaulttimeout())
        raise failure

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", fail)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(
        NetworkError, match=r"weights of keras:MobileNet could not .* --weights FILE, .* none$"
    ) as raised:
        build_application("MobileNet")
    assert "\n" not in str(raised.value)
    assert timeouts == [20.0]
    assert socket.getdefaulttimeout() is None
    assert capsys.readouterr().out == ""


def test_another_size_for_a_network_of_fixed_size(tmp_path: Path) -> None:
    small().save(tmp_path / "net.keras")
    network = load_network(str(tmp_path / "net.keras"), input_size=(20, 16))
    assert network.layers()[0].output_shape == (14, 18, 4)
    dense = keras.Sequential([*small().layers, layers.Flatten(), layers.Dense(2)])
    dense.build((None, 12, 12, 3))
    dense.save(tmp_path / "dense.keras")
    refused(tmp_path / "dense.keras", "takes images of 12 x 12 pixels and cannot be rebuilt", input_size=(20, 16))
    assert load_network(str(tmp_path / "dense.keras"), input_size=(12, 12)).input.width == 12


def caffe_written_out(image: object) -> object:
    return keras.applications.resnet.preprocess_input(image)


@pytest.mark.parametrize(
    ("model", "preprocessing", "notice"),
    [
        (lambda: small("small"), "unit", "does not say how its input is scaled"),
        (lambda: small("small", layers.Rescaling(1 / 255)), "inside", "scales its input itself"),
        (lambda: small("small", layers.Rescaling(2.0, -1)), "unit", "does not say"),
        (lambda: small("small", layers.Normalization(mean=[120.0] * 3, variance=[3000.0] * 3)), "inside", "scales"),
        (lambda: small("small", layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3)), "unit", "does not say"),
        (lambda: small("vgg16"), "caffe", "named like keras:VGG16: its preprocessing, caffe"),
        (lambda: small("alexnet"), "torch", "named like the built-in alexnet"),
        (lambda: keras.Sequential([keras.Input((12, 12, 3)), small("densenet121")]), "torch", "keras:DenseNet121"),
        (lambda: functional(caffe_written_out), "inside", "scales its input itself"),
    ],
)
def test_the_preprocessing_of_a_file_is_told_by_its_layers_and_names(
    model, preprocessing: str, notice: str, tmp_path: Path
) -> None:
    model().save(tmp_path / "net.keras")
    network = load_network(str(tmp_path / "net.keras"))
    assert network.preprocessing == preprocessing
    assert any(notice in line for line in network.notices)


@pytest.mark.parametrize(("name", "channels"), [("vgg16", 1), ("alexnet", 4), ("densenet121", 4)])
def test_a_guess_that_cannot_apply_is_none(name: str, channels: int, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((12, 12, channels)), layers.Conv2D(4, 3, name="conv")], name=name).save(
        tmp_path / "net.keras"
    )
    for load in (load_network, load_in_tensorflow):
        network = load(str(tmp_path / "net.keras"))
        assert network.preprocessing == "unit"
        assert "does not say how its input is scaled" in network.notices[-1]
        pixels = np.full((12, 12, channels), 0.25, np.float32)
        assert (network.prepare(Image(pixels, "gray.npy")).array == 0.25).all()


def test_a_guess_for_any_channels_holds(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(4, 3)], name="mobilenet").save(tmp_path / "net.keras")
    assert load_network(str(tmp_path / "net.keras")).preprocessing == "tf"


def test_the_notice_is_about_the_preprocessing_that_was_asked_for(tmp_path: Path) -> None:
    small("vgg16").save(tmp_path / "net.keras")
    network = load_network(str(tmp_path / "net.keras"))
    assert network.prepared_as("auto") is network
    asked = network.prepared_as("tf")
    assert (asked.preprocessing, asked.notices) == (
        "tf",
        (
            "net.keras: pixels as --preprocess tf makes them; auto would have them otherwise: net.keras is named like "
            "keras:VGG16: its preprocessing, caffe",
        ),
    )
    assert network.prepared_as("caffe").notices == ("net.keras: pixels as --preprocess caffe makes them",)
    assert load_network("alexnet").prepared_as("unit").notices == ()


def functional(preprocess) -> keras.Model:
    image = keras.Input((12, 12, 3))
    return keras.Model(image, layers.Conv2D(4, 3, name="conv")(preprocess(image)))


def test_an_unknown_preprocessing() -> None:
    with pytest.raises(UsageError, match="--preprocess zero: expected auto, unit, raw, torch, caffe or tf"):
        load_network("alexnet").prepare(Image(pixels(9, 9, 3), "a.png"), "zero")


def test_a_whole_run_leaves_stderr_and_stdout_alone_and_a_bad_file_is_refused_without_tensorflow() -> None:
    program = """
import sys
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.catalogue import load_network
try:
    load_network(sys.executable)
except NetworkError as error:
    assert "is not a Keras network" in str(error)
assert not {"tensorflow", "keras"} & set(sys.modules)
import numpy as np
network = load_network("alexnet")
batch = np.zeros((1, 224, 224, 3), np.float32)
for compiled in (False, True):
    network.record(batch, network.select([]).entries, compiled=compiled)
"""
    done = subprocess.run([sys.executable, "-W", "always", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
