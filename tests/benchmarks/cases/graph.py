"""Networks as graphs of ONNX's operators, in processes that have everything loaded, against TensorFlow."""

from __future__ import annotations

import sys

import numpy as np
from checks import equal_values
from contestants import InProcess
from measurements import Finding, Report, at_most
from workbench import Workbench

from cases.case import Case
from cases.networks import resnet50

_MOBILENET = (
    "import sys, keras; keras.utils.set_random_seed(0); keras.applications.MobileNetV2(weights=None).save(sys.argv[1])"
)
ABOUT = (
    "One image through a network from a `.keras` file, the maps of every convolution kept, and the gradient of one "
    "unit of AlexNet's conv5 by the pixels; compute only, in processes that have everything loaded. featuremap runs "
    "the graph with ONNX Runtime; TensorFlow runs a compiled model of as many outputs, and a compiled GradientTape. "
    "Checked first: the last layer's maps and the gradients are equal."
)


def measure(bench: Workbench) -> Report:
    """Check that the same is computed, then measure."""
    mobilenet = bench.folder / "mobilenet.keras"
    bench.launch([sys.executable, "-c", _MOBILENET, str(mobilenet)])
    models = {"ResNet50, 53 convolutions": resnet50(bench), "MobileNetV2, 52 convolutions": mobilenet}
    comparisons, findings = [], []
    for subject, model in models.items():
        pair = [bench.working(name, f"in_process.networks:{work}", model=str(model)) for name, work in _WORK]
        comparisons.append(_compared(bench, subject, pair))
    pair = [bench.working(name, f"in_process.networks:{work}_gradient") for name, work in _GRADIENTS]
    comparisons.append(_compared(bench, "a gradient by AlexNet's pixels", pair))
    for comparison, goal in zip(comparisons, (None, None, at_most(1.0)), strict=True):
        ratio = comparison.ratio("featuremap", "TensorFlow")
        findings.append(Finding.of_ratio(f"{comparison.subject}, featuremap / TensorFlow", ratio, goal))
    return Report("graph", "Networks as graphs", ABOUT, tuple(comparisons), tuple(findings))


_WORK = (("featuremap", "featuremap"), ("TensorFlow", "keras"))
_GRADIENTS = (("featuremap", "featuremap"), ("TensorFlow", "tensorflow"))


def _compared(bench: Workbench, subject: str, pair: list[InProcess]):  # type: ignore[no-untyped-def]
    maps = []
    for one in pair:
        path = bench.folder / "maps.npy"
        one.worker.save(path, 1)
        maps.append(np.load(path))
    equal_values(subject, maps[1], maps[0], 1e-3)
    return bench.compare(subject, pair)


CASE = Case("graph", "a network's pass and a gradient, compute only, against TensorFlow", measure, needs=())
