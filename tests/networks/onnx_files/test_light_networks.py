"""Networks that others exported and ran, in the data of the package onnx: its outputs are the oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from featuremap_cli.analysis.description import describe
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.records import network_graph
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
NAMES = (
    *("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet"),
    *("vgg19", "zfnet512"),
)

CONVOLUTIONS = {
    "bvlc_alexnet": 5,
    "densenet121": 121,
    "inception_v1": 57,
    "inception_v2": 69,
    "resnet50": 53,
    "shufflenet": 49,
    "squeezenet": 26,
    "vgg19": 16,
    "zfnet512": 5,
}

PARAMETERS = {"resnet50": 25_610_152, "squeezenet": 1_235_496, "vgg19": 143_667_240}
"""ResNet50 has 25,557,032, as in torchvision, and 53,120 means and variances of its batch normalization."""


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_those_that_came_with_the_network(name: str) -> None:
    network = load_network(str(LIGHT / f"light_{name}.onnx"))
    assert isinstance(network.recorder, RuntimeRecorder)
    assert network.input.channels_first
    shape = network.input.shape
    count = int(np.prod([size or 1 for size in shape]))
    images = (np.arange(count).reshape(shape) / count).astype(np.float32)
    (output,) = network.recorder.values(np.moveaxis(images, 1, -1), network.recorder.graph.outputs[:1])
    expected = numpy_helper.to_array(onnx.load_tensor(str(LIGHT / f"light_{name}_output_0.pb")))
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-6)
    assert sum(entry.is_convolution for entry in network.layers()) == CONVOLUTIONS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_cost_and_field_is_known(name: str) -> None:
    description = describe(network_graph(load_network(str(LIGHT / f"light_{name}.onnx"))))
    assert not description.unknown
    assert description.totals.macs is not None
    if name in PARAMETERS:
        assert description.totals.parameters == PARAMETERS[name]


def test_the_field_of_vgg19_is_vgg16s_and_three_convolutions_more() -> None:
    """212 pixels for VGG16 (Araujo, Norris and Sim 2019), and 2 * 4 + 2 * 8 + 2 * 16 for the three more."""
    description = describe(network_graph(load_network(str(LIGHT / "light_vgg19.onnx"))))
    last = [row for row in description.rows if row.record.facts.output_shape == (7, 7, 512)][-1]
    field = last.as_json()
    assert field["receptive_field"] == [268, 268]
    assert field["receptive_stride"] == [32, 32]
