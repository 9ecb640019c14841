"""The page: a record of the suite as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from amounts import number, of_unit, share, span, took
from contestants import TAKEN_OUT
from measurements import Comparison, Finding, Record, Report, Runs

_HEAD = """# Benchmarks

Written by `python tests/benchmarks`, which measures all of this in one run; do not edit. The raw seconds of each run
are in [benchmarks.json](benchmarks.json). To measure on your own machine, in a checkout:

```sh
pip install '.[bench]'
python tests/benchmarks --compare   # each ratio beside the one on this page
```
"""

_HOW = """## How it was measured

- Contestants do the same work on the same input; before anything is timed, their outputs are compared. A case whose
  outputs differ ends the run.
- They take turns (A B A B ...), so that a drift of the machine's speed meets all of them; one turn goes first and is
  not counted. A number is the median over the turns, with the range in parentheses or beside it; a ratio is the median
  of the ratios of each turn, with their range.
- Libraries that are timed in a process with everything loaded live in a process each, since their thread pools would
  disturb each other. Every library runs with its own default number of threads.
- Peak memory is that of whole processes, from the kernel's account.
"""

_TAKEN_OUT = (
    "These variables are taken out of every contestant's environment: {names}. The first two hold OpenBLAS, with which "
    "NumPy multiplies, to the instructions of older processors on machines where they are set."
)


def page(record: Record) -> str:
    """Return the whole page."""
    parts = [_HEAD, _overview(record.reports), _how(), _machine(record)]
    return "\n".join([*parts, *(_section(report) for report in record.reports)])


def _how() -> str:
    names = ", ".join(f"`{name}`" for name in TAKEN_OUT)
    return f"{_HOW}{_wrapped(_TAKEN_OUT.format(names=names), '- ')}\n"


def _overview(reports: Sequence[Report]) -> str:
    """Return the table of all goals, met and missed."""
    rows = [
        (
            f"[{report.title}](#{_anchor(report.title)})",
            finding.label,
            _bold(finding),
            str(finding.goal),
            finding.verdict,
        )
        for report in reports
        for finding in report.findings
        if finding.goal is not None
    ]
    missed = sum(row[-1] == "missed" for row in rows)
    words = f"{len(rows) - missed} of {len(rows)} goals are met" + (f", {missed} missed." if missed else ".")
    return "\n".join(["## Goals", "", words, "", *_table(("", "what", "measured", "asked for", ""), rows), ""])


def _machine(record: Record) -> str:
    facts = [*record.machine.items(), ("date", record.date), *record.versions.items()]
    return "\n".join(["## The machine", "", *_table(("", ""), facts), ""])


def _section(report: Report) -> str:
    about = _wrapped(f"`python tests/benchmarks {report.case}`: {report.about}")
    lines = [f"## {report.title}", "", about, ""]
    table = _wide(report) if report.wide else _long(report)
    if report.comparisons:
        lines += [*table, ""]
    lines += [_finding_line(finding) for finding in report.findings]
    lines += [""] if report.findings else []
    lines += [line for note in report.notes for line in (_wrapped(note), "")]
    return "\n".join(lines)


def _finding_line(finding: Finding) -> str:
    if finding.goal is None:
        return f"- {finding.label}: {_bold(finding)}"
    return f"- {finding.label}: {_bold(finding)}; {finding.goal} is asked for: {finding.verdict}"


def _bold(finding: Finding) -> str:
    """A finding's number, the range outside the bold."""
    text = of_unit(finding)
    value, space, rest = text.partition(" (")
    return f"**{value}**{space}{rest}"


def _long(report: Report) -> list[str]:
    """A row for each contestant at each task."""
    rows = [row for comparison in report.comparisons for row in _rows(comparison, report.reference)]
    head = ["", "contestant", "median", "range", "runs", "peak memory", f"times {report.reference}'s"]
    kept = [column for column in range(len(head)) if column < 5 or any(row[column] for row in rows)]
    return _table([head[column] for column in kept], [[row[column] for column in kept] for row in rows])


def _rows(comparison: Comparison, reference: str) -> Iterator[list[str]]:
    names = [runs.contestant for runs in comparison.runs]
    for position, runs in enumerate(comparison.runs):
        beside = ""
        if reference in names and runs.contestant != reference:
            beside = share(comparison.ratio(runs.contestant, reference))
        peak = f"{runs.peak:,.0f} MB" if runs.peak is not None else ""
        subject = comparison.subject if position == 0 else ""
        yield [
            subject,
            runs.contestant,
            took(runs.median),
            span(runs.seconds),
            str(len(runs.seconds)),
            peak,
            beside,
        ]


def _wide(report: Report) -> list[str]:
    """A row for each task, a column for each contestant: its median, and how many times the reference's."""
    names = list(dict.fromkeys(runs.contestant for comparison in report.comparisons for runs in comparison.runs))
    rows = []
    for comparison in report.comparisons:
        present = {runs.contestant: runs for runs in comparison.runs}
        cells = [_cell(comparison, present.get(name), report.reference) for name in names]
        rows.append([comparison.subject, *cells, _turns(comparison.runs)])
    return _table(["", *names, "runs"], rows)


def _cell(comparison: Comparison, runs: Runs | None, reference: str) -> str:
    if runs is None:
        return "—"
    if runs.contestant == reference:
        return took(runs.median)
    return f"{took(runs.median)} (×{number(comparison.ratio(runs.contestant, reference).value)})"


def _turns(runs: Sequence[Runs]) -> str:
    """How many runs were counted, and where some contestant has fewer, how many those are."""
    counts = sorted({len(each.seconds) for each in runs}, reverse=True)
    return ", ".join(map(str, counts))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; columns of numbers keep to the left, as the rest of these pages."""
    line = "|" + "---|" * len(head)
    return [f"| {' | '.join(head)} |", line, *(f"| {' | '.join(row)} |" for row in rows)]


def _wrapped(text: str, mark: str = "") -> str:
    """Prose in lines of 120 characters, as the rest of these pages."""
    return textwrap.fill(
        text,
        120,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _anchor(title: str) -> str:
    kept = "".join(character for character in title.lower() if character.isalnum() or character in " -")
    return kept.replace(" ", "-")
