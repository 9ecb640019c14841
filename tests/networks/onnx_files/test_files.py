"""ONNX files as exporters write them, and as they should not be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.filters import filters_of
from featuremap_cli.networks.projection import Place, make_projector
from featuremap_cli.networks.weights import layer_filters
from featuremap_cli.sources.notation import LayerReference

RNG = np.random.default_rng(8)
KERNEL = RNG.normal(size=(3, 3, 3, 4)).astype(np.float32)
"""(height, width, channels, filters)."""
BIAS = RNG.normal(size=4).astype(np.float32)


def written(
    path: Path,
    nodes: list[Any],
    shape: tuple[Any, ...] = (None, 3, 8, 7),
    arrays: dict[str, Any] | None = None,
    *,
    output: str = "out",
    element: int = TensorProto.FLOAT,
    opset: int = 17,
    more_inputs: tuple[Any, ...] = (),
    producer: str = "",
) -> Path:
    """A file that holds these nodes."""
    inputs = [helper.make_tensor_value_info("image", element, [size or "N" for size in shape]), *more_inputs]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    weights = [numpy_helper.from_array(array, name) for name, array in (arrays or {}).items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name=producer
    )
    onnx.save(model, path)
    return path


def weights(kernel: Any = KERNEL, bias: Any = BIAS) -> dict[str, Any]:
    return {"w": np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), "b": bias}


def convolved(images: Any, kernel: Any = KERNEL, bias: Any = BIAS, padding: str = "VALID") -> Any:
    return tf.nn.conv2d(images, kernel, 1, padding).numpy() + bias


def pixels(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


CONV = helper.make_node("Conv", ["image", "w", "b"], ["made"], name="/stem/conv/Conv")
RELU = helper.make_node("Relu", ["made"], ["out"])


def test_paths_are_the_exporters_and_a_relu_is_the_activation_of_its_convolution(tmp_path: Path) -> None:
    network = load_network(str(written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights())))
    conv, relu = network.layers()
    assert (conv.path, conv.type, conv.is_convolution) == ("/stem/conv/Conv", "Conv", True)
    assert (relu.path, relu.type, relu.is_convolution) == ("out", "Relu", False)
    assert conv.output_shape == relu.output_shape == (6, 5, 4)
    images = pixels(3, 8, 7, 3)
    expected = convolved(images)
    after, relued = network.record(images, [conv, relu])
    (before,) = network.record(images, [conv], before_activation=True)
    np.testing.assert_allclose(before, expected, atol=1e-5)
    np.testing.assert_allclose(after, np.maximum(expected, 0), atol=1e-5)
    np.testing.assert_array_equal(after, relued)


def test_filters_are_keras_order_of_axes(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights())
    bank = filters_of(LayerReference(str(path), "/stem/conv/Conv", "spec"))
    np.testing.assert_array_equal(bank.weights, KERNEL)
    np.testing.assert_array_equal(bank.bias, BIAS)
    with pytest.raises(NetworkError, match="has no convolution `/stem/conv`; nearest: /stem/conv/Conv"):
        filters_of(LayerReference(str(path), "/stem/conv", "spec"))
    with pytest.raises(NetworkError, match="a node of the kind Relu"):
        filters_of(LayerReference(str(path), "out", "spec"))


def test_depthwise_filters_are_one_a_map(tmp_path: Path) -> None:
    kernel = RNG.normal(size=(3, 3, 3, 2)).astype(np.float32)  # (height, width, channels, multiplier), Keras's
    arrays = {"w": np.ascontiguousarray(kernel.transpose(2, 3, 0, 1).reshape(6, 1, 3, 3))}
    node = helper.make_node("Conv", ["image", "w"], ["out"], name="deep", group=3)
    network = load_network(str(written(tmp_path / "net.onnx", [node], arrays=arrays)))
    images = pixels(1, 8, 7, 3)
    (maps,) = network.record(images, network.layers())
    expected = tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "VALID").numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    bank = layer_filters(network, network.layers())[0]
    assert bank.depthwise
    np.testing.assert_array_equal(bank.weights, kernel.reshape(3, 3, 1, 6))


def test_an_image_whose_channels_come_last(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["turned", "w", "b"], ["out"], name="conv"),
    ]
    network = load_network(str(written(tmp_path / "net.onnx", nodes, (None, 8, 7, 3), weights())))
    assert not network.input.channels_first
    images = pixels(2, 8, 7, 3)
    (maps,) = network.record(images, network.select(["conv"]).entries)
    np.testing.assert_allclose(maps, convolved(images), atol=1e-5)


def test_a_batch_axis_that_is_fixed_takes_any_number_of_images(tmp_path: Path) -> None:
    network = load_network(str(written(tmp_path / "net.onnx", [CONV, RELU], (2, 3, 8, 7), weights())))
    images = pixels(5, 8, 7, 3)
    (maps,) = network.record(images, network.layers()[1:])
    np.testing.assert_allclose(maps, np.maximum(convolved(images), 0), atol=1e-5)
    projector = make_projector(network, network.layers()[0], "gradient")
    assert projector.project(images, [Place(1)] * 5).shape == images.shape


def test_half_precision_is_drawn_as_float32(tmp_path: Path) -> None:
    arrays = {name: array.astype(np.float16) for name, array in weights().items()}
    path = written(tmp_path / "net.onnx", [CONV, RELU], arrays=arrays, element=TensorProto.FLOAT16)
    network = load_network(str(path))
    images = pixels(1, 8, 7, 3)
    (maps,) = network.record(images, network.layers()[:1], before_activation=True)
    halved = KERNEL.astype(np.float16).astype(np.float32), BIAS.astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(maps, convolved(images, *halved), atol=1e-5)


def test_quantized_filters_and_maps_are_the_numbers_they_stand_for(tmp_path: Path) -> None:
    steps = np.array([0.02, 0.03, 0.04, 0.05], np.float32)
    whole = RNG.integers(-100, 100, (4, 3, 3, 3)).astype(np.int8)
    arrays = {
        "scale": np.float32(0.01),
        "zero": np.uint8(128),
        "w": whole,
        "w scale": steps,
        "w zero": np.zeros(4, np.int8),
        "out scale": np.float32(0.5),
        "out zero": np.uint8(120),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["small"]),
        helper.make_node(
            "QLinearConv",
            ["small", "scale", "zero", "w", "w scale", "w zero", "out scale", "out zero"],
            ["rough"],
            name="conv",
        ),
        helper.make_node("DequantizeLinear", ["rough", "out scale", "out zero"], ["out"]),
    ]
    network = load_network(str(written(tmp_path / "net.onnx", nodes, arrays=arrays)))
    entry = next(entry for entry in network.layers() if entry.path == "conv")
    kernel = (whole * steps[:, None, None, None]).transpose(2, 3, 1, 0)
    images = np.clip(pixels(1, 8, 7, 3), -1.2, 1.2)
    (maps,) = network.record(images, [entry])
    np.testing.assert_allclose(maps, convolved(images, kernel, 0), atol=0.5 * 0.5 + 0.01 * 0.5 * 27 * 5)
    np.testing.assert_allclose(layer_filters(network, [entry])[entry.index].weights, kernel, rtol=1e-6)


def test_weights_beside_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights())
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    images = pixels(1, 8, 7, 3)
    (maps,) = load_network(str(path)).record(images, load_network(str(path)).layers()[1:])
    np.testing.assert_allclose(maps, np.maximum(convolved(images), 0), atol=1e-5)
    (tmp_path / "net.data").rename(tmp_path / "moved.data")
    with pytest.raises(NetworkError, match=r"keeps weights in net\.data, which is not there"):
        load_network(str(path))


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname"])
def test_no_file_outside_the_folder_is_read(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    folder = tmp_path / "given"
    folder.mkdir()
    path = written(folder / "net.onnx", [CONV, RELU], arrays=weights())
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(NetworkError, match="outside its own folder"):
        load_network(str(path))


def test_an_input_beside_the_image(tmp_path: Path) -> None:
    gate = helper.make_tensor_value_info("gate", TensorProto.FLOAT, [1, 4, 1, 1])
    nodes = [CONV, helper.make_node("Mul", ["made", "gate"], ["out"], name="gated")]
    network = load_network(str(written(tmp_path / "net.onnx", nodes, arrays=weights(), more_inputs=(gate,))))
    assert "layers that need `gate` (1, 4, 1, 1) are left out" in network.notices[0]
    conv, gated = network.layers()
    assert conv.undrawable is None
    assert gated.undrawable == "needs the input `gate` beside the image"
    assert network.record(pixels(1, 8, 7, 3), [conv])[0].shape == (1, 6, 5, 4)


def test_constants_in_the_graph_are_worked_out(tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([4, 3, 3, 3], np.int64))
    filling = numpy_helper.from_array(np.array([0.5], np.float32))
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("ConstantOfShape", ["shape"], ["w"], value=filling),
        helper.make_node("Conv", ["image", "w"], ["out"], name="conv"),
    ]
    network = load_network(str(written(tmp_path / "net.onnx", nodes)))
    assert [entry.path for entry in network.layers()] == ["conv"]
    images = pixels(1, 8, 7, 3)
    (maps,) = network.record(images, network.layers())
    np.testing.assert_allclose(maps, convolved(images, np.full_like(KERNEL, 0.5), 0), atol=1e-5)


def test_a_network_of_any_size(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", [CONV, RELU], (None, 3, None, None), weights())
    network = load_network(str(path))
    assert (network.input.height, network.input.width) == (None, None)
    images = pixels(1, 12, 9, 3)
    (maps,) = network.record(images, network.layers()[1:])
    np.testing.assert_allclose(maps, np.maximum(convolved(images), 0), atol=1e-5)
    sized = load_network(str(path), input_size=(9, 12))
    assert (sized.input.height, sized.input.width) == (12, 9)
    fixed = written(tmp_path / "fixed.onnx", [CONV, RELU], arrays=weights())
    with pytest.raises(NetworkError, match="takes images of 7 x 8 pixels, which is written into the file"):
        load_network(str(fixed), input_size=(9, 12))


@pytest.mark.parametrize(
    ("producer", "preprocessing"), [("pytorch", "torch"), ("", "unit")], ids=["of PyTorch", "of nobody"]
)
def test_what_is_assumed_of_the_pixels_is_said(tmp_path: Path, producer: str, preprocessing: str) -> None:
    path = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights(), producer=producer)
    network = load_network(str(path))
    assert network.preprocessing == preprocessing
    assert f"taken as {preprocessing}" in network.notices[-1]
    assert "--preprocess" in network.notices[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "holds no ONNX network"), (b"hello", "is no ONNX network"), (bytes(100), "is no ONNX network")],
)
def test_what_is_no_network(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(NetworkError, match=message):
        load_network(str(tmp_path / "net.onnx"))


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    whole = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights()).read_bytes()
    for length in range(1, len(whole), 17):
        (tmp_path / "net.onnx").write_bytes(whole[:length])
        with pytest.raises(NetworkError):
            load_network(str(tmp_path / "net.onnx"))


def test_flipped_bytes_end_in_our_words(tmp_path: Path) -> None:
    whole = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights()).read_bytes()
    for _ in range(400):
        flipped = bytearray(whole)
        flipped[RNG.integers(len(whole))] ^= 1 << int(RNG.integers(8))
        (tmp_path / "net.onnx").write_bytes(bytes(flipped))
        try:
            network = load_network(str(tmp_path / "net.onnx"))
            network.record(pixels(1, 8, 7, 3), [one for one in network.layers() if one.undrawable is None])
        except NetworkError:
            continue


def test_operators_that_are_too_old(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights(), opset=6)
    with pytest.raises(NetworkError, match="operators of version 6: expected 7 or later"):
        load_network(str(path))


def test_neither_tensorflow_nor_its_keras_is_imported(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", [CONV, RELU], arrays=weights())
    program = (
        "import sys; from featuremap_cli.networks.catalogue import load_network; "
        f"load_network({str(path)!r}); print(sorted({{'tensorflow', 'keras', 'torch'}} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
