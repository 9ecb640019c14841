"""The layer records of a network that Keras or TensorFlow runs.

A Sequential or Functional Keras model says how its layers are connected; nested ones are walked through. What a
subclassed model or block does between its layers cannot be read: its layers have their own numbers, their place in the
graph is unknown. A SavedModel says what its layers give, no more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from featuremap_cli.analysis.layers import LayerFacts, LayerGraph, LayerRecord, Shape, View
from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.keras_kinds import kind_of, window_of
from featuremap_cli.networks.keras_recorder import KerasRecorder, model_inputs
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.layer_facts import TensorShape, facts_of, image_record, image_shape
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.operation_kinds import ELEMENTWISE
from featuremap_cli.networks.startup import Functional, keras
from featuremap_cli.networks.walk import KerasLayer, KerasModel, is_container, named_layers

KerasTensor = Any


def traced_graph(network: Network, shape: Shape) -> LayerGraph:
    """The graph of a network's layers; see `records.network_graph`.

    Args:
        network: a Keras model or a SavedModel.
        shape: (height, width, channels) of the image.
    """
    if not isinstance(network.recorder, KerasRecorder):
        return LayerGraph(network.name, shape, (image_record(shape), *_unconnected(network.layers(), {})), ())
    return _Reader(network.recorder.model, network.input, network.layers(), shape).graph(network.name)


class _Reader:
    """Walks a model in the order in which it runs and notes a record for each call.

    Args:
        model: any Keras model.
        image: its input that takes the image.
        entries: its layers, as `Network.layers` lists them.
        shape: (height, width, channels) of the image.
    """

    def __init__(self, model: KerasModel, image: ImageInput, entries: Sequence[LayerEntry], shape: Shape) -> None:
        self._model, self._image, self._shape = model, image, shape
        self._layers = named_layers(model)
        self._paths = {id(layer): path for path, layer in self._layers.items()}
        self._entries = {entry.path: entry for entry in entries}
        self._records: list[LayerRecord] = []
        self._places: dict[int, int] = {}
        self._kept: list[KerasTensor] = []
        self._calls: Counter[int] = Counter()

    def graph(self, name: str) -> LayerGraph:
        """The records of the whole model."""
        if not is_container(self._model):
            self._note(image_record(self._shape), None)
            counted = self._inner_records(self._model, "")
            own = LayerFacts(None, self._model.count_params() - counted, None, View.UNKNOWN)
            self._note(LayerRecord(None, self._model.name, type(self._model).__name__, (), own, None), None)
            return LayerGraph(name, self._shape, tuple(self._records), ())
        tensors = [self._input(place, entry.shape) for place, entry in enumerate(model_inputs(self._model, name))]
        outputs = keras.tree.flatten(self._run(self._model, tensors))
        return LayerGraph(
            name, self._shape, tuple(self._records), tuple(sorted({self._places[id(tensor)] for tensor in outputs}))
        )

    def _input(self, place: int, shape: TensorShape) -> KerasTensor:
        """A symbolic input of known size, and its record: the image, or something that is no image."""
        if place == self._image.position:
            tensor = keras.KerasTensor((1, *self._image.shape[1:]))
            self._note(image_record(self._shape), tensor)
            return tensor
        sizes = tuple(size or 1 for size in shape[1:])
        facts = LayerFacts(image_shape(sizes), 0, 0, View.NOTHING)
        tensor = keras.KerasTensor((1, *sizes))
        self._note(LayerRecord(None, f"input{place + 1}", "InputLayer", (), facts, math.prod(sizes)), tensor)
        return tensor

    def _run(self, model: KerasModel, tensors: Sequence[KerasTensor]) -> Any:
        """Walk a Sequential or Functional model as Keras runs it."""
        function = model if isinstance(model, Functional) else model._functional
        return function._run_through_graph(list(tensors), call_fn=self._call)

    def _call(self, layer: KerasLayer, *arguments: Any, **named: Any) -> Any:
        """Note the call of a layer or operation; return symbolic outputs."""
        inputs = [tensor for tensor in keras.tree.flatten((arguments, named)) if id(tensor) in self._places]
        if is_container(layer):
            return self._run(layer, inputs)
        outputs = layer.compute_output_spec(*arguments, **named)
        if isinstance(layer, keras.layers.SpectralNormalization):
            return self._wrapped(layer, inputs, outputs)
        isolated = self._inner_records(layer, f"{self._paths.get(id(layer), layer.name)}/")
        self._note_call(layer, inputs, outputs, isolated, given=(*arguments, *named.values()))
        return outputs

    def _wrapped(self, wrapper: KerasLayer, inputs: Sequence[KerasTensor], outputs: KerasTensor) -> KerasTensor:
        """A wrapper that changes the weights of its layer alone: the layer's record, then its own."""
        inner = keras.KerasTensor(outputs.shape)
        own = self._note_call(wrapper.layer, inputs, inner, 0)
        facts = LayerFacts(own.facts.output_shape, None, 0, View.POINT)
        self._note_call(wrapper, [inner], outputs, own.facts.parameters or 0, facts)
        return outputs

    def _note_call(
        self,
        layer: KerasLayer,
        inputs: Sequence[KerasTensor],
        outputs: Any,
        counted: int,
        facts: LayerFacts | None = None,
        given: Sequence[Any] = (),
    ) -> LayerRecord:
        """Note a record for a call; `counted` of the layer's parameters have a record of their own."""
        flat = keras.tree.flatten(outputs)
        facts = facts or self._facts(layer, inputs, flat, given)
        first_time = self._calls[id(layer)] == 0
        own = layer.count_params() - counted if first_time and isinstance(layer, keras.layers.Layer) else 0
        index, path = self._name(layer)
        record = LayerRecord(
            index,
            path,
            type(layer).__name__,
            tuple(dict.fromkeys(self._places[id(tensor)] for tensor in inputs)),
            replace(facts, parameters=own),
            sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in flat),
            window_of(layer),
        )
        self._note(record, *flat)
        return record

    def _note(self, record: LayerRecord, *tensors: KerasTensor) -> None:
        """Keep a record, and whose outputs these tensors are."""
        self._places.update((id(tensor), len(self._records)) for tensor in tensors if tensor is not None)
        self._kept += tensors  # alive, so that no other tensor gets the same id
        self._records.append(record)

    def _name(self, layer: KerasLayer) -> tuple[int | None, str]:
        """Index and path of this call of a layer."""
        self._calls[id(layer)] += 1
        path = self._paths.get(id(layer), layer.name)
        entry = self._entries.get(path) or self._entries.get(f"{path}#{self._calls[id(layer)]}")
        return (None, path) if entry is None else (entry.index, entry.path)

    def _facts(
        self,
        layer: KerasLayer,
        inputs: Sequence[KerasTensor],
        outputs: Sequence[KerasTensor],
        given: Sequence[Any],
    ) -> LayerFacts:
        """What is known of a call; see `layer_facts.facts_of`."""
        if not outputs or not inputs:
            return LayerFacts(None, None, None, View.UNKNOWN)
        before = [self._channels_last(tensor.shape) for tensor in inputs]
        after = self._channels_last(outputs[0].shape)
        # What is written for channels in the last axis is read otherwise where they are in the first.
        turned = self._image.channels_first and not isinstance(layer, keras.layers.Layer)
        kind = kind_of(layer, before, after, given) if not turned or _is_elementwise(layer) else View.UNKNOWN
        if len(outputs) > 1:
            known = kind is View.POINT
            return LayerFacts(None, None, 0 if known else None, View.POINT if known else View.UNKNOWN)
        return facts_of(kind, before[0], after, _macs_of_weights(layer, after))

    def _channels_last(self, shape: TensorShape) -> TensorShape:
        """A tensor's shape without the batch axis, channels last."""
        sizes = shape[1:]
        turned = self._image.channels_first and len(sizes) == 3
        return (*sizes[1:], sizes[0]) if turned else tuple(sizes)

    def _inner_records(self, layer: KerasLayer, prefix: str) -> int:
        """Note the layers inside a block that cannot be read; return how many parameters they have."""
        if not isinstance(layer, keras.layers.Layer):
            return 0
        inner = {path: one for path, one in self._layers.items() if path.startswith(prefix)}
        if self._calls[id(layer)] or not inner:
            return 0
        entries = [entry for path in self._entries if (entry := self._entries[path]) and _path_of(entry) in inner]
        records = _unconnected(entries, inner)
        for record in records:
            self._note(record, None)
        return sum(record.facts.parameters or 0 for record in records)


