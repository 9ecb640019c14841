"""The feature maps of all 53 convolutions of ResNet50: recorded and drawn, for one photograph and for many."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
from checks import OutputsDifferError, equal_values
from contestants import Process
from measurements import Comparison, Finding, Report, Runs, Sample, at_most
from photographs import squares
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case
from cases.networks import resnet50

OURS, KERAS, KERACT = "featuremap", "Keras, nothing drawn", "Keras, keract's figures"
_TOLERANCE = 1e-3
ABOUT = (
    "The outputs of all 53 convolutions of ResNet50 (random weights) for photographs of 224 x 224 pixels, as whole "
    "processes: `featuremap activations -l all`, which writes a sheet of up to 64 maps for each layer, against a "
    "Keras script that loads the file, predicts the same outputs and draws nothing, and a Keras script that draws "
    "them as keract's `display_activations` does, a matplotlib figure of 8x8 for each layer. Checked first: all "
    "values of all 53 layers are equal within a thousandth."
)


def measure(bench: Workbench) -> Report:
    """Check that the maps are equal, then measure one photograph and many."""
    model, count = resnet50(bench), bench.effort.count(100, 10)
    one, many = squares(bench.folder / "one", 1), squares(bench.folder / "many", count)
    check(bench, model, one)
    single = bench.compare("one photograph, 53 layers", contestants(bench, model, one))
    several = bench.compare(f"{count} photographs, 53 layers", contestants(bench, model, many)[:2], turns=1, warm=False)
    drawn = figures(bench, model)
    return report(single, several, drawn, count)


def contestants(bench: Workbench, model: Path, photographs: Path) -> list[Process]:
    """Return whole processes over a folder of photographs."""
    ours = featuremap("activations", photographs, "-m", model, "-l", "all", "-o", "out", "--force", "-q")
    layers = (5,) if bench.effort.quick else ()
    display = textbook("display.py", model, photographs, "figures", *layers)
    return [
        bench.process(OURS, without_scikit_learn(ours)),
        bench.process(KERAS, without_scikit_learn(textbook("predict.py", model, photographs))),
        replace(bench.process(KERACT, without_scikit_learn(display)), once_where_slow=True),
    ]


def check(bench: Workbench, model: Path, photographs: Path) -> None:
    """Compare the maps of every layer with Keras's outputs."""
    ours, keras, _ = contestants(bench, model, photographs)
    bench.launch([*ours.command, "--arrays"])
    bench.launch([*keras.command, str(bench.folder / "keras.npz")])
    expected = np.load(bench.folder / "keras.npz")
    written = {}
    for path in (bench.folder / "out").rglob("*.npz"):
        arrays = np.load(path)
        written[str(arrays["layer"])] = arrays["maps"]
    if set(written) != set(expected.files):
        raise OutputsDifferError(f"layers: {len(written)} of featuremap, {len(expected.files)} of Keras")
    for layer in expected.files:
        equal_values(f"maps of {layer}", expected[layer][0].transpose(2, 0, 1), written[layer], _TOLERANCE)


def figures(bench: Workbench, model: Path) -> Comparison:
    """Measure keract's figures photograph by photograph, after the first; imports and loading are not counted."""
    few = squares(bench.folder / "few", 2)
    told = bench.launch(contestants(bench, model, few)[2].command)
    samples = [Sample(float(line)) for line in told.split()[1:]]
    comparison = Comparison("each further photograph", (Runs.of(KERACT, samples),))
    bench.printer.show(comparison, OURS)
    return comparison


def report(single: Comparison, several: Comparison, drawn: Comparison, count: int) -> Report:
    """Return ratios and rates."""
    rates = {name: (count - 1) / (several.of(name).median - single.of(name).median) for name in (OURS, KERAS)}
    rates[KERACT] = 1 / statistics.median(drawn.of(KERACT).seconds)
    return Report(
        "activations",
        "All layers of a network",
        ABOUT,
        (single, several, drawn),
        (
            Finding.of_ratio("featuremap / Keras, which draws nothing", single.ratio(OURS, KERAS), at_most(1.25)),
            Finding.of_ratio("Keras with keract's figures / featuremap, one photograph", single.ratio(KERACT, OURS)),
            *(Finding(f"{name}: photographs a second", rate, "a second") for name, rate in rates.items()),
            Finding("Keras with keract's figures / featuremap, each further photograph", rates[OURS] / rates[KERACT]),
            Finding.of_ratio(
                f"featuremap / Keras, which draws nothing, {count} photographs", several.ratio(OURS, KERAS)
            ),
        ),
        (
            f"A rate is that of the photographs after the first: the time of {count} less that of one, over "
            f"{count - 1}. keract's figures are those of a second photograph, imports and loading not "
            f"counted: {count} would take an hour or more.",
            "All three run as where scikit-learn is not installed, which Keras would import.",
        ),
    )


CASE = Case("activations", "ResNet50's 53 convolutions, one photograph and 100, against Keras and keract", measure)
