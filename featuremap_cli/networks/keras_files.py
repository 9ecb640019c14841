"""Keras models from files: `.keras`, and `.h5`/`.hdf5` of Keras 2 and 3."""

from __future__ import annotations

import re
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.file_check import foreign_class, missing_code, require_sound_file
from featuremap_cli.networks.imported_code import import_modules
from featuremap_cli.networks.recording import RUN_ERRORS, first_line
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import KerasModel

LOADING_ERRORS = (
    *RUN_ERRORS,
    OSError,
    KeyError,
    IndexError,
    AttributeError,
    ImportError,
    RuntimeError,
    zipfile.BadZipFile,
)
"""What Keras, h5py and zipfile raise for a file that is not as it should be."""

_MISSING_CLASS = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown (?:layer|object|\w+ function):?) '([^']+)'"
)


def load_keras_file(path: Path, *, unsafe: bool = False, imports: Sequence[str] = ()) -> KerasModel:
    """A model from its file, without its training configuration.

    Args:
        path: a `.keras` or HDF5 file; what it is is told by its first bytes, not by its name.
        unsafe: run the Python code in it, if there is any.
        imports: modules that have the classes it uses; imported first.

    Raises:
        NetworkError: the file is damaged, encrypted or something else, it holds code, or needs classes that are not
            in it.
        UsageError: a module that cannot be imported.
    """
    require_sound_file(path, unsafe=unsafe)
    own = import_modules(imports)
    is_archive = zipfile.is_zipfile(path)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about optimizers and names, which are of no concern here
        named = path
        if path.suffix not in ((".keras",) if is_archive else (".h5", ".hdf5")):
            # Keras goes by the name's ending.
            named = Path(folder) / f"model{'.keras' if is_archive else '.h5'}"
            named.symlink_to(path.resolve())
        try:
            return keras.models.load_model(
                named,
                compile=False,
                safe_mode=not unsafe,
                custom_objects=own if is_archive else {**own, "DepthwiseConv2D": _keras_2_depthwise()},
            )
        except LOADING_ERRORS as error:
            raise _problem(path, error, imports) from error


def load_weights(model: KerasModel, path: Path) -> None:
    """Fill a model with the weights of a file: `.weights.h5`, a Keras 2 weights `.h5`, or a whole saved model.

    Raises:
        NetworkError: no such file, or its weights do not fit the model.
    """
    if not path.is_file():
        raise NetworkError(f"{path}: no such file; expected weights for {model.name} (.h5 or .keras) after --weights")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except LOADING_ERRORS as error:
        raise NetworkError(
            f"{path} does not hold the weights of {model.name}: {first_line(error)}; expected a file that "
            f"model.save_weights wrote for the same network"
        ) from error


def _keras_2_depthwise() -> type:
    """DepthwiseConv2D as Keras 2 wrote it, with a `groups` of 1, which Keras 3 refuses."""

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
        def __init__(self, *arguments: Any, groups: int = 1, **settings: Any) -> None:
            super().__init__(*arguments, **settings)

    return DepthwiseConv2D


def _problem(path: Path, error: BaseException, imports: Sequence[str]) -> NetworkError:
    missing = _MISSING_CLASS.search(str(error))
    if missing and missing[1] in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
        return NetworkError(
            f"{path} has TensorFlow operations of Keras 2 as layers ({missing[1]}), which Keras 3 does not read: "
            "save it as a SavedModel with TensorFlow 2.15 or older and give the folder"
        )
    if missing:
        return missing_code(path, foreign_class(path, missing[1]), imports)
    return NetworkError(f"{path} cannot be loaded by Keras {keras.__version__}: {first_line(error)}")
