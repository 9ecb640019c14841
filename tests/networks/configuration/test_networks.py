"""Whole networks, written by Keras and run by both: the same layers, the same values, the same words."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from featuremap_cli.errors import ImageError
from featuremap_cli.networks.catalogue import load_in_tensorflow, load_network
from featuremap_cli.networks.configuration.loading import load_known_file
from featuremap_cli.networks.keras_recorder import KerasRecorder
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.records import network_graph
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder
from featuremap_cli.networks.weights import layer_filters, unreal_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

RNG = np.random.default_rng(3)
FILES = pytest.mark.parametrize("ending", [".keras", ".h5"])


def written(model: keras.Model, path: Path) -> Path:
    """A file of the model, with weights of which none is left at zero or one."""
    for variable in model.weights:
        if keras.backend.is_float_dtype(variable.dtype) and "kernel" not in variable.name:
            positive = "variance" in variable.name or "gamma" in variable.name
            variable.assign(RNG.uniform(0.5 if positive else -0.2, 1.0 if positive else 0.2, variable.shape))
    model.save(path)
    return path


def both(path: Path, input_size: tuple[int, int] | None = None) -> tuple[Network, Network]:
    """The network as we run it, and as Keras does."""
    ours = load_network(str(path), input_size=input_size)
    theirs = load_in_tensorflow(str(path), input_size=input_size)
    assert isinstance(ours.recorder, RuntimeRecorder)
    assert isinstance(theirs.recorder, KerasRecorder)
    return ours, theirs


def agree(path: Path, input_size: tuple[int, int] | None = None, size: tuple[int, int] = (30, 26)) -> None:
    """Whether both list the same layers, with the same numbers, and record the same values of every one."""
    ours, theirs = both(path, input_size)
    assert ours.layers() == theirs.layers()
    assert (ours.name, ours.input, ours.preprocessing) == (theirs.name, theirs.input, theirs.preprocessing)
    assert ours.notices == theirs.notices
    sized = [
        replace(one, input=replace(one.input, height=one.input.height or size[0], width=one.input.width or size[1]))
        for one in (ours, theirs)
    ]
    assert network_graph(sized[0]) == network_graph(sized[1])
    shape = (2, ours.input.height or size[0], ours.input.width or size[1], ours.input.channels)
    batch = RNG.standard_normal(shape).astype(np.float32)
    chosen = ours.select(["all-layers"]).entries
    for before_activation in (False, True):
        expected = theirs.record(batch, chosen, before_activation=before_activation, compiled=False)
        for compiled in (False, True):
            recorded = ours.record(batch, chosen, before_activation=before_activation, compiled=compiled)
            for entry, own, its in zip(chosen, recorded, expected, strict=True):
                assert (own.dtype, own.shape) == (np.float32, its.shape)
                np.testing.assert_allclose(own, its, rtol=1e-3, atol=1e-4 * max(its.std(), 1e-3), err_msg=entry.path)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ResNet50", 32),
        ("VGG16", 48),
        ("MobileNetV2", 48),
        ("DenseNet121", 32),
        ("EfficientNetB0", 48),
        ("InceptionV3", 75),
        ("Xception", 71),
        ("MobileNetV3Small", 48),
        ("ConvNeXtTiny", 32),
        ("EfficientNetV2B0", 48),
        ("InceptionResNetV2", 75),
        ("NASNetMobile", 48),
    ],
)
def test_networks_of_keras_applications(tmp_path: Path, name: str, size: int) -> None:
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(size, size, 3))
    agree(written(model, tmp_path / "net.keras"))


def nested() -> keras.Model:
    """A nested model called twice, a layer called three times, two outputs, values needed again later."""
    image = keras.Input((16, 14, 3), name="image")
    stem = layers.Conv2D(6, 3, padding="same", activation="relu", name="stem")(image)
    shared = layers.Conv2D(6, 3, padding="same", activation="tanh", name="shared")
    values = shared(shared(stem))
    inside = keras.Input((16, 14, 6))
    normal = layers.BatchNormalization(name="normal")(inside)
    block = keras.Model(inside, layers.Conv2D(6, 1, activation="silu", name="conv")(normal), name="block")
    summed = layers.Add(name="sum")([block(values), block(stem), values])
    dropped = layers.Dropout(0.5, name="dropped")(summed)
    joined = layers.Concatenate(name="joined")([dropped, layers.ReLU(name="relu")(dropped), shared(summed)])
    flat = layers.Flatten(name="flat")(layers.MaxPooling2D(name="pool")(joined))
    stacked = layers.Concatenate(axis=1, name="stacked")([values, stem])
    scores = layers.Dense(5, activation="softmax", name="scores")(flat)
    return keras.Model(image, [scores, joined, stacked], name="nesting")


def sequential() -> keras.Model:
    inner = keras.Sequential(
        [keras.Input((14, 14, 4)), layers.Conv2D(3, 3, strides=2, padding="same"), layers.LeakyReLU()], name="inner"
    )
    outer = [layers.UpSampling2D(), layers.Conv2DTranspose(5, 3, strides=2), layers.PReLU(shared_axes=[1, 2])]
    first = [keras.Input((16, 16, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3, activation="gelu")]
    return keras.Sequential([*first, inner, *outer, layers.GlobalAveragePooling2D(), layers.Dense(4)])


def frozen() -> keras.Model:
    """Layers that are not trained, as in transfer learning, one of them from before it had weights."""
    image = keras.Input((8, 8, 3))
    normal = layers.BatchNormalization(name="normal")
    maps = normal(layers.Conv2D(4, 3, name="conv", trainable=False)(image))
    normal.trainable = False
    later = layers.BatchNormalization(trainable=False)(layers.DepthwiseConv2D(3, name="depthwise")(maps))
    model = keras.Model(image, later)
    model.trainable = False
    return model


def of_either_order(order: str) -> keras.Model:
    """A network with its channels first or last."""
    first = order == "channels_first"
    image = keras.Input((3, 12, 10) if first else (12, 10, 3), name="image")
    axis = 1 if first else 3
    maps = layers.Conv2D(4, 3, padding="same", activation="relu", data_format=order, name="conv")(image)
    normal = layers.BatchNormalization(axis=axis, name="normal")(maps)
    pooled = layers.MaxPooling2D(2, data_format=order, name="pool")(normal)
    wide = layers.Conv2D(3, (2, 1), strides=2, data_format=order, name="wide")(pooled)
    deep = layers.DepthwiseConv2D((2, 1), strides=2, data_format=order, name="deep")(pooled)
    joined = layers.Concatenate(axis=axis, name="joined")([wide, deep])
    flat = layers.Flatten(data_format=order, name="flat")(joined)
    scores = layers.Dense(5, activation="softmax", name="scores")(flat)
    return keras.Model(image, [scores, layers.GlobalAveragePooling2D(data_format=order, name="mean")(joined)])


def test_channels_first_are_run_with_their_channels_last(tmp_path: Path) -> None:
    last, first = of_either_order("channels_last"), of_either_order("channels_first")
    written(last, tmp_path / "last.keras")
    first.set_weights(last.get_weights())
    first.save(tmp_path / "first.keras")
    turned, plain = (load_network(str(tmp_path / f"{name}.keras")) for name in ("first", "last"))
    assert isinstance(turned.recorder, RuntimeRecorder)
    assert turned.layers() == plain.layers()
    assert turned.input == plain.input
    batch = RNG.standard_normal((2, 12, 10, 3)).astype(np.float32)
    ours, theirs = (one.record(batch, one.select(["all-layers"]).entries) for one in (turned, plain))
    for entry, own, its in zip(plain.select(["all-layers"]).entries, ours, theirs, strict=True):
        np.testing.assert_array_equal(own, its, err_msg=entry.path)
    scores = last(batch)[0].numpy()
    (own,) = turned.recorder.values(batch, turned.recorder.graph.outputs[:1])
    np.testing.assert_allclose(own, scores, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "layer", [layers.Softmax(), layers.Dense(3), layers.Reshape((10, 12, 4)), layers.Permute((2, 3, 1))]
)
def test_channels_first_with_a_layer_whose_axes_are_not_ours_to_turn(tmp_path: Path, layer: keras.layers.Layer) -> None:
    image = keras.Input((3, 12, 10))
    maps = layers.Conv2D(4, 1, data_format="channels_first")(image)
    model = keras.Model(image, type(layer).from_config(layer.get_config())(maps))
    model.save(tmp_path / "net.keras")
    assert load_known_file(tmp_path / "net.keras") is None


def operations() -> keras.Model:
    """Operations between layers, with numbers before and after, as MobileNetV3 has them."""
    image = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 3, name="conv")(image)
    gate = layers.ReLU(6.0)(maps + 3.0) * (1 / 6)
    return keras.Model(image, layers.Conv2D(2, 3, name="top")(1.5 - maps * gate / 2.0))


def test_operations_between_layers(tmp_path: Path) -> None:
    agree(written(operations(), tmp_path / "net.keras"))


@FILES
@pytest.mark.parametrize("model", [nested, sequential, frozen])
def test_nested_models(tmp_path: Path, model: Callable[[], keras.Model], ending: str) -> None:
    agree(written(model(), tmp_path / f"net{ending}"))


def free() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.MaxPooling2D(3, 2, padding="same"),
            layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, name="second"),
            layers.AveragePooling2D(3, 1, padding="same"),
            layers.Cropping2D(1),
            layers.UpSampling2D(2),
            layers.SeparableConv2D(6, 3, name="third"),
            layers.GlobalMaxPooling2D(keepdims=True),
        ],
        name="resnet50",
    )


@pytest.mark.parametrize("input_size", [None, (40, 36)])
def test_a_network_that_takes_any_size(tmp_path: Path, input_size: tuple[int, int] | None) -> None:
    agree(written(free(), tmp_path / "net.keras"), input_size)


def test_a_network_at_another_size_than_its_own(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((20, 20, 3)), layers.Conv2D(4, 3, name="a"), layers.MaxPooling2D()])
    agree(written(model, tmp_path / "net.keras"), (31, 22))


def test_an_image_too_small_is_refused_in_the_words_of_tensorflows_networks(tmp_path: Path) -> None:
    ours, theirs = both(written(free(), tmp_path / "net.keras"))
    small = np.zeros((1, 6, 9, 3), np.float32)
    for network in (ours, theirs):
        with pytest.raises(ImageError, match=r"an image of 9 x 6 pixels is too small for net\.keras: .*--input-size"):
            network.record(small, network.select(["first"]).entries, compiled=False)


def test_only_what_the_chosen_layers_need_is_read_and_run(tmp_path: Path) -> None:
    path = written(nested(), tmp_path / "net.keras")
    network = load_known_file(path)
    assert network is not None
    first = network.select(["stem"]).entries
    batch = RNG.standard_normal((1, 16, 14, 3)).astype(np.float32)
    before = network.record(batch, first)
    path.unlink()
    np.testing.assert_array_equal(network.record(batch, first), before)


def test_an_images_maps_do_not_depend_on_its_batch(tmp_path: Path) -> None:
    network, _ = both(written(nested(), tmp_path / "net.keras"))
    batch = RNG.standard_normal((3, 16, 14, 3)).astype(np.float32)
    kept = batch.copy()
    chosen = network.select(["all-layers"]).entries
    together = network.record(batch, chosen)
    for place in range(3):
        for maps, own in zip(together, network.record(batch[place : place + 1], chosen), strict=True):
            np.testing.assert_array_equal(maps[place], own[0])
    np.testing.assert_array_equal(batch, kept)


@FILES
def test_weights_are_told_as_of_the_network_that_keras_loads(tmp_path: Path, ending: str) -> None:
    model = nested()
    path = written(model, tmp_path / f"net{ending}")
    block = model.get_layer("block")
    block.get_layer("normal").moving_variance.assign([np.nan, np.inf, 1, 1, 1, -np.inf])
    kernel = block.get_layer("conv").kernel
    kernel.assign(np.where(np.arange(6) == 4, np.nan, np.asarray(kernel)))
    model.save(path)
    ours, theirs = both(path)
    assert list(unreal_weights(ours)) == list(unreal_weights(theirs))
    assert len(list(unreal_weights(ours))) == 2
    chosen = ours.select(["all-layers"]).entries
    own, its = layer_filters(ours, chosen), layer_filters(theirs, chosen)
    assert own.keys() == its.keys()
    for index, bank in own.items():
        np.testing.assert_array_equal(bank.weights, its[index].weights)
        np.testing.assert_array_equal(bank.bias, its[index].bias)
        assert (bank.source, bank.depthwise) == (its[index].source, its[index].depthwise)


def test_what_is_recorded_is_never_the_image_itself(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Dropout(0.5, name="first"), layers.Conv2D(2, 3)])
    network, _ = both(written(model, tmp_path / "net.keras"))
    batch = RNG.standard_normal((1, 8, 8, 3)).astype(np.float32)
    (maps,) = network.record(batch, network.select(["first"]).entries)
    np.testing.assert_array_equal(maps, batch)
    assert not np.shares_memory(maps, batch)


def shares_a_layer() -> keras.Model:
    """A layer that stands in two models."""
    layer = layers.Conv2D(3, 3, padding="same", name="shared")
    image = keras.Input((8, 8, 3))
    inner = keras.Model(image, layer(image), name="inner")
    image = keras.Input((8, 8, 3))
    return keras.Model(image, inner(layer(image)))


def two_inputs() -> keras.Model:
    image, other = keras.Input((8, 8, 3)), keras.Input((4,))
    flat = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    return keras.Model([image, other], layers.Add()([flat, other]))


def operation() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.ops.cumsum(layers.Conv2D(4, 3)(image), axis=1))


def fixed_batch() -> keras.Model:
    return keras.Sequential([keras.Input(batch_shape=(2, 8, 8, 3)), layers.Conv2D(4, 3)])


def half_precision() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype="mixed_float16")])


def of_bytes() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3), dtype="uint8"), layers.Rescaling(0.1), layers.Conv2D(4, 3)])


@keras.saving.register_keras_serializable("tests")
class Doubled(layers.Conv2D):
    """A convolution of someone's own."""

    def call(self, inputs: object) -> object:
        return 2 * super().call(inputs)


