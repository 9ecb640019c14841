"""Whether a name is one of keras.applications', told without importing Keras."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from pathlib import Path

from featuremap_cli.errors import NetworkError
from featuremap_cli.sources.network_names import APPLICATIONS, nearest_applications


def application_named_like(model_name: str) -> str | None:
    """The network of keras.applications that a model's name says it is; the names of ours and theirs differ.

    Args:
        model_name: what Keras called it, `resnet50`, `mobilenetv2_1.00_224`, `efficientnetv2-b0`.
    """
    plain = re.sub(r"[^a-z0-9]", "", model_name.lower())
    alike = [name for name in APPLICATIONS if re.fullmatch(rf"{name.lower()}\d*", plain)]
    return max(alike, key=len, default=None)


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