def _is_elementwise(operation: Any) -> bool:
    return type(operation).__name__ in ELEMENTWISE


def _path_of(entry: LayerEntry) -> str:
    """The path of the layer that an entry is a call of."""
    return entry.path.rpartition("#")[0] or entry.path


def _unconnected(entries: Sequence[LayerEntry], layers: dict[str, KerasLayer]) -> list[LayerRecord]:
    """Records of layers of which it is not known what they read; without Keras layers, shapes are all there is."""
    records: list[LayerRecord] = []
    seen: set[int] = set()
    for entry in entries:
        layer = layers.get(_path_of(entry))
        shape = entry.output_shape
        known = shape is not None and None not in shape
        sizes = tuple(int(size or 0) for size in shape) if shape is not None and known else ()
        image_shape = (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else (1, 1, *sizes) if len(sizes) == 1 else None
        parameters = None if layer is None else 0 if id(layer) in seen else _own_parameters(layer)
        macs = None if layer is None or not sizes else _macs_of_weights(layer, sizes)
        facts = LayerFacts(image_shape, parameters, macs, View.UNKNOWN)
        window, values = None if layer is None else window_of(layer), math.prod(sizes) if known else None
        records.append(LayerRecord(entry.index, entry.path, entry.type, (), facts, values, window))
        seen.add(id(layer))
    return records


def _own_parameters(layer: KerasLayer) -> int:
    """The weights that a layer holds itself, without those of the layers inside it."""
    inside = {id(weight) for one in layer._flatten_layers(include_self=False) for weight in one.weights}
    return sum(math.prod(weight.shape) for weight in layer.weights if id(weight) not in inside)


def _macs_of_weights(layer: KerasLayer, output: TensorShape) -> int | None:
    """Multiplications of a layer that applies its weights at every position of its output; None for other kinds."""
    if None in output:
        return None
    kind = kind_of(layer, [output], output)
    if kind is View.POINT:
        return 0
    if isinstance(layer, keras.layers.Conv2DTranspose) or isinstance(kind, View):
        return None
    kernels = [weight for weight in getattr(layer, "weights", ()) if weight.name.endswith("kernel")]
    weights: int = sum(math.prod(kernel.shape) for kernel in kernels)
    return math.prod(int(size or 0) for size in output[:-1]) * weights
