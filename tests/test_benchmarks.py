"""The benchmark suite without its timings: arithmetic, turns, checks, the page and the comparison with the record."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from featuremap_cli.convolution.engine import convolve
from featuremap_cli.convolution.geometry import same_padding
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.sources.filter_files import read_filter_file

BENCHMARKS = Path(__file__).parent / "benchmarks"
DOCS = Path(__file__).parents[1] / "docs"


def load(name: str) -> ModuleType:
    """A module of the suite, which is a program and no package."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        if name != "__main__":
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location("benchmark_suite", BENCHMARKS / "__main__.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


suite, records, page, amounts = load("__main__"), load("measurements"), load("page"), load("amounts")
contestants, effort, checks, comparison = load("contestants"), load("effort"), load("checks"), load("comparison")
headline = load("headline")
record_files, machine, printing, case = load("record_files"), load("machine"), load("printing"), load("cases.case")


def a_report(ours: tuple[float, ...] = (2.0, 2.0, 2.5), theirs: tuple[float, ...] = (30.0, 20.0, 30.0)) -> Any:
    """A report of two contestants whose ratios are 15, 10 and 12."""
    runs = (records.Runs("featuremap", ours, (54.2, 55.8, 54.9)), records.Runs("textbook", theirs, (700.0,)))
    compared = records.Comparison("two filters", runs)
    ratio = compared.ratio("textbook", "featuremap")
    findings = (
        records.Finding.of_ratio("textbook / featuremap", ratio, records.at_least(12)),
        records.Finding("a photograph", 1.25, "ms", goal=records.at_most(1)),
        records.Finding("rate", 20.0, "a second"),
    )
    return records.Report("convolve", "Two filters", "What was done.", (compared,), findings, ("A note.",))


def a_record(*reports: Any) -> Any:
    return records.Record("2026-01-31", {"processor": "Example", "cores": "2"}, {"Python": "3.13.1"}, reports)


def compared(first: list[float], second: list[float]) -> Any:
    return records.Comparison("x", (records.Runs("A", tuple(first)), records.Runs("B", tuple(second))))


def test_a_ratio_is_the_median_of_the_ratios_of_each_turn() -> None:
    assert compared([2.0, 4.0, 9.0], [1.0, 2.0, 3.0]).ratio("A", "B") == records.Ratio(2.0, 2.0, 3.0)
    # The medians alone, 4 / 2, would hide that the second contestant was never twice as fast.
    assert compared([3.0, 4.0, 5.0], [1.0, 4.0, 2.0]).ratio("A", "B") == records.Ratio(2.5, 1.0, 3.0)


def test_a_turn_that_only_one_contestant_has_is_left_out() -> None:
    assert compared([6.0], [2.0, 1.0, 1.0]).ratio("A", "B") == records.Ratio(3.0, 3.0, 3.0)


def test_a_geometric_mean_has_the_range_of_its_turns() -> None:
    # By hand: the roots of 2 x 8, 8 x 8 and 0.5 x 8.
    mean = records.geometric_mean([[2.0, 8.0, 0.5], [8.0]])
    assert (mean.value, mean.low, mean.high) == pytest.approx((4.0, 2.0, 8.0))


def test_runs_have_a_median_and_a_peak() -> None:
    runs = records.Runs.of("one", [records.Sample(3.0, 10.0), records.Sample(1.0, 30.0), records.Sample(2.5, 20.0)])
    assert (runs.median, runs.peak) == (2.5, 30.0)
    assert records.Runs.of("one", [records.Sample(3.0)]).peak is None


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [("at_least", 12.0, "met"), ("at_least", 11.9, "missed"), ("at_most", 12.0, "met"), ("at_most", 12.1, "missed")],
)
def test_goals(goal: str, value: float, verdict: str) -> None:
    assert records.Finding("x", value, goal=getattr(records, goal)(12)).verdict == verdict
    assert records.Finding("x", value).verdict == ""


