"""What was measured, as plain records: runs, medians, ratios with their spread, findings with their goals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One run: wall seconds, and the peak memory in MB where it was a whole process."""

    seconds: float
    megabytes: float | None = None


@dataclass(frozen=True)
class Runs:
    """All counted runs of one contestant at one task.

    Attributes:
        contestant: its name.
        seconds: one a turn, in the order of the turns.
        megabytes: the peak memory of each turn's process; none where the contestant is no whole process.
    """

    contestant: str
    seconds: tuple[float, ...]
    megabytes: tuple[float, ...] = ()

    @classmethod
    def of(cls, contestant: str, samples: Sequence[Sample]) -> Runs:
        """Collect the samples of one contestant, with the digits that a clock has."""
        peaks = tuple(round(sample.megabytes, 1) for sample in samples if sample.megabytes is not None)
        return cls(contestant, tuple(round(sample.seconds, 7) for sample in samples), peaks)

    @property
    def median(self) -> float:
        """The middle of the seconds."""
        return statistics.median(self.seconds)

    @property
    def peak(self) -> float | None:
        """The most memory that any run took, in MB."""
        return max(self.megabytes, default=None)


@dataclass(frozen=True)
class Ratio:
    """One contestant's seconds over another's: the median of the ratios of each turn, and their range."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, turns: Sequence[float]) -> Ratio:
        """Return what the ratios of all turns come to."""
        return cls(statistics.median(turns), min(turns), max(turns))


@dataclass(frozen=True)
class Comparison:
    """Contestants at one task.

    Attributes:
        subject: the task, in a few words.
        runs: one a contestant.
    """

    subject: str
    runs: tuple[Runs, ...]

    def of(self, contestant: str) -> Runs:
        """Return one contestant's runs."""
        return next(runs for runs in self.runs if runs.contestant == contestant)

    def ratios(self, over: str, under: str) -> list[float]:
        """Return the ratio of two contestants' seconds in each turn; one that only one of them has is left out."""
        pairs = zip(self.of(over).seconds, self.of(under).seconds, strict=False)
        return [first / second for first, second in pairs]

    def ratio(self, over: str, under: str) -> Ratio:
        """Return the ratio of two contestants' seconds over all turns."""
        return Ratio.of(self.ratios(over, under))


def geometric_mean(ratios: Sequence[Sequence[float]]) -> Ratio:
    """Return the geometric mean of ratios, turn by turn; where one was measured in fewer turns, these count again."""
    turns = max(map(len, ratios))
    return Ratio.of(
        [statistics.geometric_mean(of_one[turn % len(of_one)] for of_one in ratios) for turn in range(turns)]
    )


@dataclass(frozen=True)
class Goal:
    """What a number should come to.

    Attributes:
        limit: the number that is asked for.
        least: whether it is the least that will do; otherwise the most.
    """

    limit: float
    least: bool = True

    def met_by(self, value: float) -> bool:
        """Whether a value will do."""
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        return f"at {'least' if self.least else 'most'} {self.limit:g}"


def at_least(limit: float) -> Goal:
    """Return the goal to reach a number."""
    return Goal(limit)


def at_most(limit: float) -> Goal:
    """Return the goal to stay below a number."""
    return Goal(limit, least=False)


@dataclass(frozen=True)
class Finding:
    """A number that follows from the runs.

    Attributes:
        label: what it is.
        value: the number.
        unit: of the number; empty for a ratio.
        low, high: the range of a ratio over the turns, where it has one.
        goal: what it should come to, where something is asked for.
    """

    label: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    goal: Goal | None = None

    @classmethod
    def of_ratio(cls, label: str, measured: Ratio, goal: Goal | None = None) -> Finding:
        """Return a ratio with its range."""
        return cls(label, measured.value, "", measured.low, measured.high, goal)

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing where nothing is asked for."""
        if self.goal is None:
            return ""
        return "met" if self.goal.met_by(self.value) else "missed"


@dataclass(frozen=True)
class Report:
    """What a case found.

    Attributes:
        case: its name on the command line.
        title: the heading of its section.
        about: what was done and how it was checked, in Markdown.
        comparisons: the runs.
        findings: the numbers that follow.
        notes: what else a reader must know, a sentence or two each.
        reference: the contestant that the others are compared with.
        wide: whether the page shows a row a task and a column a contestant.
    """

    case: str
    title: str
    about: str
    comparisons: tuple[Comparison, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reference: str = "featuremap"
    wide: bool = False


@dataclass(frozen=True)
class Record:
    """A run of the suite.

    Attributes:
        date: ISO 8601.
        machine: facts, by name.
        versions: of Python and of every library compared, by name.
        reports: one a case.
    """

    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    reports: tuple[Report, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Record:
        """Return the record that `as_json` was made from."""
        reports = tuple(_report(report) for report in values["reports"])
        return cls(values["date"], values["machine"], values["versions"], reports)


def _report(values: Mapping[str, Any]) -> Report:
    comparisons = tuple(
        Comparison(comparison["subject"], tuple(_runs(runs) for runs in comparison["runs"]))
        for comparison in values["comparisons"]
    )
    findings = tuple(
        Finding(**{**finding, "goal": Goal(**finding["goal"]) if finding["goal"] else None})
        for finding in values["findings"]
    )
    return Report(**{**values, "comparisons": comparisons, "findings": findings, "notes": tuple(values["notes"])})


def _runs(values: Mapping[str, Any]) -> Runs:
    return Runs(values["contestant"], tuple(values["seconds"]), tuple(values["megabytes"]))


@dataclass(frozen=True)
class Line:
    """The straight line through points that has the least squares, and how far the points stray from it.

    Attributes:
        slope: what one more of the first number costs.
        start: what none of it costs.
        deviation: the largest distance of a point from the line, as a part of the line's value there.
        where: the first number of that point.
    """

    slope: float
    start: float
    deviation: float
    where: float


def fit_line(points: Sequence[tuple[float, float]]) -> Line:
    """Fit a line through two points or more."""
    slope, start = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    strays = [(abs(y - (start + slope * x)) / abs(start + slope * x), x) for x, y in points]
    deviation, where = max(strays)
    return Line(slope, start, deviation, where)
