"""How time and memory grow with the size of the image, the number of filters and the number of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from measurements import Comparison, Finding, Report, at_most, fit_line
from photographs import CHINA, filter_bank, of_megapixels, photographs
from workbench import Workbench, featuremap

from cases.case import Case

MEGAPIXELS = (0.1, 0.5, 2.0, 8.0, 24.0, 50.0)
FILTERS = (2, 16, 64, 256)
IMAGES = (1, 20, 200, 1000)
OURS = "featuremap"
MEMORY_GOAL = at_most(1500)

ABOUT = (
    "Whole `featuremap convolve` processes, with one number changed at a time: the size of the image (a JPEG of so "
    "many megapixels, 16 filters of 7x7), the number of filters (7x7, on 640 x 427; a sheet shows the first 64), "
    "and the number of images (160 x 107, two filters of 7x7). Through each series goes the straight line with the "
    "least squares; its deviation is the largest distance of a point from it, as a part of the line's value there."
)

Point = tuple[float, Comparison]


def measure(bench: Workbench) -> Report:
    """Measure along three axes, one number changed at a time."""
    size = series(bench, MEGAPIXELS, lambda megapixels: of_size(bench, megapixels))
    filters = series(bench, FILTERS, lambda count: of_filters(bench, int(count)))
    images = series(bench, IMAGES, lambda count: of_images(bench, int(count)))
    findings = [*growth("megapixel", size), *growth("filter", filters), *growth("image", images)]
    largest, comparison = size[-1]
    peak = comparison.of(OURS).peak
    assert peak is not None
    goal = MEMORY_GOAL if largest == MEGAPIXELS[-1] else None
    findings.append(Finding(f"{largest:g} megapixels through 16 filters, peak memory", peak, "MB", goal=goal))
    return Report(
        "growth",
        "Growth",
        ABOUT,
        tuple(comparison for _, comparison in (*size, *filters, *images)),
        tuple(findings),
        ("Once a run has taken 0.3 s, worker processes join in; the peak memory is that of the largest process.",),
    )


def series(bench: Workbench, numbers: Sequence[float], task: Callable[[float], tuple[str, list[str]]]) -> list[Point]:
    """Measure a command for each number; a smoke test takes the first two."""
    points = []
    for number in numbers[: bench.effort.count(len(numbers), 2)]:
        subject, command = task(number)
        points.append((number, bench.compare(subject, [bench.process(OURS, command)])))
    return points


def of_size(bench: Workbench, megapixels: float) -> tuple[str, list[str]]:
    """Return 16 filters on an image of so many megapixels."""
    bank = filter_bank(bench.folder / "sixteen.npy", 7, 16)
    image = of_megapixels(bench.folder / f"{megapixels:g}.jpg", megapixels)
    return f"{megapixels:g} megapixels", featuremap("convolve", image, "-k", bank, "-q", "--force", "-o", "sizes")


def of_filters(bench: Workbench, count: int) -> tuple[str, list[str]]:
    """Return so many filters on the photograph."""
    bank = filter_bank(bench.folder / f"bank{count}.npy", 7, count)
    return f"{count} filters", featuremap("convolve", CHINA, "-k", bank, "-q", "--force", "-o", "filters")


def of_images(bench: Workbench, count: int) -> tuple[str, list[str]]:
    """Return two filters on so many small photographs."""
    folder = photographs(bench.folder / f"images{count}", count, (160, 107))
    noun = "image" if count == 1 else "images"
    return f"{count} {noun}", featuremap("convolve", folder, "-q", "--force", "-o", f"maps{count}")


def growth(noun: str, points: Sequence[Point]) -> list[Finding]:
    """Return what one more costs, what none would, and how far the points are from a line."""
    line = fit_line([(number, comparison.of(OURS).median) for number, comparison in points])
    return [
        Finding(f"each {noun}", line.slope * 1000, "ms"),
        Finding(f"each {noun}: the line's start", line.start * 1000, "ms"),
        Finding(f"each {noun}: largest deviation from the line, at {line.where:g}", line.deviation * 100, "%"),
    ]


CASE = Case("growth", "time and memory over image size, filters and images", measure)
