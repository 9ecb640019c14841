"""The table of a saved network's layers, as whole processes."""

from __future__ import annotations

import json
import re

from checks import OutputsDifferError
from measurements import Finding, Report
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case
from cases.networks import resnet50


def measure(bench: Workbench) -> Report:
    """Check that the parameters add up to the same, then measure."""
    model = resnet50(bench)
    ours = without_scikit_learn(featuremap("layers", model))
    theirs = without_scikit_learn(textbook("summary.py", model))
    told = json.loads(bench.launch([*ours, "--json"]))["totals"]["parameters"]
    found = re.search(r"Total params:\s*([\d,]+)", bench.launch(theirs))
    if found is None or int(found[1].replace(",", "")) != told:
        raise OutputsDifferError(f"parameters: featuremap counts {told}, Keras {found[1] if found else 'none'}")
    contestants = [bench.process("featuremap", ours), bench.process("Keras summary", theirs)]
    comparison = bench.compare("ResNet50", contestants)
    return Report(
        "layers",
        "The table of a network's layers",
        "`featuremap layers resnet50.keras` as a whole process, which adds multiplications, memory and receptive "
        "fields, against a script that loads the file with Keras and calls `model.summary()`. Checked first: the "
        "parameters add up to the same number.",
        (comparison,),
        (Finding.of_ratio("Keras / featuremap", comparison.ratio("Keras summary", "featuremap")),),
    )


CASE = Case("layers", "a saved ResNet50's layers as a table, whole processes against model.summary()", measure)
