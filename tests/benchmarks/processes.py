"""Timing whole processes: each run's wall time and peak memory, and several commands in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHINA = HERE.parents[1] / "sample_images" / "china.jpg"
FEATUREMAP = str(Path(sys.executable).with_name("featuremap"))


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds, and peak memory in MB."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Measured:
    """Several runs of one command."""

    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    def __str__(self) -> str:
        fastest, slowest = min(run.seconds for run in self.runs), max(run.seconds for run in self.runs)
        peak = max(run.megabytes for run in self.runs)
        return f"{self.seconds:7.3f} s ({fastest:.3f} to {slowest:.3f})   {peak:6.0f} MB"


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; the kernel's own account gives the peak."""
    # Byte code is kept between runs, as in an installed package, whatever the shell that measures says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Run(seconds, usage.ru_maxrss / 1024)


def in_turn(commands: Mapping[str, Sequence[str]], turns: int) -> dict[str, Measured]:
    """Run commands in turn, so that a drift of the machine's speed meets all of them, and print a line for each.

    One turn more goes first and is not counted: it warms the file cache.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, command in commands.items():
            result = run(command)
            if turn:
                runs[name].append(result)
    measured = {name: Measured(tuple(of_name)) for name, of_name in runs.items()}
    for name, result in measured.items():
        print(f"{name:12} {result}")
    return measured
