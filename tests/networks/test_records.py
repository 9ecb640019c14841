"""Networks as graphs of records: Distill's table, Keras's counts, and what gradients say a position depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from featuremap_cli.analysis.description import Description, describe
from featuremap_cli.analysis.layers import LayerGraph
from featuremap_cli.analysis.receptive_field import Interval, receptive_fields
from featuremap_cli.analysis.visible import visible_box
from featuremap_cli.errors import UsageError
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.records import network_graph
from featuremap_cli.networks.startup import keras, tensorflow

Box = tuple[Interval, Interval] | None
layers = keras.layers


# --- the applications that Distill's table lists, built once each


@cache
def application(name: str) -> tuple[Description, Any]:
    """The description of an application with random weights, and its model."""
    keras.utils.clear_session()  # so that both number their layers alike
    description = describe(network_graph(load_network(f"keras:{name}", weights="none")))
    keras.utils.clear_session()
    return description, getattr(keras.applications, name)(weights=None)


def last_map_before_pooling(description: Description) -> dict[str, Any]:
    """The last feature map before the global pool or the flattening."""
    maps = [row for row in description.rows if row.record.facts.output_shape[:2] != (1, 1) and not row.sees_all]
    return maps[-1].as_json()


@pytest.mark.parametrize(
    ("name", "size", "stride"),
    [
        ("VGG16", 212, 32),
        ("ResNet50", 483, 32),
        ("MobileNet", 315, 32),
        ("InceptionV3", 1311, 32),
        ("InceptionResNetV2", 3039, 32),
    ],
)
def test_receptive_fields_of_distills_table(name: str, size: int, stride: int) -> None:
    """Araujo, Norris and Sim 2019, table of receptive field and effective stride."""
    row = last_map_before_pooling(application(name)[0])
    assert row["receptive_field"] == [size, size]
    assert row["receptive_stride"] == [stride, stride]


@pytest.mark.parametrize("name", ["VGG16", "ResNet50", "MobileNet", "InceptionV3", "InceptionResNetV2"])
def test_parameters_and_shapes_are_keras_own(name: str) -> None:
    description, model = application(name)
    assert description.totals.parameters == model.count_params()
    assert not description.unknown
    shapes = {row.record.path: row.record.facts.output_shape for row in description.rows}
    for layer in model.layers[1:]:
        expected = layer.output.shape[1:]
        assert shapes[layer.name] == (*(1,) * (3 - len(expected)), *expected)


def test_vgg16_in_numbers() -> None:
    """138,357,544 parameters (Keras), 15.5 billion multiplications (Simonyan and Zisserman's network D)."""
    description, _ = application("VGG16")
    assert description.totals.parameters == 138_357_544
    assert round(description.totals.macs / 1e9, 1) == 15.5
    fields = {row.record.path: row.as_json()["receptive_field"] for row in description.rows}
    assert fields["block1_conv2"] == [5, 5]
    assert fields["block5_pool"] == [212, 212]
    assert fields["fc1"] == [224, 224]
    assert description.totals.inference_bytes == 2 * 224 * 224 * 64 * 4  # the first two convolutions' outputs


# --- against gradients, on small random networks with positive weights: nothing cancels


def positive(make: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """A layer whose every weight is positive, its biases 0."""
    initializer = keras.initializers.RandomUniform(0.5, 1.5, seed=1)
    name = "depthwise_initializer" if make is layers.DepthwiseConv2D else "kernel_initializer"
    return make(*arguments, use_bias=False, **{name: initializer}, **named)


@dataclass(frozen=True)
class Step:
    """One layer of a random network, or a few side by side."""

    kind: str
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    dilation: int = 1
    padding: str = "same"
    how: str = "nearest"
    branches: tuple[Step, ...] = ()

    def __call__(self, tensor: Any) -> Any:
        """Apply it; a map that is too small for it passes unchanged."""
        reach = [(one - 1) * self.dilation + 1 for one in self.size]
        if self.padding == "valid" and any(a > b for a, b in zip(reach, tensor.shape[1:3], strict=True)):
            return tensor
        if self.kind == "crop" and min(tensor.shape[1:3]) < 6:
            return tensor
        if self.branches:
            return (layers.Add if self.kind == "add" else layers.Concatenate)()([one(tensor) for one in self.branches])
        return self.layer()(tensor)

    def layer(self) -> Any:
        """The Keras layer."""
        laid = {"strides": self.stride, "padding": self.padding}
        if self.kind == "pool":
            return layers.AveragePooling2D(self.size, **laid)
        if self.kind == "transpose":
            return positive(layers.Conv2DTranspose, 2, self.size, **laid)
        if self.kind == "conv":
            return positive(layers.Conv2D, 2, self.size, dilation_rate=self.dilation, **laid)
        if self.kind == "depthwise":
            return positive(layers.DepthwiseConv2D, self.size, dilation_rate=self.dilation, **laid)
        rest: dict[str, Callable[[], Any]] = {
            "border": lambda: layers.ZeroPadding2D(((self.stride, 1), (0, self.stride))),
            "crop": lambda: layers.Cropping2D(((self.stride, 1), (0, self.stride))),
            "up": lambda: layers.UpSampling2D((2, 3), interpolation=self.how),
            "resize": lambda: layers.Resizing(self.size[0] + 4, 3 * self.size[1], interpolation=self.how),
        }
        return rest[self.kind]()


SIZES = st.tuples(st.integers(1, 4), st.integers(1, 4))
HOW = st.sampled_from(["nearest", "bilinear"])
BRANCH = st.builds(Step, st.just("conv"), SIZES, dilation=st.integers(1, 2))
PADDINGS = st.sampled_from(["same", "valid"])
STEPS = st.one_of(
    st.builds(
        Step, st.sampled_from(["conv", "depthwise", "pool", "transpose"]), SIZES, st.integers(1, 3), padding=PADDINGS
    ),
    st.builds(Step, st.sampled_from(["conv", "depthwise"]), SIZES, dilation=st.integers(2, 3), padding=PADDINGS),
    st.builds(Step, st.sampled_from(["border", "crop", "up", "resize"]), SIZES, st.integers(1, 2), how=HOW),
    st.builds(
        Step, st.sampled_from(["add", "concatenate"]), branches=st.lists(BRANCH, min_size=2, max_size=3).map(tuple)
    ),
)


def network_of(size: tuple[int, int], made: Sequence[Step]) -> tuple[Any, LayerGraph]:
    """A model of these steps and its graph."""
    image = keras.Input((*size, 1))
    tensor = layers.Conv2D(2, 1, use_bias=False, kernel_initializer="ones")(image)
    for one in made:
        tensor = one(tensor)
    model = keras.Model(image, tensor)
    return model, graph_of(model)


def graph_of(model: Any, input_size: tuple[int, int] | None = None) -> LayerGraph:
    """The graph of a model, by way of a file as a user has it, without the file."""
    from featuremap_cli.networks import catalogue

    return network_graph(catalogue._of_model(model, "model", input_size, "unit"))


def gradient_boxes(
    model: Any, size: tuple[int, int], positions: Sequence[tuple[int, int]], least: float = 0
) -> list[Box]:
    """The rows and columns of the image where each position's gradient is larger than `least`."""
    image = tensorflow.random.stateless_uniform((1, *size, 1), (1, 2), 0.5, 1.5)

    # In a graph, because eagerly TensorFlow 2.21 computes the gradients of the filters too, and that of a transposed
    # convolution with gaps writes outside its memory.
    @tensorflow.function
    def gradients(images: Any) -> Any:
        output = tensorflow.reduce_sum(model(images, training=False), -1)
        chosen = tensorflow.gather_nd(output, [(place, *position) for place, position in enumerate(positions)])
        return tensorflow.gradients(chosen, images)

    found = gradients(tensorflow.repeat(image, len(positions), 0))[0].numpy()
    return [_box(np.abs(one[:, :, 0]) > least) for one in found]


def _box(reached: np.ndarray[Any, Any]) -> Box:
    rows, columns = np.nonzero(reached)
    return ((rows.min(), rows.max()), (columns.min(), columns.max())) if len(rows) else None


@settings(max_examples=40, deadline=None, derandomize=True)
@given(size=st.tuples(st.integers(7, 14), st.integers(7, 14)), made=st.lists(STEPS, min_size=1, max_size=4))
def test_every_position_sees_what_its_gradient_reaches(size: tuple[int, int], made: list[Step]) -> None:
    model, graph = network_of(size, made)
    height, width = model.output.shape[1:3]
    positions = [(row, column) for row in range(height) for column in range(width)]
    assume(len(positions) <= 1500)
    last = graph.outputs[0]
    assert graph.records[last].facts.output_shape == model.output.shape[1:]
    expected = gradient_boxes(model, size, positions)
    assert [visible_box(graph, last, position) for position in positions] == expected


@settings(max_examples=40, deadline=None, derandomize=True)
@given(made=st.lists(STEPS, min_size=1, max_size=4))
def test_receptive_fields_are_what_gradients_reach_far_from_the_border(made: list[Step]) -> None:
    model, graph = network_of((120, 120), made)
    shape, last = model.output.shape, graph.outputs[0]
    field = receptive_fields(graph)[last]
    positions = [(shape[1] // 2 + step, shape[2] // 2 + step) for step in range(-2, 3)]
    assume(min(positions[0]) >= 0 and positions[-1][0] < shape[1] and positions[-1][1] < shape[2])
    intervals = [(field.height.at(row), field.width.at(column)) for row, column in positions]
    inside = [box for box in intervals if None not in box]
    assume(all(first >= 25 and end <= 94 for box in inside for first, end in box))
    expected = gradient_boxes(model, (120, 120), positions)
    assert [None if None in box else box for box in intervals] == expected


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_interpolation_reads_as_far_as_its_kernel(interpolation: str) -> None:
    image = keras.Input((24, 24, 1))
    model = keras.Model(image, layers.UpSampling2D((2, 3), interpolation=interpolation)(image))
    graph, positions = graph_of(model), [(24 + step, 36 + step) for step in range(6)]
    boxes = [visible_box(graph, graph.outputs[0], position) for position in positions]
    rounding = 1e-6  # TensorFlow's Lanczos kernel is not quite zero where sin(pi n) is
    assert boxes == gradient_boxes(model, (24, 24), positions, rounding)


# --- how models are put together


def test_nested_shared_and_merged_models() -> None:
    inner_image = keras.Input((None, None, 4), name="inner")
    inner = keras.Model(inner_image, layers.Conv2D(4, 3, padding="same", name="conv")(inner_image), name="encoder")
    image = keras.Input((16, 16, 3))
    tensor = layers.Conv2D(4, 1, name="stem")(image)
    merged = layers.Add(name="sum")([inner(tensor), inner(inner(tensor))])
    sequence = keras.Sequential([keras.Input((16, 16, 4)), layers.ReLU(name="act"), layers.MaxPooling2D(name="pool")])
    model = keras.Model(image, sequence(merged))
    graph = graph_of(model)
    description = describe(graph)
    rows = {row.record.path: row.as_json() for row in description.rows}
    assert description.totals.parameters == model.count_params()
    paths = ["stem", "encoder/conv#1", "encoder/conv#2", "encoder/conv#3", "sum"]
    assert list(rows)[:5] == paths
    assert {rows[path]["parameters"] for path in paths[1:4]} == {0, 4 * 4 * 9 + 4}
    assert rows["sum"]["receptive_field"] == [5, 5]
    assert list(rows)[-1].endswith("/pool")
    assert list(rows.values())[-1]["receptive_field"] == [6, 6]
    assert [row["index"] for row in rows.values()] == list(range(7))


def test_memory_of_a_skip_counts_what_waits() -> None:
    """By hand: stem and its three readers' outputs; the skip keeps the stem alive until the sum is done."""
    image = keras.Input((8, 8, 1))
    stem = layers.Conv2D(4, 3, padding="same")(image)
    narrow = layers.Conv2D(1, 3, padding="same")(stem)
    wide = layers.Conv2D(4, 3, padding="same")(narrow)
    model = keras.Model(image, layers.Add()([stem, wide]))
    totals = describe(graph_of(model)).totals
    assert totals.inference_bytes == 64 * 4 * (4 + 4 + 4)
    assert totals.training_bytes == 64 * 4 * (4 + 1 + 4 + 4)


def test_branches_whose_centers_lie_apart_are_marked() -> None:
    """SAME with stride 2 on an even size pads a 3 x 3 filter at the bottom alone, a 1 x 1 filter not at all."""
    for size, aligned in ((16, False), (17, True)):
        image = keras.Input((size, size, 1))
        branches = [layers.Conv2D(1, one, strides=2, padding="same")(image) for one in (1, 3)]
        model = keras.Model(image, layers.Conv2D(1, 1)(layers.Add()(branches)))
        rows = [row.as_json() for row in describe(graph_of(model)).rows]
        assert [row["aligned"] for row in rows] == [True, True, aligned, aligned]
        assert rows[-1]["receptive_field"] == [3, 3]


def test_layers_that_are_not_known_are_marked_and_never_guessed() -> None:
    class Doubled(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    class NoPlainConvolution(layers.Conv2D):
        def call(self, inputs: Any) -> Any:
            return super().call(inputs[:, ::-1])

    for strange in (
        Doubled(),
        NoPlainConvolution(3, 3),
        layers.Permute((2, 1, 3)),
        layers.Activation(strange_activation),
    ):
        image = keras.Input((8, 8, 3))
        tensor = layers.Conv2D(2, 3)(strange(image))
        outputs = [tensor, layers.Dense(2)(layers.Flatten()(tensor))]
        description = describe(graph_of(keras.Model(image, outputs)))
        first, conv, flatten, dense = (row.as_json() for row in description.rows)
        assert first["unknown"]
        assert first["receptive_field"] is None
        assert first["output_shape"] is not None
        assert conv["receptive_field"] is None
        assert not conv["unknown"]
        assert conv["macs"] == 9 * 3 * 2 * conv["output_shape"][0] * conv["output_shape"][1]
        assert flatten["receptive_field"] is None
        assert dense["receptive_field"] is None
        assert [record.path for record in description.unknown] == [first["path"]]


def strange_activation(values: Any) -> Any:
    """An activation that looks at its neighbors."""
    return values + tensorflow.roll(values, 1, 1)


def test_squeeze_and_excitation_sees_the_whole_image() -> None:
    image = keras.Input((12, 10, 3))
    tensor = layers.Conv2D(4, 3, padding="same")(image)
    squeezed = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(tensor))
    model = keras.Model(image, layers.Multiply()([tensor, layers.Reshape((1, 1, 4))(squeezed)]))
    last = describe(graph_of(model)).rows[-1]
    assert last.sees_all
    assert last.as_json()["receptive_field"] == [12, 10]
    assert last.as_json()["receptive_offset"] == [5.5, 4.5]


def test_operations_between_layers_and_a_second_input() -> None:
    image, other = keras.Input((8, 8, 1), name="picture"), keras.Input((5,), name="numbers")
    tensor = keras.ops.relu(layers.Conv2D(2, 3)(image) * 2.0)
    model = keras.Model(
        [image, other], [tensor, layers.Concatenate()([layers.Flatten()(tensor), layers.Dense(3)(other)])]
    )
    rows = {row.record.type: row.as_json() for row in describe(graph_of(model)).rows}
    assert rows["Relu"]["receptive_field"] == [3, 3]
    assert rows["Relu"]["index"] is None
    assert rows["Dense"]["receptive_field"] is None
    assert rows["Dense"]["macs"] == 15
    assert rows["Concatenate"]["receptive_field"] == [8, 8]


def test_group_normalization_sees_all_positions_and_multiplies_nothing_counted() -> None:
    image = keras.Input((12, 10, 3))
    model = keras.Model(image, layers.GroupNormalization(2)(layers.Conv2D(4, 3, padding="same")(image)))
    described = describe(graph_of(model))
    last = described.rows[-1].as_json()
    assert (last["macs"], last["unknown"], last["receptive_field"]) == (0, False, [12, 10])
    assert described.totals.macs == 12 * 10 * 9 * 3 * 4
    # What a gradient says: a value depends on every pixel.
    assert box_by_gradient(model, (0, 0)) == ((0, 11), (0, 9))


def box_by_gradient(model: Any, position: tuple[int, int]) -> Box:
    """The rows and columns on which the sum of squares at a position depends."""
    pixels = tensorflow.constant(np.random.default_rng(1).normal(size=(1, *model.input_shape[1:])), tensorflow.float32)
    with tensorflow.GradientTape() as tape:
        tape.watch(pixels)
        value = tensorflow.reduce_sum(model(pixels)[0, position[0], position[1]] ** 2)
    reached = np.abs(tape.gradient(value, pixels)[0]).sum(axis=2) > 0
    rows, columns = (np.flatnonzero(reached.any(axis=axis)) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "channels": lambda x: x[:, :, :, :2],
    "channels by an ellipsis": lambda x: x[..., 1:3],
    "positions": lambda x: x[:, 2:9, 1:],
    "every second position": lambda x: x[:, ::2, 1::2],
    "slice of channels": lambda x: keras.ops.slice(x, (0, 0, 0, 1), (1, 12, 10, 2)),
    "slice of positions": lambda x: keras.ops.slice(x, (0, 3, 2, 0), (1, 6, 5, 4)),
    "stack": lambda x: keras.ops.reshape(keras.ops.stack([x, 2 * x], axis=-1), (-1, 12, 10, 8)),
    "shuffle": lambda x: keras.ops.reshape(
        keras.ops.transpose(keras.ops.reshape(x, (-1, 12, 10, 2, 2)), (0, 1, 2, 4, 3)), (-1, 12, 10, 4)
    ),
    "split": lambda x: keras.ops.concatenate(keras.ops.split(x, 2, axis=-1)[::-1], axis=-1),
    "squeeze and excitation": lambda x: x * keras.ops.mean(x, axis=(1, 2), keepdims=True),
    "mean of channels": lambda x: keras.ops.mean(x, axis=-1, keepdims=True),
    "padding": lambda x: keras.ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_keras_are_followed(name: str, tmp_path: Path) -> None:
    image = keras.Input((12, 10, 3), batch_size=1)
    tensor = OPERATIONS[name](layers.Conv2D(4, 3, padding="same")(image))
    model = keras.Model(image, layers.Conv2D(2, 3)(tensor))
    graph = graph_of(model)
    described = describe(graph)
    last = described.rows[-1].as_json()
    assert [record.path for record in described.unknown] == []
    assert last["receptive_field"] is not None
    height, width, channels = tensor.shape[1:]
    assert described.totals.macs == 12 * 10 * 27 * 4 + (height - 2) * (width - 2) * 9 * channels * 2
    model.save(tmp_path / "model.keras")
    from_file = describe(network_graph(load_network(str(tmp_path / "model.keras"))))
    assert [row.as_json()["receptive_field"] for row in from_file.rows[-1:]] == [last["receptive_field"]]
    assert from_file.totals.macs == described.totals.macs
    for position in ((0, 0), (1, 2)):
        assert visible_box(graph, len(graph.records) - 1, position) == box_by_gradient(model, position)


@pytest.mark.parametrize(
    "strange",
    [
        lambda x: x[:, ::-1],
        lambda x: keras.ops.flip(x, 1),
        lambda x: keras.ops.transpose(x, (0, 2, 1, 3)),
        lambda x: keras.ops.concatenate([x, x], axis=1),
        lambda x: keras.ops.reshape(x, (1, 10, 12, 4)),
    ],
)
def test_operations_that_move_positions_are_not_guessed(strange: Callable[[Any], Any]) -> None:
    image = keras.Input((12, 10, 3), batch_size=1)
    model = keras.Model(image, layers.Conv2D(2, 3)(strange(layers.Conv2D(4, 3, padding="same")(image))))
    rows = describe(graph_of(model)).rows
    assert rows[-1].as_json()["receptive_field"] is None


def test_the_bytes_of_all_inputs_are_counted() -> None:
    image, other = keras.Input((8, 8, 3)), keras.Input((5,))
    tensor = layers.Concatenate()([layers.Flatten()(image), other])
    assert describe(graph_of(keras.Model([image, other], tensor))).totals.input_bytes == 4 * (8 * 8 * 3 + 5)


def test_wrapped_convolution() -> None:
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, layers.SpectralNormalization(layers.Conv2D(2, 3, name="conv"), name="wrapper")(image))
    description = describe(graph_of(model))
    assert [row.record.path for row in description.rows] == ["wrapper/conv", "wrapper"]
    assert description.totals.parameters == model.count_params()
    assert [row.as_json()["receptive_field"] for row in description.rows] == [[3, 3], [3, 3]]


class Block(layers.Layer):
    """A block that is code: what it does between its layers cannot be read."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.first, self.second = layers.Conv2D(2, 3, name="first"), layers.Conv2D(3, 1, name="second")

    def build(self, shape: Any) -> None:
        self.first.build(shape)
        self.second.build((*shape[:3], 2))
        self.scale = self.add_weight(shape=(3,))

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs)) * self.scale


class Subclassed(keras.Model):
    """The same as a model."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.last = Block(name="block"), layers.Conv2D(4, 3, name="last")
        self.scale = self.add_weight(shape=())

    def call(self, inputs: Any) -> Any:
        return self.last(self.block(inputs)) * self.scale


def test_subclassed_blocks_and_models_have_their_layers_numbers_but_no_places() -> None:
    image = keras.Input((9, 9, 1))
    functional = keras.Model(image, layers.Conv2D(4, 3, name="last")(Block(name="block")(image)))
    subclassed = Subclassed()
    subclassed(np.zeros((1, 9, 9, 1), np.float32))
    for model in (functional, subclassed):
        description = describe(graph_of(model, (9, 9)))
        rows = {row.record.path: row.as_json() for row in description.rows}
        code = [model.name] if model is subclassed else []
        assert list(rows) == ["block/first", "block/second", "block", "last", *code]
        assert description.totals.parameters == model.count_params()
        assert rows["block/first"]["macs"] == 7 * 7 * 9 * 2
        assert rows["last"]["macs"] == 5 * 5 * 9 * 3 * 4
        assert rows["last"]["receptive_field"] is None
        assert description.totals.macs is None
        assert description.totals.inference_bytes is None


def test_a_network_of_free_size_asks_for_one() -> None:
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(2, 3, strides=2, padding="same")(image))
    with pytest.raises(UsageError, match="--input-size"):
        graph_of(model)
    assert describe(graph_of(model, (33, 20))).rows[0].record.facts.output_shape == (10, 17, 2)


def test_a_saved_model_tells_its_shapes_alone(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    keras.Model(image, layers.Conv2D(2, 3, name="conv")(image)).export(tmp_path / "saved", verbose=False)
    description = describe(network_graph(load_network(str(tmp_path / "saved"))))
    row = description.rows[0].as_json()
    assert row["output_shape"] == [6, 6, 2]
    assert row["parameters"] is None
    assert description.totals.parameters is None
