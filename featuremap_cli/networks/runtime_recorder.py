"""Runs the part of a graph that chosen layers need, and keeps what those layers give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.analysis.layer_kinds import Border
from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.errors import ImageError, NetworkError
from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import Node, needed_nodes
from featuremap_cli.graph.not_a_number import LEAST, is_finite, passing_over_nan
from featuremap_cli.graph.runtime import GraphError, Session, value_types
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_weights import LayerWeights
from featuremap_cli.networks.layered_graph import Call, Layer, LayeredGraph, Shape, Weight

IMAGES_AT_ONCE = 1
"""Images given to the runtime at a time: eight together take a tenth less time and the memory of eight."""


class Weights(Protocol):
    """Where the weights of a network are."""

    def read(self, layers: Sequence[Layer]) -> Iterator[Sequence[NDArray[Any]]]:
        """The weights of some layers, one after another, each in the order of `Layer.weights`.

        Raises:
            NetworkError: the file is not what it was.
        """


class RuntimeRecorder:
    """A network whose layers are all known, run by ONNX Runtime.

    Args:
        graph: its layers.
        image: its input, with the size it is to be run at.
        weights: where its weights are.
        network: its name, for messages.

    Attributes:
        graph: as given.
        entries: all its layers, in depth.
    """

    compiles = False
    knows_weights = True

    def __init__(self, graph: LayeredGraph, image: ImageInput, weights: Weights, network: str) -> None:
        self.entries = graph.entries()
        self.graph, self.network = graph, network
        self._image, self._weights = image, weights
        self._arrays: dict[str, NDArray[Any]] = {}
        self._sessions: dict[tuple[tuple[str, ...], bool], Session] = {}
        self._has_nan = False
        self._seen: set[str] = set()
        self._types: dict[tuple[int, int], Mapping[str, ValueType]] = {}

    def record(
        self, batch: Float32, chosen: Sequence[LayerEntry], *, before_activation: bool, compiled: bool = True
    ) -> list[Float32]:
        """See `Network.record`; `compiled` stands for a session that is made for many runs."""
        self._require_room(batch.shape[1], batch.shape[2])
        calls = [self.graph.listed[entry.index] for entry in chosen]
        names = [_value_of(call, before_activation) for call in calls]
        pieces = [self.values(batch[piece], names, lasting=compiled) for piece in self.pieces(len(batch))]
        return [_maps([values[place] for values in pieces]) for place in range(len(names))]

    def record_with_input(self, batch: Float32, entry: LayerEntry) -> tuple[Float32, Float32, Float32]:
        """See `Recorder.record_with_input`."""
        self._require_room(batch.shape[1], batch.shape[2])
        call = self.graph.listed[entry.index]
        taken = [name for name in call.inputs[:1] if name != self.graph.input[0]]
        names = [*taken, _value_of(call, True), call.output]
        pieces = [self.values(batch[piece], names) for piece in self.pieces(len(batch))]
        maps = [_maps([values[place] for values in pieces]) for place in range(len(names))]
        given, before, after = maps if taken else [batch, *maps]
        return given, before, after

    def border_before(self, entry: LayerEntry) -> tuple[Pair, Pair] | None:
        """See `Recorder.border_before`."""
        before = self.graph.listed[entry.index - 1] if entry.index else None
        if before is None or not isinstance(before.arithmetic, Border):
            return None
        border = before.arithmetic
        is_padding = min(border.top, border.bottom, border.left, border.right) >= 0
        return ((border.top, border.bottom), (border.left, border.right)) if is_padding else None

    def values(self, batch: Float32, names: Sequence[str], *, lasting: bool = False) -> list[NDArray[Any]]:
        """Values of the graph for images, as the graph has them: of four axes the channels are the second.

        Args:
            batch: float32 (images, height, width, channels), prepared; as many at once as the network takes.
            names: of the values.
            lasting: whether there will be many images; see `Session`.

        Raises:
            NetworkError: the network cannot run on these images.
        """
        wanted = tuple(dict.fromkeys(names))
        found = self._run(self._session(wanted, lasting), batch)
        if not self._has_nan and not all(is_finite(array) for array in (batch, *found.values(), *self._new_weights())):
            self._has_nan = True
            self._sessions.clear()
            found = self._run(self._session(wanted, lasting), batch)
        return [found[name] for name in names]

    @property
    def is_channels_first(self) -> bool:
        """Whether the graph's own input has its channels before height and width."""
        return self._image.channels_first

    def value_types(self, size: tuple[int, int]) -> Mapping[str, ValueType]:
        """What every value of the graph is for images of (height, width), as far as the runtime can tell beforehand.

        Raises:
            GraphError: the network does not take images of that size.
        """
        if size not in self._types:
            nodes, arrays = self._with_arrays(list(self.graph.nodes()))
            name, kind = self.graph.input
            image = ValueType(kind.dtype, self._image_shape(*size))
            self._types = {size: value_types(nodes, {name: image}, arrays, self.graph.opsets)}
        return self._types[size]

    def pieces(self, images: int) -> Iterator[slice]:
        """A batch in pieces, as many images at once as the network takes."""
        step = self._image.images or min(images, IMAGES_AT_ONCE)
        return (slice(start, min(start + step, images)) for start in range(0, images, step))

    def layer_weights(self, paths: Collection[str] | None = None) -> Iterator[LayerWeights]:
        """See `Recorder.layer_weights`; a layer's are read as it comes."""
        wanted = [layer for layer in self.graph.layers if layer.weights and (paths is None or layer.path in paths)]
        for layer, arrays in zip(wanted, self._weights.read(wanted), strict=True):
            yield LayerWeights(layer.path, layer.kernels, layer.settings, dict(zip(layer.weights, arrays, strict=True)))

    def arrays(self, names: Collection[str]) -> dict[str, NDArray[Any]]:
        """Weights as the graph has them, by value; those of a layer are read when they are asked for first.

        Raises:
            NetworkError: the file is not what it was.
        """
        asked = [name for name in names if name in self.graph.weights]
        unread = {self.graph.weights[name].layer for name in asked if name not in self._arrays}
        layers = [layer for layer in self.graph.layers if layer.path in unread]
        values: dict[str, list[tuple[str, Weight]]] = defaultdict(list)
        for name, weight in self.graph.weights.items():
            values[weight.layer].append((name, weight))
        # One layer after another: the file's arrays and the graph's together would be twice the network.
        for layer, arrays in zip(layers, self._weights.read(layers), strict=True):
            own = dict(zip(layer.weights, arrays, strict=True))
            for name, weight in values[layer.path]:
                self._arrays[name] = np.ascontiguousarray(weight.laid(own[weight.name]))
        return {name: self._arrays[name] for name in asked}

    def _new_weights(self) -> Iterator[NDArray[Any]]:
        """Weights that have not been looked at; each is looked at once."""
        for name, array in self._arrays.items():
            if name not in self._seen:
                self._seen.add(name)
                yield array

    def _session(self, names: tuple[str, ...], lasting: bool) -> Session:
        """What computes some values; those of the last two selections are kept, a layer's maps and its gradient's."""
        key = names, lasting
        if key not in self._sessions:
            nodes, arrays = self._with_arrays(needed_nodes(list(self.graph.nodes()), names))
            try:
                session = Session(nodes, dict([self.graph.input]), names, arrays, self.graph.opsets, lasting=lasting)
            except GraphError as error:
                raise NetworkError(f"{self.network} cannot be run: {error}") from error
            self._sessions = dict([*list(self._sessions.items())[-1:], (key, session)])
        return self._sessions[key]

    def _with_arrays(self, nodes: Sequence[Node]) -> tuple[Sequence[Node], dict[str, NDArray[Any]]]:
        """Nodes as they are to be run, and the constants and weights that they take."""
        arrays = {**self.graph.constants, **self.arrays({name for node in nodes for name in node.inputs})}
        return (list(passing_over_nan(nodes)), {**arrays, **LEAST}) if self._has_nan else (nodes, arrays)

    def _run(self, session: Session, images: Float32) -> dict[str, NDArray[Any]]:
        name, kind = self.graph.input
        missing = (self._image.images or 0) - len(images)
        filled = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing > 0 else images
        turned = np.moveaxis(filled, -1, 1) if self._image.channels_first else filled
        whole = np.issubdtype(np.dtype(kind.dtype), np.integer)
        given = np.ascontiguousarray(np.rint(turned) if whole else turned, kind.dtype)
        try:
            values = session.run({name: given})
        except GraphError as error:
            raise NetworkError(
                f"{self.network} cannot run on images of {images.shape[2]} x {images.shape[1]} pixels: {error}"
            ) from error
        kept = len(images) if missing > 0 else None
        return {name: value[:kept] for name, value in zip(session.outputs, values, strict=True)}

    def _image_shape(self, height: int, width: int) -> tuple[int | None, ...]:
        channels, images = self._image.channels, self._image.images
        return (images, channels, height, width) if self.is_channels_first else (images, height, width, channels)

    def _require_room(self, height: int, width: int) -> None:
        """Refuse an image so small that some layer has no window left to look at; for networks of free size.

        Raises:
            ImageError: the image is too small, or of a size at which some layers' outputs do not fit together.
        """
        if self._image.height is not None and self._image.width is not None:
            return
        try:
            shapes = self.graph.shapes_at((height, width, self._image.channels))
        except GraphError as error:
            raise ImageError(
                f"{self.network} cannot run on an image of {width} x {height} pixels: {error}; give another "
                "--input-size"
            ) from error
        empty = next((entry for entry, call in self._listed() if _is_empty(shapes.get(call.output))), None)
        if empty is not None:
            raise ImageError(
                f"an image of {width} x {height} pixels is too small for {self.network}: nothing is left of it at "
                f"{empty.path}; --input-size W,H enlarges it"
            )

    def _listed(self) -> Iterator[tuple[LayerEntry, Call]]:
        return zip(self.entries, self.graph.listed, strict=True)


def _value_of(call: Call, before_activation: bool) -> str:
    is_before = before_activation and call.layer.is_convolution and call.before_activation is not None
    return call.before_activation if is_before and call.before_activation is not None else call.output


def _is_empty(shape: Shape | None) -> bool:
    return shape is not None and any(size is not None and size < 1 for size in shape)


def _maps(pieces: Sequence[NDArray[Any]]) -> Float32:
    """Images' maps, float32 and channels last."""
    joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return np.asarray(np.moveaxis(joined, 1, -1) if joined.ndim == 4 else joined, np.float32)
