"""One layer of a configuration, written as nodes and run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.graph.runtime import Session
from featuremap_cli.networks.configuration.kind import Kind, channel_axis


class GivenWeights:
    """Weights that are at hand; see `kind.WeightNames`."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = arrays
        self.laid: dict[str, Any] = {}

    def value(self, name: str, axes: Any = None, shape: Any = None) -> str:
        array = np.asarray(self._arrays[name], np.float32)
        turned = array if axes is None else array.transpose(axes)
        self.laid[name] = np.ascontiguousarray(turned if shape is None else turned.reshape(shape))
        return name


def computed(kind: Kind, values: Sequence[Any], arrays: Mapping[str, Any]) -> Any:
    """What a layer makes of values without a batch axis, channels last."""
    nodes, weights = NodeList("made "), GivenWeights(arrays)
    names = [f"given {place}" for place in range(len(values))]
    shapes = [value.shape for value in values]
    made = kind.write(nodes, names, shapes, weights)
    if kind.activation is not None:
        made = kind.activation(nodes, made, channel_axis(kind.output_shape(shapes)))
    first = [np.moveaxis(value, -1, 0) if value.ndim == 3 else value for value in values]
    given = {name: np.ascontiguousarray(value[np.newaxis]) for name, value in zip(names, first, strict=True)}
    types = {name: ValueType("float32", value.shape) for name, value in given.items()}
    (output,) = Session(nodes.nodes, types, [made], nodes.constants | weights.laid).run(given)
    return np.moveaxis(output, 1, -1)[0] if output.ndim == 4 else output[0]
