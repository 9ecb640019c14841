"""ONNX Runtime, the one place that knows it: from a graph to a session that makes chosen values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from numpy.typing import NDArray

from featuremap_cli.graph.encoding import ValueType, encode_model
from featuremap_cli.graph.nodes import Node

_ASKED_FOR = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables by which a shell, or a run with several processes, says how many threads a process may use."""


_NUMBERED = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")

_COPIED_BYTES = 1024
"""Arrays up to this size are written into the model, where the runtime's rewriting of the graph can see them."""

_FED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    **{f"tensor({name})": name for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")},
}
"""NumPy's names for the runtime's."""


class GraphError(Exception):
    """A graph that the runtime does not take, or cannot run on what it is given."""


class Session:
    """A graph, ready to run. It computes all of its outputs at every run.

    Args:
        nodes: each after those whose values it takes.
        inputs: what is fed in, by name.
        outputs: names of the values that are wanted.
        arrays: values that are known beforehand; those that no node takes do no harm. Large ones are not copied.
        opsets: {domain: version} of the operators; ONNX's own at `nodes.OPSET` by default.
        optimized: let the runtime rewrite the graph first; no for a graph that is only asked for its shapes.
        lasting: whether there will be many runs. The runtime lays weights out anew for its fastest kernels, which takes
            as long as several runs and three times their memory. Where there will be few, they are given to it at each
            run, as an image is: 35 ms to begin with instead of 540 for ResNet50, and 140 a run instead of 90.

    Attributes:
        outputs: the values that it makes, by name, as far as the runtime knows beforehand what they are: a size that
            it does not know is None.

    Raises:
        GraphError: the runtime does not take the graph.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        inputs: Mapping[str, ValueType],
        outputs: Sequence[str],
        arrays: Mapping[str, NDArray[Any]],
        opsets: Mapping[str, int] | None = None,
        *,
        optimized: bool = True,
        lasting: bool = True,
    ) -> None:
        onnxruntime = _runtime()
        taken = {name for node in nodes for name in (*node.inputs, *node.captured)}
        used = {name: array for name, array in arrays.items() if name in taken}
        external = {name: array for name, array in used.items() if array.nbytes > _COPIED_BYTES}
        fed = {} if lasting else _feedable(nodes, external)
        lent = {name: array for name, array in external.items() if name not in fed}
        model = encode_model(
            nodes,
            {**inputs, **_types(fed)},
            outputs,
            {name: array for name, array in used.items() if name not in external},
            _types(lent),
            opsets,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = allowed_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised, and told in our words
        # A pool of memory that never shrinks: 387 MB for ResNet50 where 255 do.
        options.enable_cpu_mem_arena = False
        # Threads that wait in a busy loop take the core from the other processes of a batch.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        level = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
        if lent:
            values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in lent.values()]
            options.add_external_initializers(list(lent), values)
        self._lent, self._fed = lent, fed  # the runtime points at those that are lent
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own errors share no other base
            raise GraphError(_reason(error)) from error
        self.outputs = {
            output.name: ValueType(
                _DTYPES.get(output.type, output.type),
                tuple(size if isinstance(size, int) else None for size in output.shape),
            )
            for output in self._session.get_outputs()
        }

    def run(self, given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The values of `outputs`, in their order.

        Raises:
            GraphError: the graph cannot run on what it is given.
        """
        try:
            return list(self._session.run(None, {**given, **self._fed}))
        except Exception as error:
            raise GraphError(_reason(error)) from error


def _feedable(nodes: Sequence[Node], arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights that may be given at each run: those of operators that compute alike whether or not they know them."""
    others = {name for node in nodes if node.operator not in _FED for name in (*node.inputs, *node.captured)}
    return {name: array for name, array in arrays.items() if name not in others and array.dtype.name == "float32"}


def _types(arrays: Mapping[str, NDArray[Any]]) -> dict[str, ValueType]:
    return {name: ValueType(array.dtype.name, array.shape) for name, array in arrays.items()}


@cache
def _runtime() -> Any:
    """The package, kept from telling its makers that it runs; it would leave files in the user's home, too."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def allowed_threads() -> int:
    """How many threads a session may use: as many as the variables say, else one for each core."""
    asked = [int(value) for name in _ASKED_FOR if (value := os.environ.get(name, "")).isdigit() and int(value) > 0]
    return min(asked) if asked else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def _reason(error: Exception) -> str:
    """The runtime's first line without its number and name of the error."""
    first = " ".join(str(error).split("\n", 1)[0].split())
    return _NUMBERED.sub("", first)


def value_types(
    nodes: Sequence[Node],
    inputs: Mapping[str, ValueType],
    arrays: Mapping[str, NDArray[Any]],
    opsets: Mapping[str, int] | None = None,
) -> dict[str, ValueType]:
    """What every value of a graph is, as far as the runtime can tell without running it.

    Args:
        nodes, inputs, arrays, opsets: as of `Session`.

    Raises:
        GraphError: the runtime does not take the graph.
    """
    made = [name for node in nodes for name in node.outputs if name]
    return {**inputs, **Session(nodes, inputs, made, arrays, opsets, optimized=False).outputs}
