"""`featuremap convolve sample:china` as a whole process, against the textbook script and against bare imports.

The commands run in turn, so that a drift of the machine's speed meets all of them. Usage:
    python tests/benchmarks/whole_process.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHINA = HERE.parents[1] / "sample_images" / "china.jpg"


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds, and peak memory in MB."""

    seconds: float
    megabytes: float


def run(command: list[str]) -> Run:
    """Run `command` to its end; the kernel's own account gives the peak."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Run(seconds, usage.ru_maxrss / 1024)


def main() -> None:
    """Print medians and ratios."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        featuremap = str(Path(sys.executable).with_name("featuremap"))
        commands = {
            "featuremap": [featuremap, "convolve", "sample:china", "--force", "-o", folder],
            "textbook": [sys.executable, str(HERE / "textbook_convolve.py"), str(CHINA), folder],
            "imports": [sys.executable, "-c", "import numpy, PIL.Image"],
        }
        results: dict[str, list[Run]] = {name: [] for name in commands}
        for turn in range(runs + 1):
            for name, command in commands.items():
                result = run(command)
                if turn:  # the first turn warms the file cache
                    results[name].append(result)
    seconds = {name: statistics.median(one.seconds for one in all_runs) for name, all_runs in results.items()}
    for name, all_runs in results.items():
        peak = max(one.megabytes for one in all_runs)
        spread = f"{min(one.seconds for one in all_runs):.3f} to {max(one.seconds for one in all_runs):.3f}"
        print(f"{name:12} {seconds[name]:7.3f} s ({spread})   {peak:6.0f} MB")
    print(f"textbook / featuremap  {seconds['textbook'] / seconds['featuremap']:6.1f}   (target: at least 12)")
    print(f"featuremap / imports   {seconds['featuremap'] / seconds['imports']:6.1f}   (target: at most 3)")


if __name__ == "__main__":
    main()
