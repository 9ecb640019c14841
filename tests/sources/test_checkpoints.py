"""Filters read from files against what Keras's own `get_weights()` says of the layers that were saved."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.checkpoints import convolution_paths, read_bank

# What Keras 3.15 itself does with NumPy 2.4 when it saves a network.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

REFERENCE = Path(__file__).parents[1] / "reference"
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose)


def randomized(model):
    """The model with no two weights alike, biases too, which Keras starts at zero."""
    generator = np.random.default_rng(7)
    model.set_weights([generator.standard_normal(weight.shape, np.float32) for weight in model.get_weights()])
    return model


def resnet50():
    return keras.applications.ResNet50(weights=None)


def mobilenet_v2():
    return keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3))


def small_vgg():
    stack = [layers.Input((32, 32, 3))]
    for block, filters in enumerate((4, 8), start=1):
        stack += [layers.Conv2D(filters, 3, padding="same", name=f"block{block}_conv{n}") for n in (1, 2)]
        stack += [layers.MaxPooling2D(name=f"block{block}_pool")]
    return keras.Sequential([*stack, layers.Flatten(), layers.Dense(5, name="scores")], name="vgg")


def nested():
    """Networks in networks, with names that clash between them and counters that contradict the names."""
    image = layers.Input((8, 8, 2))
    left = keras.Model(image, layers.BatchNormalization()(layers.Conv2D(3, 3, name="conv")(image)), name="left")
    image = layers.Input((8, 8, 2))
    right = keras.Model(image, layers.Conv2D(3, 3, name="conv")(image), name="right")
    deep = keras.Sequential([layers.Conv2D(3, 1, name="conv"), keras.Sequential([layers.Conv2D(2, 1)], name="inner")])
    image = layers.Input((8, 8, 3), name="image")
    maps = layers.Conv2D(2, 3, padding="same", name="conv2d_1")(image)
    maps = layers.Conv2D(2, 3, padding="same", use_bias=False, name="conv2d")(maps)
    maps = layers.Concatenate()([left(maps), right(maps)])
    return keras.Model(image, keras.ops.relu(deep(maps)) + 1, name="outer")


def every_kind():
    image = layers.Input((16, 16, 6))
    maps = layers.DepthwiseConv2D(3, depth_multiplier=3, name="depthwise")(image)
    maps = layers.SeparableConv2D(7, (3, 2), depth_multiplier=2, name="separable")(maps)
    maps = layers.SeparableConv2D(4, 3, use_bias=False, name="separable_bare")(maps)
    maps = layers.Conv2DTranspose(6, (2, 3), name="up")(maps)
    maps = layers.Conv2D(12, 3, groups=2, name="grouped")(maps)
    maps = layers.Conv2D(24, 3, groups=12, name="each_channel")(maps)
    maps = layers.Conv2D(2, (1, 3), dtype="float16", name="half")(maps)
    maps = layers.Conv1D(2, 2, name="line")(layers.Reshape((-1, 2))(maps))
    return keras.Model(image, layers.Dense(3, name="dense")(maps))


def shared():
    """One layer in three places, of which two are in networks where another of the same shape follows it."""
    twice = layers.Conv2D(3, 3, padding="same", name="twice")
    image = layers.Input((8, 8, 3))
    first = keras.Model(image, twice(image), name="first")
    image = layers.Input((8, 8, 3))
    second = keras.Model(image, layers.Conv2D(3, 3, name="own")(twice(image)), name="second")
    image = layers.Input((8, 8, 3))
    return keras.Model(image, second(first(twice(twice(image)))))


def wrapped():
    image = layers.Input((2, 8, 8, 3))
    inside = keras.Sequential([layers.Conv2D(2, 3, name="conv")], name="network")
    maps = layers.TimeDistributed(layers.Conv2D(3, 3, name="frame"), name="timed")(image)
    return keras.Model(image, layers.TimeDistributed(inside, name="all")(maps))


MODELS = {make.__name__: make for make in (small_vgg, nested, every_kind, shared, wrapped, mobilenet_v2, resnet50)}


def convolutions(model, prefix=""):
    """(path, layer) for every convolution, shared ones under each of their paths."""
    for layer in model.layers:
        path = prefix + layer.name
        while isinstance(layer, layers.TimeDistributed):
            layer = layer.layer
            path += "/" + layer.name
        if isinstance(layer, keras.Model):
            yield from convolutions(layer, path + "/")
        elif isinstance(layer, CONVOLUTIONS):
            yield path, layer


def assert_is_layer(bank, class_name, weights, pointwise=False):
    """A bank against a layer's weights, by the meaning of each class's axes."""
    kernel = weights[1 if pointwise else 0]
    height, width, third, fourth = kernel.shape
    if class_name == "Conv2DTranspose":
        assert bank.weights.shape == (height, width, fourth, third)
        for channel in range(fourth):
            np.testing.assert_array_equal(bank.weights[:, :, channel, :], kernel[:, :, :, channel])
    elif class_name in ("DepthwiseConv2D", "SeparableConv2D") and not pointwise:
        assert bank.depthwise
        assert bank.weights.shape == (height, width, 1, third * fourth)
        for channel in range(third):
            for copy in range(fourth):
                place = channel * fourth + copy
                np.testing.assert_array_equal(bank.weights[:, :, 0, place], kernel[:, :, channel, copy])
    else:
        np.testing.assert_array_equal(bank.weights, kernel)
    has_bias = weights[-1].ndim == 1 and (class_name != "SeparableConv2D" or pointwise)
    np.testing.assert_array_equal(bank.bias, weights[-1] if has_bias else np.zeros(bank.filters))
    assert bank.weights.dtype == bank.bias.dtype == np.float32
    assert bank.weights.flags.c_contiguous
    assert len(bank.names) == bank.filters


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A function from a model's name and a suffix to (model, path); each is built and written once."""
    folder = tmp_path_factory.mktemp("saved")
    built = {}

    def save(name, suffix):
        path = folder / f"{name}{suffix}"
        if name not in built:
            built[name] = randomized(MODELS[name]())
        if not path.exists():
            built[name].save(path)
        return built[name], path

    return save


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_every_convolution_equals_get_weights(saved, name, suffix):
    model, path = saved(name, suffix)
    expected = dict(convolutions(model))
    assert expected
    paths = convolution_paths(path)
    separable = [path for path, layer in expected.items() if isinstance(layer, layers.SeparableConv2D)]
    assert sorted(paths) == sorted([*expected, *(f"{path}/pointwise" for path in separable)])
    for layer_path, layer in expected.items():
        bank = read_bank(path, layer_path)
        assert bank is not None, layer_path
        assert_is_layer(bank, type(layer).__name__, layer.get_weights())
        assert bank.source == f"{path}:{layer_path}" + " (depthwise)" * (layer_path in separable)
    for layer_path in separable:
        bank = read_bank(path, f"{layer_path}/pointwise")
        assert_is_layer(bank, "SeparableConv2D", expected[layer_path].get_weights(), pointwise=True)


