"""Layers and their paths, against how each model was put together."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.image_input import find_image_input
from featuremap_cli.networks.keras_recorder import KerasRecorder, keeps_channels_first, model_inputs
from featuremap_cli.networks.layer_entry import LayerEntry


class Block(layers.Layer):
    """A convolution and its input, added: a block whose output no layer inside gives."""

    def __init__(self, filters: int, **settings: object) -> None:
        super().__init__(**settings)
        self.conv = layers.Conv2D(filters, 3, padding="same", name="conv")

    def call(self, inputs):
        return inputs + self.conv(inputs)


def walked(model: keras.Model) -> tuple[LayerEntry, ...]:
    inputs = model_inputs(model, "net")
    image = find_image_input(inputs, "net", channels_first=keeps_channels_first(model))
    return KerasRecorder(model, inputs, image, "net").entries


def paths(model: keras.Model) -> list[str]:
    return [entry.path for entry in walked(model)]


def test_flat_model_in_the_order_in_which_it_runs_with_static_shapes() -> None:
    image = keras.Input((20, 30, 3))
    first = layers.Conv2D(4, 3, name="first")(image)
    pooled = layers.MaxPooling2D(name="pool")(first)
    outputs = layers.Dense(7, name="scores")(layers.Flatten(name="flat")(pooled))
    first_entry, pool, flat, scores = walked(keras.Model(image, outputs))
    assert first_entry == LayerEntry(0, "first", "Conv2D", (18, 28, 4), is_convolution=True)
    assert pool == LayerEntry(1, "pool", "MaxPooling2D", (9, 14, 4), is_convolution=False)
    assert (flat.output_shape, flat.undrawable) == ((504,), "gives (504,), not (height, width, channels)")
    assert (scores.index, scores.output_shape) == (3, (7,))


def test_nested_functional_and_sequential_models_lend_their_names_and_are_no_layers_themselves() -> None:
    inner = keras.Sequential([layers.Conv2D(4, 1, name="conv"), layers.ReLU(name="relu")], name="stage")
    image = keras.Input((8, 8, 3))
    middle = keras.Input((8, 8, 3))
    backbone = keras.Model(middle, layers.Conv2D(2, 1, name="head")(inner(middle)), name="backbone")
    assert paths(keras.Model(image, backbone(image))) == ["backbone/stage/conv", "backbone/stage/relu", "backbone/head"]


def test_calls_of_a_shared_layer_are_numbered_in_order() -> None:
    shared = layers.Conv2D(3, 3, padding="same", name="conv")
    encoder = keras.Sequential([shared], name="encoder")
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.ReLU(name="relu")(encoder(encoder(image))))
    assert paths(model) == ["encoder/conv#1", "encoder/conv#2", "relu"]


def test_a_shared_layer_with_two_names_in_its_way_has_the_first_path() -> None:
    shared = layers.Conv2D(3, 3, padding="same", name="conv")
    left, right = keras.Sequential([shared], name="left"), keras.Sequential([shared], name="right")
    image = keras.Input((8, 8, 3))
    assert paths(keras.Model(image, right(left(image)))) == ["left/conv#1", "left/conv#2"]


@pytest.mark.filterwarnings("ignore:.*unbuilt state")
def test_subclassed_models_and_blocks_are_walked_into_and_blocks_are_layers_too() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.last = layers.Conv2D(2, 1, name="last")
            self.blocks = [Block(3, name="a"), Block(3, name="b")]
            self.unused = layers.Conv2D(1, 1, name="unused")

        def call(self, inputs):
            for block in self.blocks:
                inputs = block(inputs)
            return self.last(inputs)

    model = Net()
    model(keras.ops.zeros((1, 9, 7, 3)))
    entries = walked(model)
    assert [entry.path for entry in entries] == ["a/conv", "a", "b/conv", "b", "last", "unused"]
    assert entries[1].output_shape == (9, 7, 3)
    assert entries[1].type == "Block"
    assert entries[-1].undrawable == "is never called on an image"


def test_layers_of_one_name_in_one_place_are_told_apart() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.pair = [layers.Conv2D(3, 1, name="conv"), layers.Conv2D(3, 1, name="conv")]

        def call(self, inputs):
            return self.pair[1](self.pair[0](inputs))

    model = Net()
    model(keras.ops.zeros((1, 4, 4, 3)))
    assert paths(model) == ["conv", "conv~2"]


def test_the_layer_inside_time_distributed_is_called_once_a_step() -> None:
    image = keras.Input((8, 8, 3))
    tiles = layers.Reshape((2, 4, 8, 3), name="tiles")(image)
    frames = layers.TimeDistributed(layers.Conv2D(5, 3, name="conv"), name="frames")(tiles)
    entries = walked(keras.Model(image, frames))
    assert [entry.path for entry in entries] == ["tiles", "frames/conv#1", "frames/conv#2", "frames"]
    assert entries[1].output_shape == (2, 6, 5)
    assert entries[-1].undrawable == "gives (2, 2, 6, 5), not (height, width, channels)"


def test_a_layer_inside_a_loop_is_listed_and_cannot_be_drawn() -> None:
    image = keras.Input((None, 8, 3))
    rows = layers.TimeDistributed(layers.Conv1D(5, 3, name="conv"), name="rows")(image)
    inner, outer = walked(keras.Model(image, rows))
    assert (inner.path, inner.undrawable) == (
        "rows/conv",
        "runs inside a loop, out of which its output cannot be taken",
    )
    assert (outer.output_shape, outer.undrawable) == ((None, 6, 5), None)


def test_sizes_that_depend_on_the_image_are_none() -> None:
    model = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(4, 3, name="conv")])
    assert walked(model)[0].output_shape == (None, None, 4)


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (layers.Conv1D(4, 3, name="conv"), (256, 3), "gives (254, 4), not (height, width, channels)"),
        (layers.Conv3D(4, 3, name="conv"), (4, 8, 8, 3), "gives (2, 6, 6, 4), not (height, width, channels)"),
    ],
)
def test_convolutions_of_other_ranks_are_convolutions_that_cannot_be_drawn(layer, shape, reason) -> None:
    image = keras.Input((16, 16, 3))
    entry = walked(keras.Model(image, layer(layers.Reshape(shape)(image))))[-1]
    assert (entry.is_convolution, entry.undrawable) == (True, reason)


def test_a_layer_with_several_outputs_cannot_be_drawn() -> None:
    class Split(layers.Layer):
        def call(self, inputs):
            return inputs[..., :1], inputs[..., 1:]

    image = keras.Input((8, 8, 3))
    entry, *_ = walked(keras.Model(image, Split(name="split")(image)))
    assert entry.undrawable == "gives 2 tensors, not one"


def test_with_two_inputs_the_image_goes_to_the_image_shaped_one_and_the_rest_names_the_other() -> None:
    age, image = keras.Input((4,), name="age"), keras.Input((8, 8, 3), name="photo")
    maps = layers.Conv2D(4, 1, name="conv")(image)
    weighted = layers.Multiply(name="weighted")([maps, layers.Reshape((1, 1, 4), name="turned")(age)])
    entries = {entry.path: entry for entry in walked(keras.Model({"age": age, "photo": image}, weighted))}
    assert entries["conv"].undrawable is None
    for path in ("turned", "weighted"):
        assert entries[path].undrawable == "needs the input `age` (any, 4) beside the image"


def test_a_model_without_an_image_input_names_what_it_has() -> None:
    tokens = keras.Input((128,), name="tokens")
    with pytest.raises(NetworkError, match=r"net has no input for an image: .* got `tokens` \(any, 128\)"):
        walked(keras.Model(tokens, layers.Dense(2)(tokens)))


def test_a_subclassed_model_that_was_never_called_is_refused() -> None:
    class Net(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(NetworkError, match="call the model on an image once"):
        walked(Net())
