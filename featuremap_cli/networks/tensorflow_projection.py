"""Projections of a network that TensorFlow runs; what they are is said in `projection`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.errors import NetworkError
from featuremap_cli.graph.gradient_rules.backward import Method
from featuremap_cli.networks.grouped_convolution import mark_grouped_convolutions
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.projection import WHOLE_MAP, Place
from featuremap_cli.networks.recording import RUN_ERRORS, GraphRecorder, first_line, graph_recorder
from featuremap_cli.networks.rectifiers import Activations, Rectifier, find_activations
from featuremap_cli.networks.startup import convert_variables_to_constants_v2, tensorflow

_GRADIENT = "_gradient_op_type"


class TensorFlowProjector:
    """Projects the activations of one layer of one network, by one method.

    Args:
        network: ready to run.
        layer: one of its layers that has feature maps.
        method: `deconvnet`, `guided` or `gradient`.
        is_turned: its channels are in the order BGR.

    Attributes:
        others: names of the activations between the image and the layer that keep their own gradient, `ELU`; empty
            for the method `gradient`, where all of them do.

    Raises:
        NetworkError: the network cannot be turned into a graph, or has no gradient between the layer and the image.
    """

    def __init__(self, network: Network, layer: LayerEntry, method: Method, is_turned: bool) -> None:
        self._network, self._layer, self._turned = network, layer, is_turned
        recorder = graph_recorder(network.recorder)
        self._first = recorder.is_channels_first(layer)
        frozen, definition = _frozen(recorder, layer)
        found = find_activations(frozen.graph.get_operations())
        self.others = () if method == "gradient" else found.others
        _replace_gradients(definition, found, method)
        self._run = self._traced(frozen, definition)

    def project(self, batch: Float32, places: Sequence[Place]) -> Float32:
        """See `projection.Projector`."""
        target = self._network.input
        ordered = np.moveaxis(batch, -1, 1) if target.channels_first else batch
        is_whole_number = np.issubdtype(tensorflow.dtypes.as_dtype(target.dtype).as_numpy_dtype, np.integer)
        typed = np.rint(ordered) if is_whole_number else ordered
        step = target.images or len(batch)
        pieces = []
        for start in range(0, len(batch), step):
            images, chosen = typed[start : start + step], places[start : start + step]
            missing = step - len(images)
            filled = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
            pieces.append(self._projected(filled, [*chosen, *[chosen[-1]] * missing])[: len(images)])
        result = np.concatenate(pieces)
        result = np.moveaxis(result, 1, -1) if target.channels_first else result
        return np.ascontiguousarray(result[..., ::-1] if self._turned and result.shape[-1] == 3 else result)

    def _projected(self, images: Any, places: Sequence[Place]) -> Float32:
        numbers = np.array([(place.filter, place.row, place.column) for place in places], np.int32)
        try:
            projected = self._run(
                tensorflow.constant(images, dtype=self._network.input.dtype), tensorflow.constant(numbers)
            )
        except RUN_ERRORS as error:
            raise NetworkError(
                f"{self._network.name} cannot project {self._layer.path} on images of {images.shape[1:]}: "
                f"{first_line(error)}"
            ) from error
        return np.asarray(projected, np.float32)

    def _traced(self, frozen: Any, definition: Any) -> Any:
        """The function from images and places, int32 (images, 3), to projections."""
        names = frozen.inputs[0].name, frozen.outputs[0].name

        def run(images: Any, places: Any) -> Any:
            (output,) = tensorflow.graph_util.import_graph_def(
                definition, input_map={names[0]: images}, return_elements=[names[1]], name="network"
            )
            sources = _differentiable(images)
            maps = tensorflow.transpose(output, [0, 2, 3, 1]) if self._first else output
            chosen = tensorflow.gather(maps, places[:, 0], axis=-1, batch_dims=1)
            slopes = tensorflow.gradients(chosen, sources, grad_ys=_seed(chosen, places))
            if any(slope is None for slope in slopes):
                raise NetworkError(
                    f"{self._layer.path} in {self._network.name} has no gradient on the way to the image"
                )
            return tensorflow.add_n([tensorflow.cast(slope, "float32") for slope in slopes])

        signature = [
            tensorflow.TensorSpec(frozen.inputs[0].shape, frozen.inputs[0].dtype),
            tensorflow.TensorSpec((None, 3), "int32"),
        ]
        try:
            return tensorflow.compat.v1.wrap_function(run, signature)
        except (LookupError, *RUN_ERRORS) as error:
            raise NetworkError(
                f"{self._layer.path} in {self._network.name} cannot be projected: {first_line(error)}"
            ) from error


def _frozen(recorder: GraphRecorder, layer: LayerEntry) -> tuple[Any, Any]:
    """The network up to a layer as a function whose graph holds the weights, and that graph's definition.

    Functions that the graph calls are set into it.
    """
    try:
        frozen = convert_variables_to_constants_v2(recorder.cut_to(layer))
        return frozen, frozen.graph.as_graph_def()
    except RUN_ERRORS as error:
        raise NetworkError(
            f"{layer.path} in {recorder.network} cannot be projected, its weights cannot be put into one graph: "
            f"{first_line(error)}"
        ) from error


def _replace_gradients(definition: Any, found: Activations, method: Method) -> None:
    """Name in a graph's definition, changed in place, the gradients that the method and this machine need."""
    for node in definition.node:
        node.attr.pop(_GRADIENT, None)  # a custom gradient belongs to the graph in which it was made
        if method != "gradient" and node.name in found.rectifiers:
            node.attr[_GRADIENT].s = _gradient_name(method, found.rectifiers[node.name]).encode()
    mark_grouped_convolutions(definition)