def test_depthwise_filters_are_in_the_order_of_the_layers_maps(saved):
    model, path = saved("every_kind", ".keras")
    bank = read_bank(path, "depthwise")
    image = np.random.default_rng(1).standard_normal((1, 5, 5, 6), np.float32)
    maps = np.asarray(model.get_layer("depthwise")(image))[0]
    for place in range(bank.filters):
        channel = tf.constant(image[..., place // (bank.filters // 6)][..., None])
        alone = tf.nn.conv2d(channel, bank.weights[..., place : place + 1], 1, "VALID")[0, ..., 0]
        np.testing.assert_allclose(alone + bank.bias[place], maps[..., place], atol=1e-5)


def test_groups_of_one_channel_are_depthwise(saved):
    _, path = saved("every_kind", ".keras")
    assert read_bank(path, "each_channel").depthwise
    assert not read_bank(path, "grouped").depthwise


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_keras_2_files(suffix):
    with np.load(REFERENCE / "keras2_nested.npz", allow_pickle=False) as arrays:
        figures = dict(arrays)
    layers_of_file = sorted({tuple(key.split(":")[:2]) for key in figures})
    assert len(layers_of_file) == 9
    read = []
    for path, class_name in layers_of_file:
        weights = [figures[key] for key in (f"{path}:{class_name}:{n}" for n in range(3)) if key in figures]
        bank = read_bank(REFERENCE / f"keras2_nested{suffix}", path)
        if bank is not None:
            assert_is_layer(bank, class_name, weights)
            read.append(path)
    unread = {path for path, _ in layers_of_file} - set(read)
    # Keras 2 named a wrapped layer's variables for the wrapper in .h5 files.
    assert unread == ({"timed/inside"} if suffix == ".h5" else set())


def test_shared_layers_of_keras_2_are_read_where_the_file_is_plain():
    with np.load(REFERENCE / "keras2_shared.npz", allow_pickle=False) as arrays:
        figures = dict(arrays)
    for path in ("shared", "first/shared", "second/shared", "second/own"):
        weights = [figures[f"{path}:Conv2D:{n}"] for n in range(2)]
        assert_is_layer(read_bank(REFERENCE / "keras2_shared.h5", path), "Conv2D", weights)
        # In its .keras files the counter skips a layer seen before: second/own lies where second/shared would.
        assert read_bank(REFERENCE / "keras2_shared.keras", path) is None


@keras.saving.register_keras_serializable("featuremap_tests")
class Doubled(layers.Layer):
    """A custom layer with a convolution in it."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.conv = layers.Conv2D(2, 3, padding="same", name="conv")

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, image):
        return self.conv(image) * 2


@keras.saving.register_keras_serializable("featuremap_tests")
class Conv2D(layers.Conv2D):
    """A custom layer that has the name of Keras's own."""

    def call(self, image):
        return super().call(image) * 2


@keras.saving.register_keras_serializable("featuremap_tests")
class Subclassed(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.first = layers.Conv2D(2, 3, name="first")

    def call(self, image):
        return self.first(image)


def test_what_only_keras_can_read_is_left_to_it(tmp_path):
    image = layers.Input((8, 8, 3))
    maps = layers.Conv2D(2, 3, name="before")(image)
    maps = Conv2D(2, 3, name="own")(Doubled(name="doubled")(maps))
    model = randomized(keras.Model(image, layers.Conv2D(2, 3, name="after")(maps)))
    path = tmp_path / "custom.keras"
    model.save(path)
    assert convolution_paths(path) == ("before", "after")
    for name in ("before", "after"):
        assert_is_layer(read_bank(path, name), "Conv2D", model.get_layer(name).get_weights())
    for name in ("own", "doubled", "doubled/conv"):
        assert read_bank(path, name) is None
    subclassed = Subclassed()
    subclassed(np.zeros((1, 8, 8, 3), np.float32))
    subclassed.save(tmp_path / "subclassed.keras")
    assert read_bank(tmp_path / "subclassed.keras", "first") is None
    assert convolution_paths(tmp_path / "subclassed.keras") is None


def test_a_savedmodel_folder_is_left_to_tensorflow(tmp_path):
    assert read_bank(tmp_path, "conv1") is None


def doctored_archive(source, target, *, config=None, weights=None, compression=zipfile.ZIP_STORED):
    """A .keras file with its configuration or its weights changed by a function."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", compression) as copy:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json" and config is not None:
                data = json.dumps(config(json.loads(data))).encode()
            if name == "model.weights.h5" and weights is not None:
                store = io.BytesIO(data)
                with h5py.File(store, "r+") as file:
                    weights(file)
                data = store.getvalue()
            copy.writestr(name, data)
    return target


def first_convolution(config):
    return next(layer["config"] for layer in config["config"]["layers"] if layer["class_name"] == "Conv2D")


@pytest.mark.parametrize(
    ("setting", "value"), [("filters", 5), ("kernel_size", [3, 2]), ("use_bias", False), ("kernel_size", None)]
)
def test_weights_that_contradict_the_configuration_are_not_read(saved, tmp_path, setting, value):
    _, path = saved("small_vgg", ".keras")

    def contradict(config):
        first_convolution(config)[setting] = value
        return config

    other = doctored_archive(path, tmp_path / "other.keras", config=contradict)
    assert read_bank(other, "block1_conv1") is None
    assert read_bank(other, "block1_conv2") is not None


@pytest.mark.parametrize("layer", ["separable", "depthwise"])
def test_another_multiplier_than_the_configurations_is_not_read(saved, tmp_path, layer):
    _, path = saved("every_kind", ".keras")

    def contradict(config):
        settings = next(one["config"] for one in config["config"]["layers"] if one["name"] == layer)
        settings["depth_multiplier"] += 1
        return config

    assert read_bank(doctored_archive(path, tmp_path / "other.keras", config=contradict), layer) is None


def test_a_registered_class_without_a_module_is_not_keras_own(saved, tmp_path):
    _, path = saved("small_vgg", ".keras")

    def register(config):
        layer = next(one for one in config["config"]["layers"] if one["class_name"] == "Conv2D")
        layer.update(module=None, registered_name="featuremap_tests>Conv2D")
        return config

    other = doctored_archive(path, tmp_path / "other.keras", config=register)
    assert read_bank(other, "block1_conv1") is None
    assert read_bank(other, "block1_conv2") is not None


def rename(file):
    file["layers/conv2d/vars"].attrs["name"] = "block1_conv2"


def lose(file):
    del file["layers/conv2d/vars/1"]


def link_elsewhere(file):
    del file["layers/conv2d/vars/0"]
    file["layers/conv2d/vars/0"] = h5py.ExternalLink("/etc/other.h5", "/kernel")


def link_inside(file):
    del file["layers/conv2d/vars"]
    file["layers/conv2d/vars"] = h5py.SoftLink("/layers/conv2d_1/vars")


def declare_without_writing(file):
    del file["layers/conv2d/vars/0"]
    file["layers/conv2d/vars"].create_dataset("0", (3, 3, 1 << 30, 4), np.float32, chunks=(3, 3, 1024, 4))


@pytest.mark.parametrize("change", [rename, lose, link_elsewhere, link_inside, declare_without_writing])
def test_weights_that_are_not_where_keras_puts_them_are_not_read(saved, tmp_path, change):
    _, path = saved("small_vgg", ".keras")
    other = doctored_archive(path, tmp_path / "other.keras", weights=change)
    assert read_bank(other, "block1_conv1") is None


def test_weights_packed_again_are_left_to_keras(saved, tmp_path):
    _, path = saved("small_vgg", ".keras")
    packed = doctored_archive(path, tmp_path / "packed.keras", compression=zipfile.ZIP_DEFLATED)
    assert read_bank(packed, "block1_conv1") is None


@pytest.mark.parametrize(
    "config", [lambda config: [], lambda config: config | {"config": 3}, lambda config: config | {"class_name": 1}]
)
def test_a_configuration_laid_out_otherwise_is_left_to_keras(saved, tmp_path, config):
    _, path = saved("small_vgg", ".keras")
    assert read_bank(doctored_archive(path, tmp_path / "other.keras", config=config), "block1_conv1") is None


def test_early_keras_2_wrote_a_sequential_networks_layers_as_a_list(saved, tmp_path):
    model, path = saved("small_vgg", ".h5")
    other = Path(shutil.copy(path, tmp_path))
    with h5py.File(other, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(config | {"config": config["config"]["layers"]}).encode()
        file["model_weights"].attrs["keras_version"] = b"2.1.6"
    assert_is_layer(read_bank(other, "block2_conv1"), "Conv2D", model.get_layer("block2_conv1").get_weights())


def test_long_lists_of_names_come_in_pieces(saved, tmp_path):
    model, path = saved("small_vgg", ".h5")
    other = Path(shutil.copy(path, tmp_path))
    with h5py.File(other, "r+") as file:
        group = file["model_weights/block1_conv1"]
        names = list(group.attrs.pop("weight_names"))
        for number, name in enumerate(names):
            group.attrs[f"weight_names{number}"] = [name]
    assert_is_layer(read_bank(other, "block1_conv1"), "Conv2D", model.get_layer("block1_conv1").get_weights())


@pytest.mark.parametrize(("name", "value"), [("keras_version", b"1.2.2"), ("backend", b"theano")])
def test_layouts_before_keras_2_are_left_to_keras(saved, tmp_path, name, value):
    _, path = saved("small_vgg", ".h5")
    other = Path(shutil.copy(path, tmp_path))
    with h5py.File(other, "r+") as file:
        file["model_weights"].attrs[name] = value
    assert read_bank(other, "block1_conv1") is None


def test_namesakes_that_an_h5_file_does_not_tell_apart_are_not_read(tmp_path):
    """conv/kernel could be the outer `conv` or the inner one, had their variables lost the network's name."""
    deep = keras.Sequential([layers.Conv2D(2, 1, name="conv"), keras.Sequential([layers.Conv2D(2, 1, name="conv")])])
    model = keras.Sequential([layers.Input((4, 4, 2)), deep])
    path = tmp_path / "deep.h5"
    model.save(path)
    outer, inner = convolution_paths(path)
    assert (outer.count("/"), inner.count("/")) == (1, 2)
    assert read_bank(path, outer) is None
    bank = read_bank(path, inner)
    assert_is_layer(bank, "Conv2D", deep.layers[1].layers[0].get_weights())


def message(path, layer="conv1"):
    with pytest.raises(NetworkError) as caught:
        read_bank(path, layer)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text.replace(str(path), "FILE")


def test_a_layer_that_is_not_there_names_the_nearest(saved):
    _, path = saved("small_vgg", ".keras")
    assert message(path, "block1_con1") == (
        "FILE has no convolution `block1_con1`; nearest: block1_conv1, block2_conv1, block1_conv2; "
        "`featuremap layers FILE` lists all layers"
    )
    assert "it has block1_conv1, block1_conv2, block2_conv1, ...;" in message(path, "zzz")
    assert message(path, "scores").startswith("FILE:scores is a Dense layer: expected one of Conv2D, ")
    _, path = saved("nested", ".keras")
    assert "nearest: left/conv" in message(path, "left")
    assert "right/conv" in message(path, "conv")
    _, path = saved("every_kind", ".h5")
    assert message(path, "line").startswith("FILE:line is a Conv1D layer: ")


def test_files_that_are_no_network(saved, tmp_path):
    missing = tmp_path / "missing.keras"
    assert message(missing).startswith("FILE: no such file; expected a saved network (.keras, .h5, .hdf5)")
    text = tmp_path / "text.keras"
    text.write_text("conv1")
    assert "expected a .keras (zip) or .h5 (HDF5) file, got 5 bytes" in message(text)
    text.write_bytes(b"")
    assert "got 0 bytes" in message(text)
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("photo.jpg", b"")
    assert "is a zip archive but not a Keras network: expected config.json" in message(other)
    weights = tmp_path / "weights.h5"
    with h5py.File(weights, "w") as file:
        file["conv1/kernel"] = np.zeros((3, 3, 1, 1))
    assert "save the whole network" in message(weights)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_files_that_break_off(saved, tmp_path, suffix, kept):
    _, path = saved("small_vgg", suffix)
    whole = path.read_bytes()
    short = tmp_path / f"short{suffix}"
    short.write_bytes(whole[: int(len(whole) * kept)])
    assert f"FILE is damaged: expected a whole Keras network, got {int(len(whole) * kept):,} bytes" in message(short)


def test_an_encrypted_archive(saved, tmp_path):
    _, path = saved("small_vgg", ".keras")
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            data[member.header_offset + 6] |= 1
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 1)
    locked = tmp_path / "locked.keras"
    locked.write_bytes(data)
    assert "FILE is encrypted: expected a .keras file without a password" in message(locked)


def test_json_that_does_not_parse(saved, tmp_path):
    _, path = saved("small_vgg", ".keras")
    broken = tmp_path / "broken.keras"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(broken, "w") as copy:
        copy.writestr("config.json", archive.read("config.json")[:-9])
        copy.writestr("model.weights.h5", archive.read("model.weights.h5"))
    assert "FILE is damaged" in message(broken)


def test_a_file_without_permission(saved, monkeypatch):
    """Tests may run as root, whom no file refuses: the refusal itself is simulated."""
    _, path = saved("small_vgg", ".keras")

    def refuse(*_arguments, **_settings):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "FILE cannot be opened: no permission to read it" in message(path)
