"""The networks that cases load: made by Keras, with random weights, since speed does not depend on them."""

from __future__ import annotations

import sys
from pathlib import Path

from workbench import Workbench

_RESNET50 = (
    "import sys, keras; keras.utils.set_random_seed(0); keras.applications.ResNet50(weights=None).save(sys.argv[1])"
)
_ALEXNET = "import sys; from featuremap_cli.networks.builtin.alexnet import build; build().save(sys.argv[1])"


def resnet50(bench: Workbench) -> Path:
    """Save ResNet50 (103 MB) in the case's folder."""
    return _saved(bench, _RESNET50, bench.folder / "resnet50.keras")


def alexnet(bench: Workbench) -> Path:
    """Save the AlexNet of this package in the case's folder, for Keras to load."""
    return _saved(bench, _ALEXNET, bench.folder / "alexnet.keras")


def _saved(bench: Workbench, program: str, path: Path) -> Path:
    bench.launch([sys.executable, "-c", program, str(path)])
    return path