def custom() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3)), Doubled(4, 3)])


def trains_inside() -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, layers.Dropout(0.5)(layers.Conv2D(4, 3)(image), training=True))


@FILES
@pytest.mark.parametrize("model", [two_inputs, fixed_batch, half_precision, of_bytes, custom, trains_inside])
def test_what_is_not_known_is_left_to_keras(tmp_path: Path, model: Callable[[], keras.Model], ending: str) -> None:
    path = tmp_path / f"net{ending}"
    model().save(path)
    assert load_known_file(path) is None
    assert isinstance(load_network(str(path)).recorder, KerasRecorder)


@pytest.mark.parametrize("model", [operation, shares_a_layer])
def test_what_is_not_known_in_the_files_of_keras_3(tmp_path: Path, model: Callable[[], keras.Model]) -> None:
    model().save(tmp_path / "net.keras")
    assert load_known_file(tmp_path / "net.keras") is None


def test_a_shared_layer_in_an_h5_file_is_two_layers_as_it_is_to_keras(tmp_path: Path) -> None:
    agree(written(shares_a_layer(), tmp_path / "net.h5"))


def test_weights_of_other_shapes_than_the_configuration_says_are_left_to_keras(tmp_path: Path) -> None:
    path = written(sequential(), tmp_path / "net.keras")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][2]["config"]["filters"] = 5
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members | {"config.json": json.dumps(config).encode()}).items():
            archive.writestr(name, data)
    assert load_known_file(path) is None


@pytest.mark.parametrize("name", ["keras2_nested", "keras2_shared"])
@FILES
def test_files_of_keras_2_are_never_run_otherwise(name: str, ending: str) -> None:
    path = Path(__file__).parents[2] / "reference" / f"{name}{ending}"
    assert load_known_file(path) is None


def test_a_fault_of_ours_is_told_and_tensorflow_runs_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(sequential(), tmp_path / "net.keras")

    def faulty(*arguments: object) -> None:
        raise KeyError("axis")

    monkeypatch.setattr("featuremap_cli.networks.configuration.loading.whole_graph", faulty)
    network = load_network(str(path))
    assert isinstance(network.recorder, KerasRecorder)
    (told,) = [line for line in network.notices if "fault of featuremap's own" in line]
    assert "net.keras is run by TensorFlow" in told
    assert "KeyError: 'axis'" in told
