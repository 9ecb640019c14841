"""Runs the calls that chosen layers need, one image after another, and keeps what those layers give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.threads import holding_blas
from featuremap_cli.errors import ImageError
from featuremap_cli.networks.forward.graph import IMAGE, Call, Graph
from featuremap_cli.networks.forward.plan import Plan
from featuremap_cli.networks.forward.saved_weights import Weights
from featuremap_cli.networks.forward.settings import UnknownLayerError
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_weights import LayerWeights


class ForwardRecorder:
    """A network whose layers are all known, run in NumPy.

    Args:
        graph: its calls.
        image: its input, with the size it is to be run at.
        weights: where its weights are.
        network: its name, for messages.

    Attributes:
        graph: as given.
        entries: all its layers, in depth.
    """

    compiles = False
    knows_weights = True

    def __init__(self, graph: Graph, image: ImageInput, weights: Weights, network: str) -> None:
        self.entries = graph.entries()
        self.graph, self._image, self._weights, self._network = graph, image, weights, network
        self._read: dict[str, Sequence[Float32]] = {}

    def record(
        self, batch: Float32, chosen: Sequence[LayerEntry], *, before_activation: bool, compiled: bool = True
    ) -> list[Float32]:
        """See `Network.record`; nothing is compiled, whatever `compiled` says."""
        self._require_room(batch.shape[1], batch.shape[2])
        calls = [self.graph.calls[entry.index] for entry in chosen]
        plan = Plan.make(self.graph, calls, before_activation)
        self._read_weights(plan)
        # Infinity and NaN are shown as they come, as TensorFlow has them.
        with holding_blas(), np.errstate(all="ignore"):
            recorded = [self._run(plan, image) for image in batch]
        return [_joined([maps[call.output] for maps in recorded]) for call in calls]

    def layer_weights(self, paths: Collection[str] | None = None) -> Iterator[LayerWeights]:
        """See `Recorder.layer_weights`; a layer's are read as it comes."""
        wanted = [layer for layer in self.graph.layers if layer.weights and (paths is None or layer.path in paths)]
        read = dict(self._read)  # as it is now: a pass may read more before the last of these is taken
        unread = self._weights.read([layer for layer in wanted if layer.path not in read])
        for layer in wanted:
            arrays = read[layer.path] if layer.path in read else next(unread)
            kind = layer.class_name if layer.is_convolution else None
            yield LayerWeights(layer.path, kind, layer.settings, dict(zip(layer.weights, arrays, strict=True)))

    def _run(self, plan: Plan, image: Float32) -> dict[int, Float32]:
        """One image's maps (height, width, channels), by the number of the value."""
        uses = Counter(plan.uses)
        values: dict[int, Float32] = {IMAGE: image}
        kept: dict[int, Float32] = {}
        for call in plan.calls:
            uses.subtract(plan.memory[value] for value in call.inputs)
            given = [values[value] for value in call.inputs]
            weights = self._read.get(call.layer.path, ())
            output = call.layer.kind.run(given, weights, plan.is_last_use(call, uses))
            del given
            is_kept_before = call.output in plan.before
            if is_kept_before:
                kept[call.output] = output
            if not is_kept_before or uses[call.output]:
                values[call.output] = _activated(call, output, in_place=not is_kept_before)
            if call.output in plan.after:
                is_the_image = plan.memory[call.output] == IMAGE
                kept[call.output] = values[call.output].copy() if is_the_image else values[call.output]
            for value in [value for value in values if not uses[plan.memory[value]]]:
                del values[value]
        return kept

    def _read_weights(self, plan: Plan) -> None:
        unread = {
            call.layer.path: call.layer
            for call in plan.calls
            if call.layer.weights and call.layer.path not in self._read
        }
        if unread:
            self._read.update(zip(unread, self._weights.read(list(unread.values())), strict=True))

    def _require_room(self, height: int, width: int) -> None:
        """Refuse an image so small that some layer has no window left to look at; for networks of free size.

        Raises:
            ImageError: the image is too small, or of a size at which some layers' outputs do not fit together.
        """
        if self._image.height is not None and self._image.width is not None:
            return
        try:
            shapes = self.graph.shapes((height, width, self._image.channels))
            empty = next((call for call, shape in shapes if any(size is not None and size < 1 for size in shape)), None)
        except UnknownLayerError as error:
            raise ImageError(
                f"{self._network} cannot run on an image of {width} x {height} pixels: {error}; give another "
                "--input-size"
            ) from error
        if empty is not None:
            raise ImageError(
                f"an image of {width} x {height} pixels is too small for {self._network}: nothing is left of it at "
                f"{self.entries[empty.output - 1].path}; --input-size W,H enlarges it"
            )


def _activated(call: Call, output: Float32, *, in_place: bool) -> Float32:
    activation = call.layer.kind.activation
    if activation is None:
        return output
    out = output if in_place else np.empty_like(output)
    activation(output, out)
    return out


def _joined(maps: Sequence[Float32]) -> Float32:
    """Images' maps as one array with the images first; those of a single image are not copied."""
    return maps[0][np.newaxis] if len(maps) == 1 else np.stack(maps)
