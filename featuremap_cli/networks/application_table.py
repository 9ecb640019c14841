"""The networks of keras.applications by name, known without Keras; a test compares this with the Keras installed."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from featuremap_cli.errors import NetworkError

_BY_PREPROCESSING = {
    "caffe": "ResNet50 ResNet101 ResNet152 VGG16 VGG19",
    "tf": (
        "InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 NASNetLarge NASNetMobile "
        "ResNet50V2 ResNet101V2 ResNet152V2 Xception"
    ),
    "torch": "DenseNet121 DenseNet169 DenseNet201",
    "inside": (
        "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge "
        "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 "
        "EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 "
        "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 "
        "EfficientNetV2S EfficientNetV2M EfficientNetV2L MobileNetV3Small MobileNetV3Large"
    ),
}

APPLICATIONS: Mapping[str, str] = MappingProxyType(
    {name: preprocessing for preprocessing, names in _BY_PREPROCESSING.items() for name in names.split()}
)
"""{network: what its pixels must look like, a name of `input.PREPROCESSING`}."""


def application_named_like(model_name: str) -> str | None:
    """The network of keras.applications that a model's name says it is; the names of ours and theirs differ.

    Args:
        model_name: what Keras called it, `resnet50`, `mobilenetv2_1.00_224`, `efficientnetv2-b0`.
    """
    plain = re.sub(r"[^a-z0-9]", "", model_name.lower())
    alike = [name for name in APPLICATIONS if re.fullmatch(rf"{name.lower()}\d*", plain)]
    return max(alike, key=len, default=None)


def nearest_applications(name: str) -> list[str]:
    """At most three networks of keras.applications whose names are like this one, the nearest first."""
    lowered = {known.lower(): known for known in APPLICATIONS}
    return [lowered[known] for known in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)]


def no_such_application(name: str) -> NetworkError:
    """The error for a name that is none of keras.applications', with those that are nearest."""
    near = nearest_applications(name)
    if near and near[0].lower() == name.lower():
        return NetworkError(f"keras.applications has no network `{name}`; did you mean keras:{near[0]}?")
    remedy = (
        f"the nearest are {', '.join(f'keras:{known}' for known in near)}"
        if near
        else (f"it has {', '.join(APPLICATIONS)}")
    )
    return NetworkError(f"keras.applications has no network `{name}`; {remedy}")


def require_application(name: str) -> None:
    """Refuse a name that is none of keras.applications', without importing Keras, which takes seconds.

    A Keras that is newer than the table may have more: what its package lists counts too, but for its modules, whose
    names are in small letters.

    Raises:
        NetworkError: there is none of that name; the message has the nearest.
    """
    if name not in APPLICATIONS and not (name.isidentifier() and name[0].isupper() and _is_listed(name)):
        raise no_such_application(name)


def _is_listed(name: str) -> bool:
    """Whether the installed Keras exports this name among its applications, as the text of the package says."""
    found = importlib.util.find_spec("keras")
    for folder in (found and found.submodule_search_locations) or ():
        for place in ("applications/__init__.py", "_tf_keras/keras/applications/__init__.py"):
            with contextlib.suppress(OSError):
                return re.search(rf"\b{name}\b as |import {name}\b", Path(folder, place).read_text("utf-8")) is not None
    return False
