"""`featuremap filters model.keras:conv1_conv` as a whole process, against a script that does it with Keras.

The network is ResNet50 with random weights, saved by Keras (103 MB). Both start in a fresh process and end with a PNG;
they run in turn, so that a drift of the machine's speed meets both. Usage:
    python tests/benchmarks/filters_from_file.py [TURNS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import FEATUREMAP, HERE, in_turn

GOAL = 8.0
SAVE = "import sys, keras; keras.applications.ResNet50(weights=None).save(sys.argv[1])"


def main() -> None:
    """Print medians and their ratio; end with 1 if it is below the goal."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        model, picture = str(Path(folder, "resnet50.keras")), str(Path(folder, "textbook.png"))
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, "-c", SAVE, model], check=True, env=quiet)
        commands = {
            "featuremap": [FEATUREMAP, "filters", f"{model}:conv1_conv", "-o", folder],
            "textbook": [sys.executable, str(HERE / "textbook_filters.py"), model, "conv1_conv", picture],
        }
        measured = in_turn(commands, turns)
    ratio = measured["textbook"].seconds / measured["featuremap"].seconds
    print(f"featuremap is {ratio:.1f} times faster; the goal is {GOAL:g}")
    if ratio < GOAL:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
