"""The figures that README.md shows: a few rows of the record, written between two marks."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from amounts import number, took
from measurements import Record, Report, Runs

BEGIN, END = "<!-- benchmarks: begin, written by `python tests/benchmarks` -->", "<!-- benchmarks: end -->"
_ENGINE = "featuremap / {}, 72 tasks, geometric mean"
_EIGEN = "TensorFlow without oneDNN (Eigen)"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        case: the case it comes from.
        place: which of its comparisons.
        task: what is done, in words.
        ours, peer: the two contestants.
        instead: the peer in words.
    """

    case: str
    place: int
    task: str
    ours: str
    peer: str
    instead: str


ROWS = (
    Row("convolve", 0, "two filters on a photograph", "featuremap", "textbook", "TensorFlow and matplotlib"),
    Row(
        "filters", 0, "the first filters of a saved ResNet50", "featuremap", "Keras, matplotlib", "Keras and matplotlib"
    ),
    Row("layers", 0, "the table of its layers", "featuremap", "Keras summary", "Keras's `summary()`"),
    Row(
        "activations",
        0,
        "its 53 convolutions on a photograph, 53 sheets",
        "featuremap",
        "Keras, nothing drawn",
        "Keras, which draws nothing",
    ),
    Row("activations", 0, "the same", "featuremap", "Keras, keract's figures", "Keras, drawn as keract draws"),
    Row("sheet", 0, "64 maps of 427 x 640 on a sheet (drawing alone)", "featuremap", "matplotlib", "matplotlib, 8 x 8"),
    Row(
        "batch",
        0,
        "8 filters on 200 photographs",
        "--jobs 2",
        "TensorFlow, matplotlib",
        "a loop of TensorFlow and matplotlib, from 12 of them",
    ),
)


def headline(record: Record) -> str:
    """Return the figures in Markdown, for between the marks."""
    reports = {report.case: report for report in record.reports}
    lines = ["| whole process | featuremap | instead | times as fast |", "|---|---|---|---|"]
    lines += [_line(row, reports[row.case]) for row in ROWS]
    machine = f"{record.machine['processor']}, {record.machine['cores']} cores, {record.date}"
    growth = reports["growth"]
    largest = max(
        (comparison for comparison in growth.comparisons if comparison.subject.endswith("megapixels")),
        key=lambda comparison: float(comparison.subject.split()[0]),
    )
    engine = {finding.label: number(finding.value) for finding in reports["engine"].findings}
    words = (
        f"{largest.subject} through 16 filters take {_amount(largest.of('featuremap'))}. The convolution by itself, in "
        f"NumPy, takes {engine[_ENGINE.format('PyTorch')]} of PyTorch's time (geometric mean over 72 tasks), "
        f"{engine['featuremap / OpenCV, 54 tasks, geometric mean']} of OpenCV's, {engine[_ENGINE.format(_EIGEN)]} of "
        f"that of TensorFlow's own kernels, and {engine[_ENGINE.format('TensorFlow')]} times as long as TensorFlow "
        "with oneDNN."
    )
    first = f"Measured on {machine}; medians of runs in turn; what each pair gives was compared first."
    return "\n".join([first, "", *lines, "", textwrap.fill(words, 120)])


def in_readme(readme: str, record: Record) -> str:
    """Return README.md with the figures of a record between the marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has lost its marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{headline(record)}\n{END}{after}"


def _line(row: Row, report: Report) -> str:
    comparison = report.comparisons[row.place]
    ratio = number(comparison.ratio(row.peer, row.ours).value)
    ours, peer = comparison.of(row.ours), comparison.of(row.peer)
    return f"| {row.task} | {_amount(ours)} | {row.instead}: {_amount(peer)} | {ratio} |"


def _amount(runs: Runs) -> str:
    memory = f", {runs.peak:,.0f} MB" if runs.peak is not None else ""
    return took(runs.median) + memory
