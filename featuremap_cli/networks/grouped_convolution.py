"""The gradient of a grouped convolution, which Keras hides in a compiled function.

TensorFlow has no grouped convolution on a CPU except through its compiler XLA, so Keras puts each into a function of
its own that XLA must compile. A function that was read from a graph's definition has no gradient; this module gives it
the convolution's.
"""

from __future__ import annotations

from typing import Any

from featuremap_cli.networks.startup import tensorflow

GRADIENT = "FeaturemapGroupedConvolution"

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_SETTINGS = ("strides", "padding", "explicit_paddings", "dilations", "data_format")
_IMAGES = "_featuremap_images"


def mark_grouped_convolutions(definition: Any) -> None:
    """Let every call of a function that is one convolution have this module's gradient.

    Args:
        definition: a GraphDef, changed in place.
    """
    functions = {function.signature.name: function for function in definition.library.function}
    for node in definition.node:
        if node.op in _CALLS and (function := functions.get(node.attr["f"].func.name)) is not None:
            convolution = _only_convolution(function)
            if convolution is not None:
                node.attr["_gradient_op_type"].s = GRADIENT.encode()
                node.attr[_IMAGES].i = _argument(function, convolution.input[0])
                for setting in _SETTINGS:
                    node.attr[f"_featuremap_{setting}"].CopyFrom(convolution.attr[setting])


def _only_convolution(function: Any) -> Any | None:
    """The convolution of a function of two arguments that does nothing else."""
    working = [node for node in function.node_def if node.op not in ("Identity", "NoOp")]
    is_one = len(working) == 1 and working[0].op == "Conv2D" and len(function.signature.input_arg) == 2
    return working[0] if is_one else None


def _argument(function: Any, name: str) -> int:
    """The place among the function's arguments of what a node takes; identities are passed through."""
    arguments = [argument.name for argument in function.signature.input_arg]
    nodes = {node.name: node for node in function.node_def}
    while name not in arguments:
        name = nodes[name.partition(":")[0]].input[0]
    return arguments.index(name)


def _gradient(operation: Any, signal: Any) -> list[Any]:
    place = operation.get_attr(_IMAGES)
    images, kernel = operation.inputs[place], operation.inputs[1 - place]
    settings = {name: operation.get_attr(f"_featuremap_{name}") for name in _SETTINGS}

    def transposed(images: Any, kernel: Any, signal: Any) -> Any:
        return tensorflow.raw_ops.Conv2DBackpropInput(
            input_sizes=tensorflow.shape(images), filter=kernel, out_backprop=signal, **settings
        )

    result: list[Any] = [None, None]
    result[place] = tensorflow.function(transposed, jit_compile=True)(images, kernel, signal)
    return result


tensorflow.RegisterGradient(GRADIENT)(_gradient)
