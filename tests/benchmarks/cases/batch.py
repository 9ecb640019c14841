"""A folder of photographs: worker processes, the textbook's loop, and a finished run that is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from checks import equal_values
from measurements import Comparison, Finding, Report, Sample, at_least, at_most
from photographs import filter_bank, photographs
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case

FILTERS = 8
ONE, TWO, LOOP = "--jobs 1", "--jobs 2", "TensorFlow, matplotlib"
ABOUT = (
    "`featuremap convolve` over {number} photographs of 640 x 427 with 8 filters of 7x7, whole processes with one and "
    "with two worker processes, against a loop that reads, convolves with TensorFlow and draws a matplotlib figure for "
    "each photograph. Checked first: the maps are equal."
)
NOTES = (
    "The loop is run over {few} photographs and scaled to {number}; its imports and its first photograph are not "
    "counted, where featuremap's are whole processes, their start included.",
    "The peak memory is that of the largest process.",
)


@dataclass(frozen=True)
class Loop:
    """The textbook's loop over a few photographs as a contestant over many.

    Attributes:
        bench: starts it.
        command: prints the seconds of one photograph.
        number: how many photographs its time is scaled to.
    """

    bench: Workbench
    command: Sequence[str]
    number: int
    name: str = LOOP
    once_where_slow: bool = False

    def run(self) -> Sample:
        """Run it over the few."""
        return Sample(float(self.bench.launch(self.command)) * self.number)


def measure(bench: Workbench) -> Report:
    """Check that the maps are equal, then measure rates and a repetition."""
    number, few = bench.effort.count(200, 10), bench.effort.count(12, 3)
    bank = filter_bank(bench.folder / "bank.npy", 7, FILTERS)
    check(bench, bank)
    many = photographs(bench.folder / "photographs", number)
    loop = textbook("loop.py", photographs(bench.folder / "few", few), "loop", bank)
    whole = bench.compare(
        f"{number} photographs, 8 filters",
        [
            *(bench.process(f"--jobs {jobs}", convolving(many, bank, jobs)) for jobs in (1, 2)),
            Loop(bench, without_scikit_learn(loop), number),
        ],
        reference=ONE,
    )
    repeated, each = repetition(bench)
    return report(whole, repeated, each, {"number": number, "few": few})


def convolving(many: Path, bank: Path, jobs: int) -> list[str]:
    """Return a command that does all photographs, each time."""
    return featuremap("convolve", many, "-k", bank, "-j", jobs, "-q", "--force", "-o", f"jobs{jobs}")


def check(bench: Workbench, bank: Path) -> None:
    """Compare the maps of one photograph."""
    one, maps = photographs(bench.folder / "checked", 1), bench.folder / "maps.npy"
    bench.launch(featuremap("convolve", one, "-k", bank, "-o", "checked-maps", "--arrays"))
    bench.launch(textbook("loop.py", one, "loop", bank, maps))
    ours = np.load(next((bench.folder / "checked-maps").rglob("*.maps.npz")))["maps"]
    equal_values("featuremap's maps and the loop's", np.load(maps)[0].transpose(2, 0, 1), ours, 1e-4)


def repetition(bench: Workbench) -> tuple[Comparison, float]:
    """Measure a finished run again; also return the seconds of one image, the start not counted."""
    number = bench.effort.count(1000, 50)
    many = photographs(bench.folder / "many", number, (64, 43))
    # Small maps: what a repetition looks at are the photographs' files.
    words = ("--resize", "32,32", "-q", "-o", "again")
    bench.launch(featuremap("convolve", many, *words))
    comparison = bench.compare(
        f"a finished run of {number} again",
        [
            bench.process("all", featuremap("convolve", many, *words)),
            bench.process("one photograph", featuremap("convolve", many / "0000.jpg", *words)),
        ],
        reference="",
    )
    return comparison, (comparison.of("all").median - comparison.of("one photograph").median) / (number - 1)


def report(whole: Comparison, repeated: Comparison, again: float, counts: dict[str, int]) -> Report:
    """Return rates, ratios and what is asked for."""
    rates = [
        Finding(f"{runs.contestant}: photographs a second", counts["number"] / runs.median, "a second")
        for runs in whole.runs
    ]
    return Report(
        "batch",
        "A folder of photographs",
        ABOUT.format(**counts),
        (whole, repeated),
        (
            *rates,
            Finding.of_ratio("--jobs 1 / --jobs 2", whole.ratio(ONE, TWO), at_least(1.6)),
            Finding.of_ratio("the loop / --jobs 1", whole.ratio(LOOP, ONE)),
            Finding.of_ratio("the loop / --jobs 2", whole.ratio(LOOP, TWO), at_least(10)),
            Finding("a finished run repeated, an image", again * 1000, "ms", goal=at_most(1)),
        ),
        tuple(note.format(**counts) for note in NOTES),
        reference=ONE,
    )


CASE = Case("batch", "200 photographs with one and two processes, against a loop; a finished run repeated", measure)
