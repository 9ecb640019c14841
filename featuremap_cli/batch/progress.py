"""What the user is told on stderr while a run goes on: a bar on a terminal; in a log warnings and one summary alone.

Rich draws the bar and is imported only then. While it is drawn, Rich puts lines that are printed in the usual way above
it, so `tell` need not know of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from featuremap_cli.batch.record import Record, Tally
from featuremap_cli.sources.locations import printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as RichProgress

# Notices that differ for each image are told for the first images only.
_MOST_NOTICES = 20


class Progress:
    """Fed with records, tells how a run goes: failures at once, each notice once, a summary at the end.

    Args:
        tell: prints one line of words on stderr.
        total: how many images there are; None where that is not known yet.
        quiet: failures only.

    Attributes:
        tally: the counts, and what the command ends with.
    """

    def __init__(self, tell: Callable[[str], None], total: int | None = None, quiet: bool = False) -> None:
        self.tally = Tally()
        self._tell, self._total, self._quiet = tell, total, quiet
        self._told: set[str] = set()
        self._start = time.monotonic()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        if not self._quiet and self._total != 1 and _is_watched():
            self._bar = _start_bar(self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if not self._quiet and (self.tally.images > 1 or self.tally.skipped):
            self._tell(self.summary())

    def add(self, record: Record) -> None:
        """Count one record and tell what there is to tell of it."""
        self.tally.add(record)
        if record.failure is not None:
            message = record.failure.message
            name = printable(record.image)
            self._tell(message if name in message else f"{name}: {message}")
        if self._quiet:
            return
        for notice in record.notices:
            if notice not in self._told and len(self._told) < _MOST_NOTICES:
                self._told.add(notice)
                self._tell(f"{printable(record.image)}: {notice}")
        self._show()

    def summary(self) -> str:
        """How the run went so far: `198 done, 1 already done, 1 failed in 12.3 s (16.2 images a second)`."""
        seconds = time.monotonic() - self._start
        parts = [f"{self.tally.done:,} done"]
        if self.tally.skipped:
            parts.append(f"{self.tally.skipped:,} already done")
        if self.tally.failed:
            parts.append(f"{self.tally.failed:,} failed")
        rate = f" ({self._rate():.1f} images a second)" if self.tally.done > 1 else ""
        return f"{', '.join(parts)} in {_duration(seconds)}{rate}"

    def _show(self) -> None:
        if self._bar is not None:
            failures = f"{self.tally.failed:,} failed" if self.tally.failed else ""
            rate = f"{self._rate():.1f}/s"
            self._bar.update(self._bar.task_ids[0], completed=self.tally.images, rate=rate, failures=failures)

    def _rate(self) -> float:
        # What an earlier run has done takes no time and says nothing of the rest.
        return (self.tally.done + self.tally.failed) / max(time.monotonic() - self._start, 1e-3)


def _is_watched() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _start_bar(total: int | None) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images  {task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[failures]}"),
        console=Console(stderr=True),
        transient=True,
        # Data that goes to a file or a pipe must not be drawn on the terminal instead.
        redirect_stdout=sys.stdout.isatty(),
    )
    bar.add_task("", total=total, rate="", failures="")
    bar.start()
    return bar


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
