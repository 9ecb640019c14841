"""A forward pass that keeps the chosen layers' outputs, on a traced graph.

The graph is cut down to what the chosen layers need before it runs: the first convolution of a deep network costs
that convolution, not the network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.errors import ImageError, NetworkError
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_weights import LayerWeights
from featuremap_cli.networks.recorder import Recorder
from featuremap_cli.networks.startup import tensorflow

RUN_ERRORS = (tensorflow.errors.OpError, ValueError, TypeError, NotImplementedError)
"""What Keras and TensorFlow raise when a network cannot run on what it is given."""


_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_PREFACES = (
    "Exception encountered when calling",
    "Graph execution error",
    "Detected at node",
    "<stack traces",
    "File ",
)
"""How the lines begin that Keras and TensorFlow put before the error itself."""


@dataclass(frozen=True, eq=False)
class Spot:
    """Where in a graph one layer's output is.

    Attributes:
        output: the tensor, with the batch axis.
        before_activation: the tensor that the layer's own activation is given; `output` where it has none, None where
            it cannot be told.
        channels_first: the channels come before height and width.
    """

    output: Any
    before_activation: Any
    channels_first: bool = False


class GraphRecorder:
    """Runs a traced graph, cut down to the chosen layers; what it was cut down to is kept for the next batch.

    Args:
        function: TensorFlow's wrapped function, with the network's inputs as its first arguments.
        image: its input that takes the image.
        entries: all layers, in depth.
        spots: {entry.index: where it is}, for those that can be drawn.
        network: the network's name, for messages.
    """

    compiles = True
    knows_weights = False

    def __init__(
        self,
        function: Any,
        image: ImageInput,
        entries: tuple[LayerEntry, ...],
        spots: Mapping[int, Spot],
        network: str,
    ) -> None:
        self.entries, self.spots, self.image, self.network = entries, spots, image, network
        self._function = function
        self._enough: list[tuple[int, int]] = []
        self._pruned: dict[tuple[tuple[int, ...], bool], Any] = {}

    def layer_weights(self, paths: Collection[str] | None = None) -> Iterable[LayerWeights]:
        """See `Recorder.layer_weights`: a graph keeps no layers' weights apart."""
        return ()

    def record(
        self, batch: Float32, chosen: Sequence[LayerEntry], *, before_activation: bool, compiled: bool = True
    ) -> list[Float32]:
        """See `Network.record`; a graph is compiled whatever `compiled` says."""
        self.require_room(*batch.shape[1:3])
        key = (tuple(entry.index for entry in chosen), before_activation)
        if key not in self._pruned:
            tensors = [self.tensor(entry, before_activation) for entry in chosen]
            self._pruned[key] = self._function.prune(self._function.inputs[self.image.position], tensors)
        pruned = self._pruned[key]
        pieces = run_in_pieces(batch, self.image, self.network, lambda images: list(pruned(images)))
        return [self.as_maps(entry, piece, len(batch)) for entry, piece in zip(chosen, pieces, strict=True)]

    def record_with_input(self, batch: Float32, entry: LayerEntry) -> tuple[Float32, Float32, Float32]:
        """See `Recorder.record_with_input`.

        Raises:
            TypeError: a graph that holds only operations does not keep its layers' weights apart.
        """
        raise TypeError(f"{self.network} does not keep its layers' weights apart")

    def border_before(self, entry: LayerEntry) -> tuple[Pair, Pair] | None:
        """See `Recorder.border_before`: a graph that holds only operations does not tell."""
        return None

    def cut_to(self, entry: LayerEntry) -> Any:
        """The network as TensorFlow's function of a batch of images, cut down to this layer's output alone."""
        return self._function.prune(self._function.inputs[self.image.position], [self.tensor(entry, False)])

    def is_channels_first(self, entry: LayerEntry) -> bool:
        """Whether this layer's output has its channels before height and width."""
        return self.spots[entry.index].channels_first

    def tensor(self, entry: LayerEntry, before_activation: bool) -> Any:
        """The graph's tensor of this layer.

        Raises:
            NetworkError: it is wanted before an activation that the layer does not call where it can be seen.
        """
        spot = self.spots[entry.index]
        tensor = spot.before_activation if before_activation else spot.output
        if tensor is None:
            raise NetworkError(
                f"{entry.path} in {self.network} has an activation inside that cannot be taken off; "
                "leave --before-activation out for it"
            )
        return tensor

    def as_maps(self, entry: LayerEntry, output: Any, images: int) -> Float32:
        """An output as float32 (images, height, width, channels), whatever type and order the network keeps.

        Raises:
            NetworkError: the layer's batch is not the images (it cuts them up, say).
        """
        if output.ndim != 4 or len(output) != images:
            raise NetworkError(
                f"{entry.path} in {self.network} gives {output.shape} for {images} images: expected one set of maps "
                "(height, width, channels) an image; choose another layer"
            )
        ordered = np.moveaxis(output, 1, -1) if self.spots[entry.index].channels_first else output
        return np.asarray(ordered, np.float32)

    def require_room(self, height: int, width: int) -> None:
        """Refuse an image so small that some layer has no window left to look at; for networks of free size.

        It has to be found out from shapes alone. TensorFlow 2.21 with oneDNN gives numbers of the wrong shape for a
        convolution whose output is empty, and without oneDNN it ends the process (tensorflow/tensorflow#127835).

        Raises:
            ImageError: the image is too small.
        """
        if self.image.height is not None and self.image.width is not None:
            return
        if any(height >= enough[0] and width >= enough[1] for enough in self._enough):
            return
        too_small = f"an image of {width} x {height} pixels is too small for {self.network}"
        try:
            empty = self.first_empty_layer(replace(self.image, height=height, width=width))
        except RUN_ERRORS as error:
            raise ImageError(f"{too_small}: {first_line(error)}; --input-size W,H enlarges it") from error
        if empty is not None:
            raise ImageError(f"{too_small}: nothing is left of it at {empty}; --input-size W,H enlarges it")
        self._enough.append((height, width))

    def first_empty_layer(self, image: ImageInput) -> str | None:
        """The path of the first layer that has an empty output for images of this size, told from shapes."""
        drawable = [entry for entry in self.entries if entry.index in self.spots]
        with tensorflow.Graph().as_default():
            outputs = tensorflow.graph_util.import_graph_def(
                self._function.graph.as_graph_def(),
                input_map={
                    self._function.inputs[image.position].name: tensorflow.compat.v1.placeholder(
                        image.dtype, image.shape
                    )
                },
                return_elements=[self.spots[entry.index].output.name for entry in drawable],
            )
        return next((entry.path for entry, output in zip(drawable, outputs, strict=True) if 0 in output.shape), None)


