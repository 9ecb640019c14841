"""Measure featuremap beside what people use instead, and write docs/benchmarks.md.

Usage: python tests/benchmarks [CASE...] [--turns N] [--quick] [--list] [--compare] [--write]
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import record_files
from cases import ALL
from cases.case import Case
from checks import OutputsDifferError
from comparison import verdicts
from contestants import HERE, ContestantFailedError
from effort import Effort
from machine import describe, versions
from measurements import Record, Report
from printing import Printer
from workbench import FEATUREMAP, workbench

DOCS = HERE.parents[1] / "docs"
FAULT, USAGE, MISSING = 1, 2, 6


def main() -> int:
    """Do what the command line asks for and return the exit code."""
    options = read_command_line()
    if options.list:
        for case in ALL:
            print(f"{case.name:12} {case.summary}")
        return 0
    cases = chosen(options.cases)
    missing = missing_extra(cases)
    if missing:
        print(missing, file=sys.stderr)
        return MISSING
    recorded = record_files.read(DOCS)
    if options.compare and recorded is None:
        print("--compare needs docs/benchmarks.json: run the whole suite first", file=sys.stderr)
        return USAGE
    printer = Printer()
    reports = run(cases, Effort(options.turns, options.quick), printer)
    if reports is None:
        return FAULT
    if options.write or not (options.cases or options.quick or options.compare):
        write(reports, recorded, printer)
    if options.compare and recorded is not None:
        return compare(reports, recorded, printer)
    return 0


def read_command_line() -> argparse.Namespace:
    """Return the options; the process ends with 2 where they cannot be used."""
    result = argparse.ArgumentParser(prog="python tests/benchmarks", description=(__doc__ or "").partition("\n")[0])
    names = [case.name for case in ALL]
    result.add_argument("cases", nargs="*", metavar="CASE", help=f"only these, of {', '.join(names)}", type=case_name)
    result.add_argument(
        "--turns", type=positive, metavar="N", help="turns instead of as many as the runs' length allows"
    )
    result.add_argument("--quick", action="store_true", help="one turn, small counts, nothing written: a smoke test")
    result.add_argument("--list", action="store_true", help="say what the cases are")
    result.add_argument("--compare", action="store_true", help="set each ratio beside the one in docs/benchmarks.json")
    result.add_argument("--write", action="store_true", help="write the page, whichever cases are run")
    options = result.parse_args()
    if options.quick and options.write:
        result.error("--quick measures nothing worth writing: leave out --write")
    return options


def case_name(word: str) -> str:
    """Return a word that names a case."""
    if word not in {case.name for case in ALL}:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(case.name for case in ALL)}, got {word}")
    return word


def positive(word: str) -> int:
    """Return a number of turns."""
    if not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"expected a number of turns above zero, got {word}")
    return int(word)


def chosen(names: Sequence[str]) -> list[Case]:
    """Return the cases that are named, or all that are run unasked, in their order."""
    return [case for case in ALL if (case.name in names if names else case.unasked)]


def missing_extra(cases: Sequence[Case]) -> str:
    """Return a line that says what has to be installed, or nothing."""
    for case in cases:
        absent = [name for name in case.needs if importlib.util.find_spec(name) is None]
        if absent:
            return f"{', '.join(absent)} not installed: pip install '.[{case.extra}]'"
    return "" if Path(FEATUREMAP).exists() else "featuremap not installed: pip install '.[bench]'"


def run(cases: Sequence[Case], effort: Effort, printer: Printer) -> list[Report] | None:
    """Measure the cases; None where one of them cannot be measured."""
    reports = []
    for case in cases:
        start = time.perf_counter()
        printer.head(case.name, case.summary)
        try:
            with workbench(effort, printer) as bench:
                reports.append(case.measure(bench))
        except (OutputsDifferError, ContestantFailedError) as error:
            what = "outputs differ" if isinstance(error, OutputsDifferError) else "a contestant failed"
            printer.say(f"{case.name}: {what}: {error}", "bold red")
            return None
        printer.findings(reports[-1])
        printer.say(f"  took {time.perf_counter() - start:.0f} s", "dim")
    return reports


def write(reports: Sequence[Report], recorded: Record | None, printer: Printer) -> None:
    """Write the page and the raw numbers."""
    record = Record(date.today().isoformat(), describe(), versions(), tuple(reports))
    whole = {case.name for case in ALL if case.unasked} <= {report.case for report in reports}
    order = [case.name for case in ALL]
    try:
        paths = record_files.write(record if whole else record_files.joined(record, recorded, order), DOCS)
    except record_files.StrangeRecordError as error:
        raise SystemExit(str(error)) from error
    printer.say(f"\nwritten: {', '.join(path.relative_to(HERE.parents[1]).as_posix() for path in paths)}")


def compare(reports: Sequence[Report], recorded: Record, printer: Printer) -> int:
    """Print each ratio beside the recorded one; 1 if one has moved by more than the tolerance."""
    printer.say("")
    both = list(verdicts(reports, recorded.reports))
    for verdict in both:
        printer.say(str(verdict), "" if verdict.holds else "bold red")
    moved = sum(not verdict.holds for verdict in both)
    printer.say(f"{len(both) - moved} of {len(both)} ratios are within the tolerance")
    return FAULT if moved else 0


if __name__ == "__main__":
    sys.exit(main())
