"""The filters of a saved network's first layer, as whole processes."""

from __future__ import annotations

import numpy as np
from checks import equal_values
from measurements import Finding, Report, at_least
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case
from cases.networks import resnet50

LAYER = "conv1_conv"


def measure(bench: Workbench) -> Report:
    """Check that the filters are the same, then measure."""
    model, picture = resnet50(bench), bench.folder / "textbook.png"
    ours = featuremap("filters", f"{model.name}:{LAYER}", "-o", "out")
    theirs = without_scikit_learn(textbook("filters.py", model, LAYER, picture))
    bench.launch([*ours, "--arrays"])
    bench.launch([*theirs, str(bench.folder / "filters.npy")])
    written = next((bench.folder / "out").glob("*.npz"))
    equal_values("filters", np.load(bench.folder / "filters.npy"), np.load(written)["filters"], 0)
    comparison = bench.compare(
        f"ResNet50's {LAYER}, 64 filters",
        [bench.process("featuremap", ours), bench.process("Keras, matplotlib", theirs)],
    )
    return Report(
        "filters",
        "The filters of a saved network",
        "`featuremap filters resnet50.keras:conv1_conv` as a whole process, against a script that loads the file (103 "
        "MB, random weights) with Keras and draws an 8x8 matplotlib figure. Checked first: the filters are equal to "
        "the last bit.",
        (comparison,),
        (Finding.of_ratio("Keras / featuremap", comparison.ratio("Keras, matplotlib", "featuremap"), at_least(8)),),
    )


CASE = Case("filters", "a saved ResNet50's first filters, whole processes against Keras and matplotlib", measure)
