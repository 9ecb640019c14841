"""A Dask cluster of two processes on this machine against the local runner with two, and what a batch costs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from contestants import HERE
from measurements import Comparison, Finding, Report, at_least
from photographs import filter_bank, photographs
from workbench import Workbench, featuremap

from cases.case import Case

WAYS = {"local runner": ("-j", "2"), "cluster": ("--cluster", "local:2")}


def measure(bench: Workbench) -> Report:
    """Measure both ways over a folder and over one photograph, and a job that does nothing."""
    number, batches = bench.effort.count(400, 8), bench.effort.count(400, 10)
    bank = filter_bank(bench.folder / "bank.npy", 7, 8)
    many = photographs(bench.folder / "photographs", number)
    comparisons = compared(bench, number, bank, many)
    return report(number, comparisons, overhead(bench, batches))


def compared(bench: Workbench, number: int, bank: Path, many: Path) -> tuple[Comparison, ...]:
    """Measure both ways over a folder, and over one photograph."""
    comparisons = []
    for subject, images in ((f"{number} photographs", many), ("one photograph", many / "0000.jpg")):
        contestants = [
            bench.process(way, featuremap("convolve", images, "-k", bank, *words, "-q", "--force", "-o", words[0]))
            for way, words in WAYS.items()
        ]
        comparisons.append(bench.compare(subject, contestants, reference="local runner", turns=3))
    return tuple(comparisons)


def report(number: int, comparisons: tuple[Comparison, ...], batch: float) -> Report:
    """Return rates, and what is asked for."""
    whole = comparisons[0]
    rates = [Finding(f"{way}: photographs a second", number / whole.of(way).median, "a second") for way in WAYS]
    ratio = whole.ratio("local runner", "cluster")
    return Report(
        "cluster",
        "A Dask cluster",
        f"`featuremap convolve` over {number} photographs with 8 filters, on a Dask cluster of two processes on this "
        "machine against the local runner with two, whole processes, their starts included; and a job that does "
        "nothing, an image a batch.",
        comparisons,
        (
            *rates,
            Finding.of_ratio("cluster against local runner", ratio, at_least(0.8)),
            Finding("overhead of a batch", batch * 1000, "ms"),
        ),
        reference="local runner",
    )


def overhead(bench: Workbench, batches: int) -> float:
    """Return the seconds that a batch costs on two processes when its one image costs nothing."""
    folder: Path = photographs(bench.folder / "batches", batches)
    # Workers import the idle job by name.
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    program = [sys.executable, str(HERE / "idle_job.py"), str(folder), str(bench.folder / "idle")]
    return float(bench.launch(["env", f"PYTHONPATH={path}", *program]))


CASE = Case(
    "cluster",
    "a Dask cluster on this machine against the local runner; only when named",
    measure,
    needs=("dask", "distributed", "fsspec"),
    extra="cluster",
    unasked=False,
)