def test_a_line_through_points() -> None:
    exact = records.fit_line([(1, 5), (2, 7), (4, 11)])
    assert (exact.slope, exact.start, exact.deviation) == pytest.approx((2, 3, 0))
    # By hand: the slope is 3/2, the start 1/3; at 1 the line has 11/6 and the point 2, at 2 it has 10/3 and 3.
    bent = records.fit_line([(1, 2), (2, 3), (3, 5)])
    assert (bent.slope, bent.start, bent.deviation, bent.where) == pytest.approx((1.5, 1 / 3, 0.1, 2))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00123, "1.23 ms"),
        (0.0456, "45.6 ms"),
        (12.34, "12.3 s"),
        (0.25, "250 ms"),
        (1.234, "1.23 s"),
        (1234.5, "1,234 s"),
    ],
)
def test_seconds_as_text(seconds: float, text: str) -> None:
    assert amounts.took(seconds) == text


def test_ranges_and_ratios_as_text() -> None:
    assert amounts.span([1.5, 1.25]) == "1.25 to 1.50 s"
    assert amounts.span([0.9, 1.25]) == "900 ms to 1.25 s"
    assert amounts.share(records.Ratio(12.34, 11.9, 0.456)) == "12.3 (11.9 to 0.46)"
    assert amounts.share(records.Ratio(2.0, 2.0, 2.0)) == "2.00"


@dataclass
class Counted:
    """A contestant that notes when it ran."""

    name: str
    log: list[str]
    seconds: float = 0.5
    once_where_slow: bool = False
    ran: int = field(default=0)

    def run(self) -> Any:
        self.log.append(self.name)
        self.ran += 1
        return records.Sample(self.seconds * self.ran)


def test_contestants_take_turns_after_one_that_does_not_count() -> None:
    log: list[str] = []
    result = contestants.take_turns("x", [Counted("A", log), Counted("B", log)], effort.Effort(wanted=3))
    assert log == ["A", "B"] * 4
    assert result.of("A").seconds == (1.0, 1.5, 2.0)


def test_what_is_slow_may_count_once() -> None:
    log: list[str] = []
    slow = Counted("B", log, 4.0, once_where_slow=True)
    contestants.take_turns("x", [Counted("A", log), slow], effort.Effort(wanted=3))
    assert log == ["A", "B", "A", "B", "A", "A"]


@pytest.mark.parametrize(("longest", "turns"), [(0.2, 7), (4.0, 5), (11.0, 3)])
def test_turns_by_the_length_of_a_run(longest: float, turns: int) -> None:
    assert effort.Effort().turns([0.1, longest]) == turns
    assert effort.Effort(wanted=2).turns([longest]) == 2
    assert effort.Effort(quick=True).turns([longest]) == 1


def test_contestants_start_without_what_holds_libraries_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in contestants.TAKEN_OUT:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEPT", "1")
    environment = contestants.environment({"TF_ENABLE_ONEDNN_OPTS": "0"})
    assert environment["KEPT"] == "1"
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert set(contestants.TAKEN_OUT) & set(environment) == {"TF_ENABLE_ONEDNN_OPTS"}


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Any]:
    starter = contestants.Launcher(tmp_path)
    yield starter
    starter.close()


def test_a_whole_process_is_measured_by_itself(launcher: Any) -> None:
    held = np.ones(40_000_000, np.float32)  # 160 MB here, which the kernel would count for a process started from here
    sample = launcher.launch([sys.executable, "-S", "-c", "import time; time.sleep(0.2); print('told')"])
    assert 0.2 < sample.seconds < 5
    assert 1 < sample.megabytes < 80 < held.nbytes / 2**20
    assert launcher.output.read_text(encoding="utf-8") == "told\n"


