"""What every case works with: a folder, a launcher, workers, and a table that is printed as it grows."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from contestants import HERE, Contestant, InProcess, Launcher, Process, Worker, take_turns
from effort import Effort
from measurements import Comparison
from printing import Printer

FEATUREMAP = str(Path(sys.executable).with_name("featuremap"))
TEXTBOOK = HERE / "textbook"


class Workbench:
    """One for each case.

    Attributes:
        folder: empty at first, gone afterwards; the working directory of whole processes.
        effort: how much is measured.
        printer: shows what is measured.
    """

    def __init__(self, folder: Path, effort: Effort, printer: Printer) -> None:
        self.folder, self.effort, self.printer = folder, effort, printer
        self._open = ExitStack()
        self.launcher = Launcher(folder)
        self._open.callback(self.launcher.close)

    def close(self) -> None:
        """End all workers."""
        self._open.close()

    def worker(self, settings: Mapping[str, str] | None = None) -> Worker:
        """Start a worker that lives as long as the case."""
        worker = Worker(settings)
        self._open.callback(worker.close)
        return worker

    def working(self, name: str, work: str, **arguments: object) -> InProcess:
        """Start a worker for one piece of work, and return it as a contestant."""
        worker = self.worker()
        worker.prepare(work, **arguments)
        return InProcess(name, worker)

    def process(self, name: str, command: Sequence[str]) -> Process:
        """Return a whole process as a contestant."""
        return Process(name, self.launcher, command)

    def launch(self, command: Sequence[str]) -> str:
        """Run a command that is not timed, and return what it wrote to stdout."""
        self.launcher.launch(command)
        return self.launcher.output.read_text(encoding="utf-8", errors="replace")

    def compare(
        self,
        subject: str,
        contestants: Sequence[Contestant],
        *,
        reference: str = "featuremap",
        turns: int | None = None,
        warm: bool = True,
    ) -> Comparison:
        """Let contestants take turns, and print a line for each."""
        with self.printer.at_work(subject):
            comparison = take_turns(subject, contestants, self.effort, turns=turns, warm=warm)
        self.printer.show(comparison, reference)
        return comparison


@contextmanager
def workbench(effort: Effort, printer: Printer) -> Iterator[Workbench]:
    """Yield a workbench with a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="featuremap-benchmark-") as folder:
        bench = Workbench(Path(folder), effort, printer)
        try:
            yield bench
        finally:
            bench.close()


def featuremap(*words: object) -> list[str]:
    """Return a command line of featuremap."""
    return [FEATUREMAP, *map(str, words)]


def textbook(script: str, *words: object) -> list[str]:
    """Return a command line of one of the textbooks' scripts."""
    return [sys.executable, str(TEXTBOOK / script), *map(str, words)]


def without_scikit_learn(command: Sequence[str]) -> list[str]:
    """Return a command line of a Python script, run as where scikit-learn is not installed."""
    words = command[1:] if command[0] == sys.executable else command
    return [sys.executable, str(TEXTBOOK / "without_scikit_learn.py"), *words]
