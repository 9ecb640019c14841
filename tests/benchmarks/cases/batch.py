"""A folder of photographs: worker processes, the textbook's loop, and a finished run that is repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from checks import equal_values
from measurements import Comparison, Finding, Report, Runs, Sample, at_least, at_most
from photographs import filter_bank, photographs
from workbench import Workbench, featuremap, textbook, without_scikit_learn

from cases.case import Case

FILTERS = 8
LOOP = "TensorFlow, matplotlib"


def measure(bench: Workbench) -> Report:
    """Check that the maps are equal, then measure rates and a repetition."""
    number, few = bench.effort.count(200, 10), bench.effort.count(12, 3)
    bank = filter_bank(bench.folder / "bank.npy", 7, FILTERS)
    many = photographs(bench.folder / "photographs", number)
    check(bench, bank)
    whole = bench.compare(
        f"{number} photographs, 8 filters",
        [bench.process(f"--jobs {jobs}", convolving(many, bank, jobs)) for jobs in (1, 2)],
        reference="--jobs 1",
    )
    loop = looping(bench, bank, photographs(bench.folder / "few", few), len(whole.runs[0].seconds))
    repeated, each = repetition(bench)
    return report(number, (whole, loop, repeated), each)


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


def looping(bench: Workbench, bank: Path, few: Path, turns: int) -> Comparison:
    """Measure the loop's seconds a photograph, imports and the first photograph not counted."""
    command = without_scikit_learn(textbook("loop.py", few, "loop", bank))
    with bench.printer.at_work(LOOP):
        samples = [Sample(float(bench.launch(command))) for _ in range(turns)]
    comparison = Comparison("one photograph of the loop", (Runs.of(LOOP, samples),))
    bench.printer.show(comparison, "")
    return comparison


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


def report(number: int, comparisons: tuple[Comparison, ...], again: float) -> Report:
    """Return rates, ratios and what is asked for."""
    whole, loop, _ = comparisons
    rates = {runs.contestant: number / runs.median for runs in whole.runs}
    rates[LOOP] = 1 / loop.of(LOOP).median
    return Report(
        "batch",
        "A folder of photographs",
        f"`featuremap convolve` over {number} photographs of 640 x 427 with 8 filters of 7x7, whole processes with one "
        "and with two worker processes, against a loop that reads, convolves with TensorFlow and draws a matplotlib "
        "figure for each photograph. Checked first: the maps are equal.",
        comparisons,
        (
            *(Finding(f"{name}: photographs a second", rate, "a second") for name, rate in rates.items()),
            Finding.of_ratio("--jobs 1 / --jobs 2", whole.ratio("--jobs 1", "--jobs 2"), at_least(1.6)),
            Finding("--jobs 1 against the loop", rates["--jobs 1"] / rates[LOOP]),
            Finding("--jobs 2 against the loop", rates["--jobs 2"] / rates[LOOP], goal=at_least(10)),
            Finding("a finished run repeated, an image", again * 1000, "ms", goal=at_most(1)),
        ),
        (
            "featuremap's rates are those of whole processes, their start included; the loop's are without imports "
            "and its first photograph.",
            "The peak memory is that of the largest process.",
        ),
    )


CASE = Case("batch", "200 photographs with one and two processes, against a loop; a finished run repeated", measure)
