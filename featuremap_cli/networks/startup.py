"""Keras and TensorFlow, started quietly: the one place that imports them first.

TensorFlow's C++ side writes to file descriptor 2 while it is loaded and while it looks for devices (oneDNN, CUDA,
instruction sets), before any log level is read; a command line whose stderr is for its own words has to close that
door while it happens. What goes wrong later is raised as an exception.

What has no public name in Keras and TensorFlow is imported here too, and nowhere else.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """File descriptor 2 leads nowhere inside the block; Python's own stderr is flushed first."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed by whoever started us: silent already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


os.environ["KERAS_BACKEND"] = "tensorflow"  # recording works on TensorFlow's graph, whatever keras.json prefers
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _silent_stderr():
    import keras
    import tensorflow
    from keras.src.models.functional import Functional
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    tensorflow.config.list_physical_devices()
logging.getLogger("absl").setLevel(logging.ERROR)
tensorflow.get_logger().setLevel(logging.ERROR)

__all__ = ["Functional", "SavedModel", "convert_variables_to_constants_v2", "keras", "tensorflow"]
