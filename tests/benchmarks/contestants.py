"""Contestants, each in processes of its own, and how they take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from effort import Effort
from measurements import Comparison, Runs, Sample

HERE = Path(__file__).resolve().parent

TAKEN_OUT = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "PYTHONDONTWRITEBYTECODE",
)
"""What no contestant finds in its environment: it would hold a library to older instructions or fewer threads than it
chooses by itself, or keep Python from storing its byte code, as it does for an installed package."""

_SETTLED = 0.03
_LEAST = 0.03
_SLOW = 3.0


class ContestantFailedError(Exception):
    """A contestant did not do its work."""


class Contestant(Protocol):
    """Something that can be run again and again."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def once_where_slow(self) -> bool:
        """Whether one counted run of more than 3 s is enough."""

    def run(self) -> Sample:
        """Run once."""


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a contestant."""
    kept = {name: value for name, value in os.environ.items() if name not in TAKEN_OUT}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **(settings or {})}


class Partner:
    """A process that takes orders and gives reports, a line of JSON each."""

    def __init__(self, program: Sequence[str], settings: Mapping[str, str] | None = None) -> None:
        self.program = program[-1]
        self.process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(settings),
        )

    def order(self, **order: Any) -> dict[str, Any]:
        """Have one order carried out and return the report."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise ContestantFailedError(f"{self.program} ended with {self.process.wait()} at {order}")
        report: dict[str, Any] = json.loads(line)
        if "error" in report:
            raise ContestantFailedError(f"{order}: {report['error']}")
        return report

    def close(self) -> None:
        """Let the process end."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait()


class Launcher(Partner):
    """Starts whole processes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(["-I", "-S", str(HERE / "launcher.py")])
        self.folder = folder

    def launch(self, command: Sequence[str]) -> Sample:
        """Run a command to its end; its output lies in `self.output` afterwards."""
        errors = self.folder / "errors.txt"
        where = {"output": str(self.output), "errors": str(errors), "folder": str(self.folder)}
        report = self.order(command=list(command), **where)
        if report["code"]:
            words = errors.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ContestantFailedError(f"{' '.join(command)} ended with {report['code']}:\n{words}")
        return Sample(report["seconds"], report["megabytes"])

    @property
    def output(self) -> Path:
        """What the last command wrote to stdout."""
        return self.folder / "output.txt"


@dataclass(frozen=True)
class Process:
    """A whole process as a contestant.

    Attributes:
        name: what tables call it.
        launcher: starts it.
        command: the words.
        once_where_slow: whether one counted run of more than 3 s is enough.
    """

    name: str
    launcher: Launcher
    command: Sequence[str]
    once_where_slow: bool = False

    def run(self) -> Sample:
        """Run it to its end."""
        return self.launcher.launch(self.command)


class Worker(Partner):
    """A process that keeps a library loaded."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__([str(HERE / "worker.py")], settings)

    def prepare(self, work: str, **arguments: Any) -> None:
        """Make the worker ready for runs of `module:function`."""
        self.order(prepare=work, arguments=arguments)

    def save(self, path: Path, step: int = 1) -> None:
        """Run once and store every `step`-th map of the result."""
        self.order(save=str(path), step=step)


@dataclass(frozen=True)
class InProcess:
    """A worker's present work as a contestant; fields as those of `Process`."""

    name: str
    worker: Worker
    once_where_slow: bool = False

    def run(self) -> Sample:
        """Run it once, or, where that is short, several times."""
        # The thread pool of whoever ran before spins on for a while.
        time.sleep(_SETTLED)
        return Sample(self.worker.order(run=_LEAST)["seconds"])


def take_turns(
    subject: str, contestants: Sequence[Contestant], effort: Effort, *, turns: int | None = None, warm: bool = True
) -> Comparison:
    """Run contestants in turn, A B A B, so that a drift of the machine's speed meets all of them.

    One turn more goes first and is not counted.

    Args:
        subject: what tables call the task.
        contestants: in their order.
        effort: how many turns, from the length of the first runs.
        turns: how many where the case knows better; what the command line says goes first.
        warm: whether the uncounted turn is taken; without it, `turns` must be given.
    """
    first = [contestant.run().seconds for contestant in contestants] if warm else [0.0] * len(contestants)
    count = turns if turns is not None and effort.wanted is None and not effort.quick else effort.turns(first)
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    for turn in range(count):
        for contestant, seconds in zip(contestants, first, strict=True):
            if turn and seconds > _SLOW and contestant.once_where_slow:
                continue
            samples[contestant.name].append(contestant.run())
    return Comparison(subject, tuple(Runs.of(name, of_name) for name, of_name in samples.items()))
