"""Both engines on the same random operations; the NumPy engine itself is tested against plain tf.nn calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from featuremap_cli.arrays import FilterBank
from featuremap_cli.convolution import engine
from featuremap_cli.convolution.operation import Operation, Pool
from featuremap_cli.errors import UsageError
from featuremap_cli.networks import tensorflow_engine

steps = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def banks(draw, random, channels):
    kind = draw(st.sampled_from(["all", "every_channel", "depthwise"]))
    filters = draw(st.integers(1, 3)) * (channels if kind == "depthwise" else 1)
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    weights = random.normal(size=(*size, channels if kind == "all" else 1, filters)).astype(np.float32)
    bias = random.normal(size=filters).astype(np.float32)
    return FilterBank(weights, ("",) * filters, bias, kind, kind == "every_channel", kind == "depthwise")


@st.composite
def scenes(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.integers(1, 4))
    pixels = random.normal(size=(draw(st.integers(3, 14)), draw(st.integers(3, 14)), channels)).astype(np.float32)
    transpose = draw(st.booleans())
    operation = Operation(
        padding=draw(st.sampled_from(["same", "valid", 0, 1, 3])),
        border="zero" if transpose else draw(st.sampled_from(["zero", "reflect", "edge", "wrap"])),
        strides=draw(steps),
        dilation=draw(steps),
        flip=draw(st.booleans()),
        depthwise=draw(st.booleans()),
        transpose=transpose,
        activation=draw(st.sampled_from([None, "relu", "leaky-relu", "sigmoid", "tanh", "abs"])),
        pool=draw(
            st.sampled_from(
                [
                    None,
                    Pool("max"),
                    Pool("avg", (3, 2), (1, 2)),
                    Pool("max", (2, 2), (3, 3)),
                    Pool("avg", (3, 2), (2, 1), "same"),
                ]
            )
        ),
    )
    return pixels, [draw(banks(random, channels)) for _ in range(draw(st.integers(1, 3)))], operation


@given(scenes())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_both_engines_agree(scene):
    pixels, filters, operation = scene
    try:
        ours = engine.convolve(pixels, filters, operation)
    except UsageError:
        with pytest.raises(UsageError):
            tensorflow_engine.convolve(pixels, filters, operation)
        assume(False)
    theirs = tensorflow_engine.convolve(pixels, filters, operation)
    assert (ours.names, ours.layer) == (theirs.names, theirs.layer)
    assert theirs.maps.flags.c_contiguous
    assert theirs.maps.dtype == np.float32
    np.testing.assert_allclose(ours.maps, theirs.maps, rtol=1e-4, atol=5e-5)


def test_tensorflow_writes_nothing_on_stderr(tmp_path: Path) -> None:
    np.save(tmp_path / "tiny.npy", np.zeros((4, 4), np.float32))
    program = "import sys; from featuremap_cli.commands.app import main; sys.exit(main(sys.argv[1:]))"
    words = ("convolve", "tiny.npy", "-k", "box", "--engine", "tensorflow", "-q")
    loud = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=tmp_path, env=loud, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