def graph_recorder(recorder: Recorder) -> GraphRecorder:
    """A network's recorder, which has a graph.

    Raises:
        TypeError: the network was loaded to be recorded only, which may leave TensorFlow out.
    """
    if not isinstance(recorder, GraphRecorder):
        raise TypeError(f"expected a network that TensorFlow runs, got a {type(recorder).__name__}")
    return recorder


def run_in_pieces(batch: Float32, image: ImageInput, network: str, run: Any) -> list[Any]:
    """Run on a batch, in the pieces that a network of fixed batch size wants; the last piece is filled up.

    Args:
        batch: float32 (images, height, width, channels).
        image: the input that takes it.
        network: its name, for messages.
        run: from a tensor of images, as the network keeps them, to a list of tensors.

    Returns:
        The list of `run`, as arrays, the pieces joined along the first axis.

    Raises:
        ImageError: a network that takes any size cannot run on this one.
        NetworkError: it cannot run on any image.
    """
    ordered = np.moveaxis(batch, -1, 1) if image.channels_first else batch
    typed = (
        np.rint(ordered)
        if np.issubdtype(tensorflow.dtypes.as_dtype(image.dtype).as_numpy_dtype, np.integer)
        else ordered
    )
    step = image.images or len(batch)
    results = []
    try:
        for start in range(0, len(batch), step):
            piece = typed[start : start + step]
            filled = np.concatenate([piece, np.repeat(piece[-1:], step - len(piece), axis=0)])
            outputs = run(tensorflow.constant(filled, dtype=image.dtype))
            results.append([_without_filling(np.asarray(output), piece, filled) for output in outputs])
    except RUN_ERRORS as error:
        height, width = batch.shape[1:3]
        problem = f"{network} cannot run on an image of {width} x {height} pixels: {first_line(error)}"
        if image.height is None or image.width is None:
            raise ImageError(f"{problem}; give another --input-size") from error
        raise NetworkError(problem) from error
    return [np.concatenate(pieces) for pieces in zip(*results, strict=True)]


def _without_filling(output: Any, piece: Any, filled: Any) -> Any:
    return output[: len(piece)] if len(output) == len(filled) else output


def first_line(error: BaseException) -> str:
    """What an error of Keras or TensorFlow says, in one line of at most 200 characters."""
    lines = (_STYLE.sub("", line).strip() for line in str(error).splitlines())
    text = next((line for line in lines if line and not line.startswith(_PREFACES)), type(error).__name__)
    return text if len(text) <= 200 else text[:197] + "..."
