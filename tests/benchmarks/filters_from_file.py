"""`featuremap filters model.keras:conv1_conv` as a whole process, against a script that does it with Keras.

The network is ResNet50 with random weights, saved by Keras (103 MB). Both start in a fresh process and end with a PNG;
they run in turn, so that a drift of the machine's speed meets both. Usage:
    python tests/benchmarks/filters_from_file.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from whole_process import Run, run

HERE = Path(__file__).resolve().parent
GOAL = 8.0
SAVE = "import sys, keras; keras.applications.ResNet50(weights=None).save(sys.argv[1])"


def main() -> None:
    """Print medians and their ratio; end with 1 if it is below the goal."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        model, picture = str(Path(folder, "resnet50.keras")), str(Path(folder, "textbook.png"))
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, "-c", SAVE, model], check=True, env=quiet)
        featuremap = str(Path(sys.executable).with_name("featuremap"))
        commands = {
            "featuremap": [featuremap, "filters", f"{model}:conv1_conv", "-o", folder],
            "textbook": [sys.executable, str(HERE / "textbook_filters.py"), model, "conv1_conv", picture],
        }
        results: dict[str, list[Run]] = {name: [] for name in commands}
        for turn in range(runs + 1):
            for name, command in commands.items():
                result = run(command)
                if turn:  # the first turn warms the file cache
                    results[name].append(result)
    seconds = {name: statistics.median(result.seconds for result in of_name) for name, of_name in results.items()}
    for name, of_name in results.items():
        print(f"{name:10} {seconds[name]:6.2f} s  {max(result.megabytes for result in of_name):6.0f} MB")
    ratio = seconds["textbook"] / seconds["featuremap"]
    print(f"featuremap is {ratio:.1f} times faster; the goal is {GOAL:g}")
    if ratio < GOAL:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
