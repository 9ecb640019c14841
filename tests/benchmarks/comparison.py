"""Ratios measured now beside those on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amounts import number
from measurements import Report

TOLERANCE = 0.2


@dataclass(frozen=True)
class Verdict:
    """One ratio, twice.

    Attributes:
        case: the case that measured it.
        label: what it is.
        now: as measured.
        recorded: as on record.
    """

    case: str
    label: str
    now: float
    recorded: float

    @property
    def change(self) -> float:
        """How far the ratio moved, as a part of the recorded one."""
        return self.now / self.recorded - 1

    @property
    def holds(self) -> bool:
        """Whether the ratio is within the tolerance."""
        return abs(self.change) <= TOLERANCE

    def __str__(self) -> str:
        word = f"within {TOLERANCE:.0%}" if self.holds else f"not within {TOLERANCE:.0%}"
        numbers = f"{number(self.now)}, recorded {number(self.recorded)}"
        return f"{self.case}: {self.label}: {numbers} ({self.change:+.0%}): {word}"


def verdicts(now: Sequence[Report], recorded: Sequence[Report]) -> Iterator[Verdict]:
    """Yield each ratio that both have; numbers with a unit depend on the machine and are left out."""
    for report in now:
        before = {
            finding.label: finding.value for each in recorded if each.case == report.case for finding in each.findings
        }
        for finding in report.findings:
            if not finding.unit and finding.label in before:
                yield Verdict(report.case, finding.label, finding.value, before[finding.label])