def _seed(chosen: Any, places: Any) -> Any:
    """What is sent back from the chosen filters' maps, (images, height, width): 1 at the place, or the whole map.

    The paper sends back the activation itself, which changes the projection's scale alone, but for one that is zero.
    """
    shape = tensorflow.shape(chosen)
    rows = tensorflow.one_hot(places[:, 1], shape[1], dtype=chosen.dtype)
    columns = tensorflow.one_hot(places[:, 2], shape[2], dtype=chosen.dtype)
    single = rows[:, :, None] * columns[:, None, :]
    fires = tensorflow.cast(tensorflow.not_equal(chosen, 0), chosen.dtype)
    is_whole = tensorflow.equal(places[:, 1], WHOLE_MAP)[:, None, None]
    return tensorflow.where(is_whole, tensorflow.maximum(tensorflow.stop_gradient(chosen), 0), single * fires)


def _differentiable(images: Any) -> list[Any]:
    """The tensors to differentiate by: the images, or where these are whole numbers, what they are first cast to."""
    if images.dtype.is_floating:
        return [images]
    return [user.outputs[0] for user in images.consumers() if user.type == "Cast"]


def _gradient_name(method: Method, rectifier: Rectifier) -> str:
    """What a replaced gradient is registered as in TensorFlow."""
    return f"Featuremap{method.capitalize()}{rectifier.value}"


def _signal_slope(operation: Any, signal: Any) -> Any:
    """What a rectifier lets through of a signal by the signal's own sign: all above zero, below it 0 or the slope."""
    slope = operation.get_attr("alpha") if operation.type == "LeakyRelu" else 0.0
    return tensorflow.where(signal > 0, signal, slope * signal)


def _own_gradient(operation: Any, signal: Any) -> Any:
    """A rectifier's gradient in calculus, for the input that is no constant."""
    values = _data(operation)
    if operation.type == "Relu6":
        return tensorflow.where((values > 0) & (values < 6), signal, tensorflow.zeros_like(signal))
    if operation.type == "LeakyRelu":
        return tensorflow.where(values > 0, signal, operation.get_attr("alpha") * signal)
    if operation.type in ("Minimum", "Maximum"):
        limit = _limit(operation)
        passes = values <= limit if operation.type == "Minimum" else values > limit
        return tensorflow.where(passes, signal, tensorflow.zeros_like(signal))
    return tensorflow.where(values > 0, signal, tensorflow.zeros_like(signal))


def _is_constant(tensor: Any) -> bool:
    return tensorflow.get_static_value(tensor) is not None


def _data(operation: Any) -> Any:
    return next(tensor for tensor in operation.inputs if not _is_constant(tensor))


def _limit(operation: Any) -> Any:
    return next(tensor for tensor in operation.inputs if _is_constant(tensor))


def _spread(operation: Any, signal: Any) -> Any:
    """A gradient for each input of an operation: none for a constant."""
    signals = [None if _is_constant(tensor) else signal for tensor in operation.inputs]
    return signals[0] if len(signals) == 1 else signals


def _deconvnet(operation: Any, signal: Any) -> Any:
    return _spread(operation, _signal_slope(operation, signal))


def _guided(operation: Any, signal: Any) -> Any:
    return _spread(operation, _signal_slope(operation, _own_gradient(operation, signal)))


def _deconvnet_limit(operation: Any, signal: Any) -> Any:
    return _spread(operation, signal)


def _guided_limit(operation: Any, signal: Any) -> Any:
    return _spread(operation, _own_gradient(operation, signal))


for _rectifier in Rectifier:
    _limits = _rectifier is Rectifier.LIMIT
    tensorflow.RegisterGradient(_gradient_name("deconvnet", _rectifier))(_deconvnet_limit if _limits else _deconvnet)
    tensorflow.RegisterGradient(_gradient_name("guided", _rectifier))(_guided_limit if _limits else _guided)
