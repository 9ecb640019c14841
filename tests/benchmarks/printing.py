"""The table on the terminal, a line a contestant, printed as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from amounts import of_unit, share, span, took
from measurements import Comparison, Finding, Report
from rich.console import Console
from rich.text import Text

_STYLES = {"met": "green", "missed": "bold red"}


class Printer:
    """Prints what is measured."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)

    def head(self, name: str, summary: str) -> None:
        """Begin a case."""
        self.console.print()
        self.console.print(Text.assemble((name, "bold"), f"  {summary}"))

    def say(self, text: str, style: str = "") -> None:
        """Print a line."""
        self.console.print(Text(text, style))

    @contextmanager
    def at_work(self, subject: str) -> Iterator[None]:
        """Show what is going on, on a terminal."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status(subject):
            yield

    def show(self, comparison: Comparison, reference: str) -> None:
        """Print a line for each contestant: median, range, turns, peak memory, times the reference's time."""
        names = [runs.contestant for runs in comparison.runs]
        for position, runs in enumerate(comparison.runs):
            beside = ""
            if reference in names and runs.contestant != reference:
                beside = share(comparison.ratio(runs.contestant, reference))
            peak = f"{runs.peak:,.0f} MB" if runs.peak is not None else ""
            subject = comparison.subject if position == 0 else ""
            turns = f"{len(runs.seconds)}×"
            self.console.print(
                Text(
                    f"  {subject:<44} {runs.contestant:<34} {took(runs.median):>10} {span(runs.seconds):>22} "
                    f"{turns:>3} {peak:>10}  {beside}".rstrip()
                )
            )

    def findings(self, report: Report) -> None:
        """Print what follows from a case's runs."""
        for finding in report.findings:
            self._finding(finding)

    def _finding(self, finding: Finding) -> None:
        goal = f"   {finding.verdict}: {finding.goal} is asked for" if finding.goal is not None else ""
        text = Text(f"  {finding.label}: {of_unit(finding)}")
        text.append(goal, _STYLES.get(finding.verdict, ""))
        self.console.print(text)
