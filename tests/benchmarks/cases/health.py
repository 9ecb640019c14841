"""A network's health over photographs, as whole processes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from checks import OutputsDifferError, equal_values
from measurements import Finding, Report
from photographs import squares
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case
from cases.networks import alexnet

NUMBERS = ("mean", "std", "zero_fraction")


def measure(bench: Workbench) -> Report:
    """Check that the numbers are the same, then measure."""
    count = bench.effort.count(50, 4)
    model, photographs = alexnet(bench), squares(bench.folder / "photographs", count)
    ours = without_scikit_learn(featuremap("health", photographs, "-m", model, "-l", "all", "-o", "out", "-q"))
    theirs = without_scikit_learn(textbook("health.py", model, photographs))
    check(json.loads(bench.launch([*ours, "--json"]))["layers"], json.loads(bench.launch(theirs)))
    contestants = [bench.process("featuremap", ours), bench.process("Keras, NumPy", theirs)]
    comparison = bench.compare(f"AlexNet, 5 layers, {count} photographs", contestants)
    return Report(
        "health",
        "A network's health",
        f"`featuremap health` with AlexNet over {count} photographs of 224 x 224 pixels as a whole process, against a "
        "script that predicts with Keras and computes mean, deviation, zeros and dead filters of each layer with "
        "NumPy. featuremap computes four kinds of sparseness, saturated and similar filters besides, and draws a "
        "figure. Checked first: the numbers that both compute are equal.",
        (comparison,),
        (Finding.of_ratio("Keras / featuremap", comparison.ratio("Keras, NumPy", "featuremap")),),
    )


def check(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Compare what both say of each layer."""
    for one, other in zip(ours, theirs, strict=True):
        if one["layer"] != other["layer"] or one["dead"] != other["dead"]:
            raise OutputsDifferError(f"{one['layer']}: dead filters {one['dead']}, {other['layer']}: {other['dead']}")
        numbers = [np.array([layer[name] for name in NUMBERS]) for layer in (other, one)]
        equal_values(f"mean, deviation and zeros of {one['layer']}", numbers[0], numbers[1], 1e-4)


CASE = Case("health", "AlexNet's health over 50 photographs, whole processes against Keras and NumPy", measure)
