"""Files of networks and weights that are not read here, by the endings of their names, and what to do with each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

_SAVE = "save the network with model.save('NAME.keras')"
_EXPORT = "torch.onnx.export(model, image, 'NAME.onnx')"
_TENSOR = "numpy.save('NAME.npy', weight.detach().permute(2, 3, 1, 0).numpy())"
_ARRAY = "numpy.save('NAME.npy', kernel), (height, width, input_channels, filters)"


@dataclass(frozen=True)
class OtherFormat:
    """A kind of file that is not read.

    Attributes:
        endings: of names, in small letters.
        what: it is, after `is`.
        as_network: what to do where a network is wanted.
        as_filters: what to do where filters are wanted.
    """

    endings: tuple[str, ...]
    what: str
    as_network: str
    as_filters: str


_FORMATS = (
    OtherFormat(
        (".pt", ".pth"),
        "a file of PyTorch",
        f"PyTorch's networks come as ONNX: {_EXPORT}",
        f"give the tensor as .npy: {_TENSOR}",
    ),
    OtherFormat(
        (".safetensors", ".bin"),
        "a file of weights without a network",
        f"these are weights alone; with PyTorch, load them and {_EXPORT}",
        f"give the tensor as .npy: {_TENSOR}",
    ),
    OtherFormat(
        (".ckpt",),
        "a checkpoint, of PyTorch or of TensorFlow",
        f"load it into its network; then, with PyTorch, {_EXPORT}, with Keras, model.save('NAME.keras')",
        f"give the tensor as .npy: with PyTorch, {_TENSOR}, with TensorFlow, {_ARRAY}",
    ),
    OtherFormat(
        (".index", ".meta", ".data-00000-of-00001"),
        "a part of a checkpoint of TensorFlow",
        "load it into its network, and model.save('NAME.keras')",
        f"give the kernel as .npy: {_ARRAY}",
    ),
    OtherFormat(
        (".pb",),
        "a graph of TensorFlow",
        "give the folder of a SavedModel, which holds saved_model.pb",
        "give the folder of a SavedModel and a layer, as in FOLDER:LAYER",
    ),
    OtherFormat(
        (".tflite",),
        "a file of TensorFlow Lite, for devices",
        "TensorFlow Lite's files are for devices: give the Keras network that it was made of",
        "give the Keras network that it was made of, as in NAME.keras:LAYER",
    ),
    OtherFormat(
        (".pkl", ".pickle", ".joblib"),
        "a pickle, which runs code when it is read",
        f"a pickle runs code when it is read: open it in Python; then model.save('NAME.keras'), or {_EXPORT}",
        f"open it in Python, and give the kernel as .npy: {_ARRAY}",
    ),
    OtherFormat(
        (".mlmodel", ".mlpackage", ".pdmodel", ".pdparams", ".caffemodel", ".prototxt", ".params", ".engine", ".trt"),
        "of another library",
        "convert it to ONNX (NAME.onnx) with that library's converter",
        f"give the kernel as .npy: {_ARRAY}",
    ),
)


def other_format(name: str) -> OtherFormat | None:
    """The kind of file that a name's ending says, where it is one that is not read here."""
    ending = PurePath(name).suffix.lower()
    return next((one for one in _FORMATS if ending in one.endings), None)


def advice_for_network(name: str) -> str:
    """What to do with a file that is no network that is read here."""
    if PurePath(name).suffix.lower() == ".json":
        return f"this is a configuration without weights: {_SAVE}"
    known = other_format(name)
    return _SAVE if known is None else known.as_network
