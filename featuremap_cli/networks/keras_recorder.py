"""A Keras model of any kind, traced once: its layers, and a pass that keeps what the chosen ones give."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.call_notes import CallNote, noting
from featuremap_cli.networks.image_input import ImageInput, NetworkInput, shown_shape
from featuremap_cli.networks.keras_weights import keras_layer_weights
from featuremap_cli.networks.layer_entry import LayerEntry, Size, why_undrawable
from featuremap_cli.networks.layer_weights import LayerWeights
from featuremap_cli.networks.recording import RUN_ERRORS, GraphRecorder, Spot, first_line, run_in_pieces
from featuremap_cli.networks.startup import keras, tensorflow
from featuremap_cli.networks.walk import CONVOLUTIONS, KerasLayer, KerasModel, named_layers

IN_A_LOOP = "runs inside a loop, out of which its output cannot be taken"


class _AllKept(BaseException):
    """Ends a pass when all that was wanted is there; no Exception, which Keras would catch to add its own words."""


class KerasRecorder(GraphRecorder):
    """A Keras model, traced, ready to keep what its layers give.

    Args:
        model: any `keras.Model` whose inputs are known.
        inputs: what `model_inputs` says of it.
        image: the one of them that takes the image, with the size it is to be run at.
        network: its name, for messages.

    Attributes:
        model: the `keras.Model`.
        calls: {entry.index: (layer object, number of its call)}, for those that can be drawn.

    Raises:
        NetworkError: the model cannot be run on an image of that shape.
    """

    knows_weights = True

    def __init__(self, model: KerasModel, inputs: Sequence[NetworkInput], image: ImageInput, network: str) -> None:
        self.model, self._inputs = model, inputs
        self._layers = named_layers(model)
        try:
            function, notes = self._trace(image)
        # A file whose settings were changed makes Keras's own layers trip over them, with whatever Python raises then.
        except (*RUN_ERRORS, AttributeError, LookupError, ArithmeticError, RuntimeError, AssertionError) as error:
            raise NetworkError(
                f"{network} cannot run on images of shape {shown_shape(image.shape)}: {first_line(error)}"
            ) from error
        beyond = _dependents(function.graph, _beyond_the_image(function, inputs, image))
        listing = _Listing(self._layers, notes, function.graph, beyond, image.channels_first)
        super().__init__(function, image, listing.entries, listing.spots, network)
        self.calls: Mapping[int, tuple[KerasLayer, int]] = listing.calls
        self._given: Mapping[int, Any] = listing.given

    def record(
        self, batch: Float32, chosen: Sequence[LayerEntry], *, before_activation: bool, compiled: bool = True
    ) -> list[Float32]:
        """See `Network.record`.

        Not compiled, the model runs eagerly, and no further than the last of the chosen layers. For ResNet50's 53
        convolutions that saves the 0.4 s that cutting down the graph costs; each later pass takes three times as long.
        """
        if compiled:
            return super().record(batch, chosen, before_activation=before_activation)
        self.require_room(*batch.shape[1:3])
        for entry in chosen:
            self.tensor(entry, before_activation)
        outputs = run_in_pieces(
            batch, self.image, self.network, lambda images: self._run_eagerly(images, chosen, before_activation)
        )
        return [self.as_maps(entry, output, len(batch)) for entry, output in zip(chosen, outputs, strict=True)]

    def layer_weights(self, paths: Collection[str] | None = None) -> Iterable[LayerWeights]:
        """See `Recorder.layer_weights`."""
        return keras_layer_weights(self.model, paths)

    def record_with_input(self, batch: Float32, entry: LayerEntry) -> tuple[Float32, Float32, Float32]:
        """What one layer is given, what its own activation is given, and what it gives.

        Args:
            batch: as for `record`.
            entry: the layer.

        Returns:
            Three times float32 (images, height, width, channels).

        Raises:
            NetworkError, ImageError: as `record`; what the layer is given must be maps too.
        """
        self.require_room(*batch.shape[1:3])
        tensors = [self._given[entry.index], self.tensor(entry, True), self.tensor(entry, False)]
        pruned = self._function.prune(self._function.inputs[self.image.position], tensors)
        pieces = run_in_pieces(batch, self.image, self.network, lambda images: list(pruned(images)))
        given, before, output = (self.as_maps(entry, piece, len(batch)) for piece in pieces)
        return given, before, output

    def border_before(self, entry: LayerEntry) -> tuple[Pair, Pair] | None:
        """See `Recorder.border_before`."""
        layer = self.calls.get(entry.index - 1, (None,))[0]
        if not isinstance(layer, keras.layers.ZeroPadding2D):
            return None
        (top, bottom), (left, right) = layer.padding
        return (int(top), int(bottom)), (int(left), int(right))

    def _run_eagerly(self, images: Any, chosen: Sequence[LayerEntry], before_activation: bool) -> list[Any]:
        wanted = {(id(layer), number) for layer, number in (self.calls[entry.index] for entry in chosen)}
        kept: dict[tuple[int, int], Any] = {}

        def note(call: CallNote) -> None:
            key = (id(call.layer), call.number)
            if key in wanted:
                kept[key] = call.before_activation if before_activation else call.output
                if len(kept) == len(wanted):
                    raise _AllKept

        layers = {id(layer): layer for layer, _ in (self.calls[entry.index] for entry in chosen)}
        with suppress(_AllKept), noting(layers.values(), note):
            self._call(self._with_other_inputs(images))
        return [kept[id(layer), number] for layer, number in (self.calls[entry.index] for entry in chosen)]

    def _with_other_inputs(self, images: Any) -> list[Any]:
        """The image in its place and zeros in the others, on which none of the drawable layers depends."""
        tensors = [
            tensorflow.zeros([len(images), *(size or 1 for size in entry.shape[1:])], entry.dtype)
            for entry in self._inputs
        ]
        tensors[self.image.position] = images
        return tensors

    def _call(self, tensors: Sequence[Any]) -> Any:
        structure = getattr(self.model, "_inputs_struct", None)
        packed = tensors[0] if structure is None else keras.tree.pack_sequence_as(structure, list(tensors))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's advice to whoever wrote the model
            return self.model(packed, training=False)

    def first_empty_layer(self, image: ImageInput) -> str | None:
        """The path of the first layer that has an empty output for images of this size, told from shapes."""
        paths = {id(layer): path for path, layer in self._layers.items()}
        _, notes = self._trace(image)
        for note in notes:
            if any(0 in tensor.shape for tensor in keras.tree.flatten(note.output) if tensor.shape.rank):
                return paths[id(note.layer)]
        return None

    def _trace(self, image: ImageInput) -> tuple[Any, list[CallNote]]:
        """The model as a function with a graph, and what each call of its layers gave in that graph."""
        signature = [tensorflow.TensorSpec(entry.shape, entry.dtype) for entry in self._inputs]
        signature[image.position] = tensorflow.TensorSpec(image.shape, image.dtype)
        notes: list[CallNote] = []

        def run(*tensors: Any) -> Any:
            with noting(self._layers.values(), notes.append):
                self._call(tensors)
            return tensors[image.position]

        return tensorflow.compat.v1.wrap_function(run, signature), notes


def model_inputs(model: KerasModel, network: str) -> tuple[NetworkInput, ...]:
    """What a Keras model asks for.

    A subclassed model declares no inputs; the shape it was built with stands in for them.

    Raises:
        NetworkError: a model that was never built, or a subclassed one with several inputs.
    """
    if getattr(model, "inputs", None):
        return tuple(
            NetworkInput(tensor._keras_history.operation.name, tuple(tensor.shape), tensor.dtype)
            for tensor in model.inputs
        )
    shapes = list((getattr(model, "_build_shapes_dict", None) or {}).values())
    if not shapes or shapes[0] is None:
        raise NetworkError(
            f"{network} does not say what its input is: call the model on an image once and save it again"
        )
    if len(shapes) > 1 or not all(isinstance(size, int | None) for size in shapes[0]):
        raise NetworkError(f"{network} is a subclassed model with several inputs, of which only Functional models tell")
    return (NetworkInput("inputs", (None, *shapes[0][1:]), "float32"),)


def keeps_channels_first(model: KerasModel) -> bool:
    """Whether the first convolution of the model has its channels before height and width."""
    formats = (layer.data_format for layer in named_layers(model).values() if isinstance(layer, CONVOLUTIONS))
    return next(formats, "channels_last") == "channels_first"


def _beyond_the_image(function: Any, inputs: Sequence[NetworkInput], image: ImageInput) -> dict[Any, str]:
    """{operation: why what depends on it cannot be drawn}: the other inputs, and the counters of loops."""
    reasons = {
        function.inputs[place].op: f"needs the input `{entry.name}` {shown_shape(entry.shape)} beside the image"
        for place, entry in enumerate(inputs)
        if place != image.position
    }
    given = {tensor.op for tensor in function.graph.inputs}
    # tf.vectorized_map traces its body around a placeholder for the step; what is noted there is no step's value.
    steps = (op for op in function.graph.get_operations() if op.type.startswith("Placeholder") and op not in given)
    return {**reasons, **dict.fromkeys(steps, IN_A_LOOP)}


def _dependents(graph: Any, reasons: Mapping[Any, str]) -> dict[Any, str]:
    """The same reasons for all operations that depend on these."""
    found = dict(reasons)
    if found:
        for operation in graph.get_operations():  # in the order in which they were made, after what they take
            inherited = next((found[tensor.op] for tensor in operation.inputs if tensor.op in found), None)
            if inherited is not None:
                found.setdefault(operation, inherited)
    return found


@dataclass(frozen=True, eq=False)
class _Traced:
    """One call, found in the graph: its place, and why it cannot be drawn."""

    shape: tuple[Size, ...] | None
    undrawable: str | None


class _Listing:
    """The notes of a traced pass, put in words and numbers.

    Attributes:
        entries: a LayerEntry a call, in the order in which the calls end; then the layers that are never called.
        spots, calls, given: for those that can be drawn.
    """

    def __init__(
        self,
        layers: Mapping[str, KerasLayer],
        notes: Sequence[CallNote],
        graph: Any,
        beyond: Mapping[Any, str],
        channels_first: bool,
    ) -> None:
        self._graph, self._beyond, self._channels_first = graph, beyond, channels_first
        paths = {id(layer): path for path, layer in layers.items()}
        times = Counter(id(note.layer) for note in notes)
        entries: list[LayerEntry] = []
        self.spots: dict[int, Spot] = {}
        self.calls: dict[int, tuple[KerasLayer, int]] = {}
        self.given: dict[int, Any] = {}
        for index, note in enumerate(notes):
            path = paths[id(note.layer)] + (f"#{note.number + 1}" if times[id(note.layer)] > 1 else "")
            traced = self._traced(note)
            entries.append(_entry(index, path, note.layer, traced))
            if traced.undrawable is None:
                self.spots[index] = Spot(note.output, note.before_activation, self._is_channels_first(note.layer))
                self.calls[index] = note.layer, note.number
                self.given[index] = note.given
        for path, layer in layers.items():
            if id(layer) not in times:
                entries.append(_entry(len(entries), path, layer, _Traced(None, "is never called on an image")))
        self.entries = tuple(entries)

    def _traced(self, note: CallNote) -> _Traced:
        if not tensorflow.is_tensor(note.output):
            return _Traced(None, f"gives {len(keras.tree.flatten(note.output))} tensors, not one")
        if note.output.graph is not self._graph:
            return _Traced(None, IN_A_LOOP)
        if note.output.shape.rank is None:
            return _Traced(None, "gives an output whose shape is not known beforehand")
        shape = tuple(note.output.shape[1:])
        if len(shape) == 3 and self._is_channels_first(note.layer):
            shape = (*shape[1:], shape[0])
        return _Traced(shape, self._beyond.get(note.output.op) or why_undrawable(shape))

    def _is_channels_first(self, layer: KerasLayer) -> bool:
        own = getattr(layer, "data_format", None)
        return self._channels_first if own is None else own == "channels_first"


def _entry(index: int, path: str, layer: KerasLayer, traced: _Traced) -> LayerEntry:
    return LayerEntry(
        index, path, type(layer).__name__, traced.shape, isinstance(layer, CONVOLUTIONS), traced.undrawable
    )
