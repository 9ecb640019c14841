"""The gradient of one of a graph's values by the image, run by ONNX Runtime in two sessions.

The first makes what the gradient needs of the way up, the second goes down: so the way up is optimized as for a
picture of maps, and the way down may be of another version of ONNX's operators than the network's file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.errors import NetworkError
from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.gradient_rules.backward import Method
from featuremap_cli.graph.gradients import SIGNAL, backward_graph
from featuremap_cli.graph.runtime import GraphError, Session
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder

Signal = Callable[[NDArray[Any], slice], NDArray[Any]]
"""From the differentiated value for some of the images, and which they are, to what is sent back from it."""


class RuntimeGradient:
    """The gradient of a value by the image.

    Args:
        recorder: the network.
        value: the value, as the graph names it.
        method: what rectifiers do.
        size: (height, width) of the images.

    Raises:
        NetworkError: a node on the way has no gradient, or the image has no influence on the value.
    """

    def __init__(self, recorder: RuntimeRecorder, value: str, method: Method, size: tuple[int, int]) -> None:
        self._recorder, self._value = recorder, value
        graph = recorder.graph
        try:
            types = recorder.value_types(size)
            self._back = backward_graph(
                list(graph.nodes()),
                graph.input[0],
                value,
                {name: kind.shape for name, kind in types.items()},
                self._known,
                method,
                graph.opsets,
            )
        except GraphError as error:
            raise NetworkError(f"{recorder.network} cannot be projected: {error}") from error
        if self._back.gradient is None:
            raise NetworkError(f"{recorder.network} has no gradient on the way to the image")
        self._types = types
        self._taken = sorted(self._back.taken)
        self._last: tuple[Float32, list[NDArray[Any]]] | None = None

    def run(self, batch: Float32, signal: Signal) -> Float32:
        """What a signal becomes at the image.

        Args:
            batch: float32 (images, height, width, channels), prepared, of the size given.
            signal: what is sent back.

        Returns:
            float32 (images, height, width, channels), in the order of the network's channels.

        Raises:
            NetworkError: the network cannot run on these images.
        """
        pieces = [self._piece(batch[piece], piece, signal) for piece in self._recorder.pieces(len(batch))]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _piece(self, images: Float32, piece: slice, signal: Signal) -> Float32:
        value, *taken = self._way_up(images)
        sent = np.ascontiguousarray(signal(value, piece), np.float32)
        given = dict(zip(self._taken, taken, strict=True)) | {SIGNAL: sent}
        try:
            (gradient,) = self._session.run(given)
        except GraphError as error:
            raise NetworkError(f"{self._recorder.network} cannot be projected: {error}") from error
        return np.asarray(np.moveaxis(gradient, 1, -1) if self._recorder.is_channels_first else gradient, np.float32)

    def _way_up(self, images: Float32) -> list[NDArray[Any]]:
        """The value, and what the gradient needs of the way to it; found once where images come again.

        Several filters of one image are projected one after another.
        """
        if self._last is None or not np.array_equal(self._last[0], images):
            self._last = images.copy(), self._recorder.values(images, [self._value, *self._taken])
        return self._last[1]

    @cached_property
    def _session(self) -> Session:
        back, graph = self._back, self._recorder.graph
        weights = self._recorder.arrays({name for node in back.nodes for name in node.inputs})
        inputs = {name: _free(self._types[name]) for name in self._taken}
        inputs[SIGNAL] = _free(ValueType("float32", self._types[self._value].shape))
        arrays = {**graph.constants, **weights, **back.constants}
        try:
            # Its transposed convolutions gain nothing by weights that are laid out anew.
            return Session(back.nodes, inputs, [str(back.gradient)], arrays, lasting=False)
        except GraphError as error:
            raise NetworkError(f"{self._recorder.network} cannot be projected: {error}") from error

    def _known(self, name: str) -> NDArray[Any] | None:
        if name in self._recorder.graph.constants:
            return self._recorder.graph.constants[name]
        return self._recorder.arrays([name]).get(name)


def _free(kind: ValueType) -> ValueType:
    """The same for any number of images."""
    return ValueType(kind.dtype, (None, *kind.shape[1:]) if kind.shape else kind.shape)