def test_a_process_that_fails_ends_the_measuring(launcher: Any) -> None:
    with pytest.raises(contestants.ContestantFailedError, match=r"ended with 3:\nwhy"):
        launcher.launch([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"])


def test_a_worker_runs_the_engine(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels, weights = (random.random(shape, np.float32) for shape in ((21, 30, 3), (3, 5, 3, 6)))
    np.save(tmp_path / "pixels.npy", pixels)
    np.save(tmp_path / "bank.npy", weights)
    worker = contestants.Worker()
    try:
        paths = {"pixels": str(tmp_path / "pixels.npy"), "weights": str(tmp_path / "bank.npy")}
        worker.prepare("in_process.convolutions:featuremap", **paths, stride=2, fresh=False)
        assert contestants.InProcess("featuremap", worker).run().seconds > 0
        worker.save(tmp_path / "maps.npy", step=2)
        with pytest.raises(contestants.ContestantFailedError, match="no_such_function"):
            worker.prepare("in_process.convolutions:no_such_function")
    finally:
        worker.close()
    bank = read_filter_file(str(tmp_path / "bank.npy"))
    expected = convolve(pixels, bank, Operation(strides=(2, 2))).maps[::2]
    np.testing.assert_allclose(np.load(tmp_path / "maps.npy"), expected, rtol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_peers_are_padded_as_tensorflow_pads(stride: int) -> None:
    padding = load("in_process.convolutions").same_padding
    for length in range(1, 30):
        for size in (1, 2, 3, 7):
            assert padding(length, size, stride) == same_padding(length, size, stride, 1)


def test_values_are_compared_by_the_largest() -> None:
    values = np.array([100.0, 1.0])
    checks.equal_values("x", values, values + 0.05, 1e-3)
    for other in (values + 0.2, np.array([np.nan, 1.0]), values[:1]):
        with pytest.raises(checks.OutputsDifferError):
            checks.equal_values("x", values, other, 1e-3)


def test_tiles_are_found_on_a_sheet() -> None:
    random = np.random.default_rng(0)
    sheet = np.full((90, 120), 255, np.uint8)
    tiles = [random.integers(0, 255, (20, 30), np.uint8) for _ in range(4)]
    for tile, (top, left) in zip(tiles, [(10, 5), (10, 50), (40, 5), (40, 50)], strict=True):
        sheet[top : top + 20, left : left + 30] = tile
    sheet[15, 60] += 2
    checks.find_tiles("x", sheet, tiles)
    assert checks.find_tile("x", sheet, tiles[3]) == 40
    sheet[45, 60] += 3
    with pytest.raises(checks.OutputsDifferError, match="tile 3"):
        checks.find_tiles("x", sheet, tiles)


def test_the_page_says_what_was_found() -> None:
    text = page.page(a_record(a_report()))
    for line in (
        "1 of 2 goals are met, 1 missed.",
        "| [Two filters](#two-filters) | textbook / featuremap | **12.0** (10.0 to 15.0) | at least 12 | met |",
        "| [Two filters](#two-filters) | a photograph | **1.25 ms** | at most 1 | missed |",
        "| processor | Example |",
        "| date | 2026-01-31 |",
        "| Python | 3.13.1 |",
        "`python tests/benchmarks convolve`: What was done.",
        "|  | contestant | median | range | runs | peak memory | times featuremap's |",
        "| two filters | featuremap | 2.00 s | 2.00 to 2.50 s | 3 | 56 MB |  |",
        "|  | textbook | 30.0 s | 20.0 to 30.0 s | 3 | 700 MB | 12.0 (10.0 to 15.0) |",
        "- textbook / featuremap: **12.0** (10.0 to 15.0); at least 12 is asked for: met",
        "- a photograph: **1.25 ms**; at most 1 is asked for: missed",
        "- rate: **20.0 a second**",
        "A note.",
    ):
        assert line in text.splitlines()
    assert "`OPENBLAS_CORETYPE`" in text


def test_a_wide_table_has_a_column_a_contestant() -> None:
    first = a_report().comparisons[0]
    alone = records.Comparison("four filters", (records.Runs("featuremap", (0.5,)),))
    text = page.page(a_record(replace(a_report(), comparisons=(first, alone), wide=True)))
    assert "|  | featuremap | textbook | runs |" in text
    assert "| two filters | 2.00 s | 30.0 s (×12.0) | 3 |" in text
    assert "| four filters | 500 ms | — | 1 |" in text


def test_a_record_comes_back_from_its_file(tmp_path: Path) -> None:
    record = a_record(a_report())
    assert record_files.read(tmp_path) is None
    record_files.write(record, tmp_path)
    assert record_files.read(tmp_path) == record
    assert (tmp_path / "benchmarks.md").read_text(encoding="utf-8") == page.page(record)


def test_the_page_in_docs_is_that_of_the_numbers_beside_it() -> None:
    record = record_files.read(DOCS)
    assert record is not None
    assert (DOCS / "benchmarks.md").read_text(encoding="utf-8") == page.page(record)


def test_the_figures_in_the_readme_are_those_of_the_record() -> None:
    record = record_files.read(DOCS)
    assert record is not None
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert readme == headline.in_readme(readme, record)
    # By hand, from the raw seconds of the first row.
    runs = {runs.contestant: sorted(runs.seconds) for runs in record.reports[0].comparisons[0].runs}
    middle = runs["featuremap"][len(runs["featuremap"]) // 2]
    assert f"| two filters on a photograph | {middle * 1000:.0f} ms, " in readme
    with pytest.raises(ValueError, match="marks"):
        headline.in_readme("no marks", record)


def test_some_cases_join_the_recorded_others_of_the_same_machine() -> None:
    other = replace(a_report(), case="engine")
    old, new = a_record(other, replace(a_report(), title="Old")), a_record(a_report())
    joined = record_files.joined(new, old, ["engine", "convolve"])
    assert [report.case for report in joined.reports] == ["engine", "convolve"]
    assert joined.reports[1].title == "Two filters"
    with pytest.raises(record_files.StrangeRecordError):
        record_files.joined(new, replace(old, machine={"processor": "Another"}), ["engine", "convolve"])


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (0.85, 0), (1.15, 0), (0.79, 1), (1.21, 1)])
def test_compare_ends_with_1_where_a_ratio_has_moved(
    factor: float, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    now = a_report(theirs=(30.0 * factor, 20.0 * factor, 30.0 * factor))
    assert suite.compare([now], a_record(a_report()), printing.Printer()) == code
    printed = capsys.readouterr().out
    assert f"recorded 12.0 ({factor - 1:+.0%}): {'not ' if code else ''}within 20%" in printed
    assert f"{1 - code} of 1 ratios are within the tolerance" in printed


def test_only_ratios_are_compared() -> None:
    labels = [verdict.label for verdict in comparison.verdicts([a_report()], [a_report()])]
    assert labels == ["textbook / featuremap"]
    assert not list(comparison.verdicts([a_report()], [replace(a_report(), case="engine")]))


def test_a_missing_peer_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(bench: Any) -> Any:
        raise AssertionError("measured all the same")

    monkeypatch.setattr(suite, "ALL", (case.Case("first", "", measure, needs=("no_such_peer",)),))
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert suite.main() == 6
    assert capsys.readouterr().err == "no_such_peer not installed: pip install '.[bench]'\n"


def test_a_case_whose_outputs_differ_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(bench: Any) -> Any:
        raise checks.OutputsDifferError("map 3 differs")

    cases = [case.Case("first", "", measure), case.Case("second", "", measure)]
    assert suite.run(cases, effort.Effort(), printing.Printer()) is None


def test_the_command_lists_its_cases() -> None:
    program = [sys.executable, str(BENCHMARKS), "--list"]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in told.splitlines()] == [each.name for each in suite.ALL]
    wrong = subprocess.run([*program[:-1], "no-such-case"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "expected one of convolve, engine" in wrong.stderr


def test_every_script_of_the_textbook_is_used() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in BENCHMARKS.glob("**/*.py"))
    for script in (BENCHMARKS / "textbook").glob("*.py"):
        assert f'"{script.name}"' in sources


def test_the_machine_in_words() -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: Example 9000\nflags\t\t: sse2 avx2\n"
    assert machine.processor(cpuinfo) == "Example 9000"
    pools = [{"user_api": "blas", "internal_api": "openblas", "version": "0.3.30", "architecture": "SkylakeX"}]
    assert machine.blas_words(pools) == "openblas 0.3.30, SkylakeX kernels"
    assert machine.blas_words([]) == "not known"
