"""From what `--model` says to a network: a built-in name, keras:NAME, a model file, a SavedModel folder."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featuremap_cli.errors import NetworkError, UsageError
from featuremap_cli.networks.application_table import require_application
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.file_check import require_code, require_saved_model, require_sound_file
from featuremap_cli.networks.image_input import (
    Pixels,
    about_free_size,
    about_other_inputs,
    find_image_input,
    takes_size,
    wanted_size,
)
from featuremap_cli.networks.imported_code import require_modules
from featuremap_cli.networks.input import preprocessing_name
from featuremap_cli.sources.network_names import APPLICATION, nearest_applications
from featuremap_cli.sources.other_formats import other_format

if TYPE_CHECKING:
    from featuremap_cli.networks.network import Network


def load_network(
    spec: str,
    *,
    weights: str = "imagenet",
    unsafe: bool = False,
    input_size: Pixels | None = None,
    free_size: Pixels | None = None,
    imports: Sequence[str] = (),
) -> Network:
    """A network, ready to run; imports TensorFlow only where a layer of it is not known.

    Args:
        spec: a built-in name (`alexnet`), `keras:NAME` (keras.applications), a `.keras`, `.h5` or `.hdf5` file, or a
            SavedModel folder.
        weights: for `keras:NAME`: `imagenet`, `none` or a file of weights.
        unsafe: run the code that a model file may hold (Lambda layers).
        input_size: (width, height) to run at, in pixels; None for the network's own size, or each image's where the
            network takes any.
        free_size: the same for a network that takes any size where no `input_size` is given; a line among its
            `notices` says so.
        imports: modules that have the classes which a model file uses; imported before Keras reads it.

    Raises:
        NetworkError: no such network, a file that cannot be used, weights that cannot be had, a size that does not fit.
        UsageError: weights given for a network that has its own, or a module that cannot be imported.
    """
    if weights != "imagenet" and not spec.startswith(APPLICATION):
        raise UsageError(f"--weights is for keras:NAME; {spec} has its own weights: leave --weights out")
    require_modules(imports)
    known: Network | None = None
    told: tuple[str, ...] = ()
    if spec.startswith(APPLICATION):
        return _application(spec, weights, input_size, free_size, known=True)
    if spec in BUILTIN:
        known = _known_builtin(spec, input_size)
    elif not Path(spec).is_dir():
        path = _existing(spec)
        if path.suffix.lower() == ".onnx":
            return _onnx_file(path, input_size, free_size)
        require_sound_file(path, unsafe=unsafe)  # which loading does too, after seconds of importing Keras
        known, told = _known_file(path, input_size, free_size)
        if known is None:
            require_code(path, imports)
    if known is not None:
        return known
    network = load_in_tensorflow(
        spec, weights=weights, unsafe=unsafe, input_size=input_size, free_size=free_size, imports=imports
    )
    return replace(network, notices=(*network.notices, *told))


def load_in_tensorflow(
    spec: str,
    *,
    weights: str = "imagenet",
    unsafe: bool = False,
    input_size: Pixels | None = None,
    free_size: Pixels | None = None,
    imports: Sequence[str] = (),
) -> Network:
    """The same network, run by TensorFlow whatever it is made of; arguments and errors as in `load_network`."""
    if spec.startswith(APPLICATION):
        return _application(spec, weights, input_size, free_size, known=False)
    if spec in BUILTIN:
        return _builtin(spec, input_size)
    path = _existing(spec)
    if path.is_dir():
        return _saved_model(path, unsafe, input_size, free_size)
    return _keras_file(path, unsafe, input_size, free_size, imports)


def _existing(spec: str) -> Path:
    path = Path(spec)
    if not path.exists():
        raise NetworkError(_no_such_network(spec))
    return path


def _onnx_file(path: Path, input_size: Pixels | None, free_size: Pixels | None) -> Network:
    from featuremap_cli.networks.onnx_files.loading import load_onnx_file

    return load_onnx_file(path, input_size, free_size)


def _known_builtin(name: str, input_size: tuple[int, int] | None) -> Network | None:
    from featuremap_cli.networks.configuration.loading import load_known_builtin

    return load_known_builtin(BUILTIN[name], input_size)


def _known_file(
    path: Path, input_size: Pixels | None, free_size: Pixels | None
) -> tuple[Network | None, tuple[str, ...]]:
    from featuremap_cli.networks.configuration.loading import NotUnderstoodError, load_known_file

    try:
        return load_known_file(path, input_size, free_size), ()
    except NotUnderstoodError as error:
        return None, (_about_fault(path.name, error),)


def _about_fault(name: str, error: Exception) -> str:
    return (
        f"{name} is run by TensorFlow, which starts slowly: it should have been read without ({error}); this is a "
        "fault of featuremap's own, please report it"
    )


def _builtin(name: str, input_size: tuple[int, int] | None) -> Network:
    from featuremap_cli.networks import startup  # noqa: F401  # quiet, before the builder's own import of Keras

    network = BUILTIN[name]
    return _of_model(network.build(), name, input_size, preprocessing_name(network.preprocessing))


def _application(
    spec: str, weights: str, input_size: Pixels | None, free_size: Pixels | None, *, known: bool
) -> Network:
    name = spec.removeprefix(APPLICATION)
    require_application(name)
    from featuremap_cli.networks.applications import application_preprocessing, build_application
    from featuremap_cli.networks.configuration.loading import NotUnderstoodError, load_known_model

    model, preprocessing = build_application(name, weights, input_size), application_preprocessing(name)
    try:
        found = load_known_model(model, spec, input_size, preprocessing, free_size) if known else None
    except NotUnderstoodError as error:
        network = _of_model(model, spec, input_size, preprocessing, free_size)
        return replace(network, notices=(*network.notices, _about_fault(spec, error)))
    return found or _of_model(model, spec, input_size, preprocessing, free_size)


def _keras_file(
    path: Path, unsafe: bool, input_size: Pixels | None, free_size: Pixels | None, imports: Sequence[str]
) -> Network:
    from featuremap_cli.networks.keras_files import load_keras_file

    model = load_keras_file(path, unsafe=unsafe, imports=imports)
    return _of_model(model, path.name, input_size, free_size=free_size)


def _of_model(
    model: Any,
    name: str,
    input_size: Pixels | None,
    preprocessing: str | None = None,
    free_size: Pixels | None = None,
) -> Network:
    """A network from a Keras model; a preprocessing that is not given is guessed, and the guess said."""
    from featuremap_cli.networks.keras_preprocessing import guess_model_preprocessing
    from featuremap_cli.networks.keras_recorder import KerasRecorder, keeps_channels_first, model_inputs
    from featuremap_cli.networks.network import Network
    from featuremap_cli.networks.resizing import resized_model

    channels_first = keeps_channels_first(model)
    image = find_image_input(model_inputs(model, name), name, channels_first=channels_first)
    if input_size is not None and not takes_size(image, input_size):
        model = resized_model(model, image, input_size, name)
        image = find_image_input(model_inputs(model, name), name, channels_first=channels_first)
    size = wanted_size(image, input_size, free_size)
    image = image if size is None else replace(image, width=size[0], height=size[1])
    inputs = model_inputs(model, name)
    recorder = KerasRecorder(model, inputs, image, name)
    notices = (*_about_size(name, size, input_size), *about_other_inputs(inputs, image, name))
    if preprocessing is None:
        return Network.guessed(
            name, image, guess_model_preprocessing(recorder, name, image.channels), notices, recorder
        )
    return Network(name, image, preprocessing, notices, recorder)


def _saved_model(folder: Path, unsafe: bool, input_size: Pixels | None, free_size: Pixels | None) -> Network:
    require_saved_model(folder)
    from featuremap_cli.networks.network import Network
    from featuremap_cli.networks.saved_model import (
        find_saved_model_input,
        function_inputs,
        guess_saved_model_preprocessing,
        load_saved_model,
        saved_model_recorder,
    )

    function = load_saved_model(folder, unsafe=unsafe)
    name = folder.resolve().name
    image = find_saved_model_input(function, name)
    if input_size is not None and not takes_size(image, input_size):
        raise NetworkError(
            f"{name} takes images of {image.width} x {image.height} pixels, and a SavedModel cannot be rebuilt "
            "for another size: leave --input-size out"
        )
    size = wanted_size(image, input_size, free_size)
    image = image if size is None else replace(image, width=size[0], height=size[1])
    guess = guess_saved_model_preprocessing(function, image, name)
    notices = (*_about_size(name, size, input_size), *about_other_inputs(function_inputs(function), image, name))
    return Network.guessed(name, image, guess, notices, saved_model_recorder(function, image, name))


def _about_size(name: str, size: Pixels | None, input_size: Pixels | None) -> tuple[str, ...]:
    """What to say of the size that a network is run at: nothing of one that was asked for, or of its own."""
    return () if size is None or size == input_size else (about_free_size(name, size),)


def _no_such_network(spec: str) -> str:
    name, _, layer = spec.partition(":")
    with_layer = f" with --layer {layer}" if layer else ""
    if layer and Path(name).exists():
        return f"no such network: {spec}; did you mean {name}{with_layer}?"
    if (Path(spec).suffix and not layer) or "/" in spec:
        other = other_format(spec)
        return (
            f"no such network: {spec}; expected a .keras, .h5, .hdf5 or .onnx file or a SavedModel folder that exists"
        ) + ("" if other is None else f"; {other.as_network}")
    near = difflib.get_close_matches(name.lower(), BUILTIN, n=1) or [
        f"{APPLICATION}{known}" for known in nearest_applications(name)
    ]
    remedy = (
        f"did you mean {near[0]}{with_layer}?" if near else f"expected {', '.join(BUILTIN)}, keras:NAME, or a file;"
    )
    return f"no such network: {spec}; {remedy} `featuremap networks` lists what is built in"
