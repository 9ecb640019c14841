"""The engine alone: one convolution by NumPy, TensorFlow, PyTorch and OpenCV, compute only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from checks import equal_values
from contestants import InProcess, Worker
from measurements import Comparison, Finding, Report, at_most, geometric_mean
from photographs import filter_bank, pixels
from workbench import Workbench

from cases.case import Case

IMAGES = ((320, 214), (640, 427), (1920, 1281))
COUNTS = (2, 16, 64, 256)
SIZES = (3, 7, 11)
STRIDES = (1, 2)
MEAN_GOAL, WORST_GOAL = at_most(1.0), at_most(1.5)

OURS, FRESH = "featuremap", "featuremap, new memory"
TENSORFLOW, EIGEN, TORCH, OPENCV = "TensorFlow", "TensorFlow without oneDNN (Eigen)", "PyTorch", "OpenCV"

OPENCV_MOST = 40e6
"""OpenCV's time is so many times that of one filter; beyond this many output values it is left out."""

_LONG = 4e9
"""Multiplications from which on three turns are taken: the slowest contestants take seconds."""

_MOST_COMPARED = 30e6
_TOLERANCE = 1e-4

ABOUT = (
    "One convolution of one image with random filters, compute only, SAME padding, float32: featuremap's NumPy "
    "engine against `tf.nn.conv2d`, `torch.nn.functional.conv2d` on the CPU, and OpenCV's `filter2D` for each "
    "channel of each filter, summed (OpenCV has no stride: with stride 2 it computes all and throws three quarters "
    "away). Each library keeps its data in the order that it prefers. Checked first: everybody's maps are equal."
)
NOTES = (
    "A geometric mean below 1 means that featuremap is faster. It writes its maps where the maps of the run "
    "before were, as TensorFlow with oneDNN does, which keeps the memory of tensors that are gone; PyTorch, "
    "OpenCV and TensorFlow with Eigen ask the system for memory each time, and `new memory` has featuremap do "
    "so too.",
    "The processor decides what is compared: where it has AVX-512 with VNNI, TensorFlow convolves with "
    "oneDNN, elsewhere, or with `TF_ENABLE_ONEDNN_OPTS=0`, with Eigen.",
    "OpenCV's time grows with the number of filters and nothing else, so that it is left out where the maps, "
    f"at stride 1, would have more than {OPENCV_MOST / 1e6:.0f} million values; where it takes more than 3 s "
    "a run, one run is counted.",
    "A run shorter than 30 ms is repeated within its turn until they are full, after one that is not counted; "
    "the turn's number is their median.",
)


@dataclass(frozen=True)
class Task:
    """One convolution.

    Attributes:
        image: (width, height).
        count: filters.
        size: of a filter, in rows and columns.
        stride: in both directions.
    """

    image: tuple[int, int]
    count: int
    size: int
    stride: int

    def __str__(self) -> str:
        width, height = self.image
        return f"{width} x {height}, {self.count} of {self.size}x{self.size}, stride {self.stride}"

    @property
    def values(self) -> int:
        """How many values the maps have."""
        return self.count * self.image[0] * self.image[1] // self.stride**2

    @property
    def multiplications(self) -> int:
        """How many multiplications that takes, for one channel."""
        return self.values * self.size**2


def tasks(bench: Workbench) -> Iterator[Task]:
    """Yield all tasks, or for a smoke test a few small ones."""
    if bench.effort.quick:
        yield from (Task((320, 214), count, size, stride) for count, size, stride in ((2, 7, 1), (16, 3, 2)))
        return
    yield from (Task(*parts) for parts in product(IMAGES, COUNTS, SIZES, STRIDES))


def measure(bench: Workbench) -> Report:
    """Check and measure one task after the other."""
    workers = {
        OURS: (bench.worker(), "featuremap", {"fresh": False}),
        FRESH: (bench.worker(), "featuremap", {"fresh": True}),
        TENSORFLOW: (bench.worker(), "tensorflow", {}),
        EIGEN: (bench.worker({"TF_ENABLE_ONEDNN_OPTS": "0"}), "tensorflow", {}),
        TORCH: (bench.worker(), "pytorch", {}),
        OPENCV: (bench.worker(), "opencv", {}),
    }
    comparisons = []
    for task in tasks(bench):
        contestants = []
        for name, (worker, function, more) in workers.items():
            if name != OPENCV or task.stride**2 * task.values <= OPENCV_MOST:
                prepare(bench.folder, worker, function, task, more)
                contestants.append(InProcess(name, worker, once_where_slow=name == OPENCV))
        check(bench.folder, task, contestants)
        turns = 3 if task.multiplications > _LONG else None
        comparisons.append(bench.compare(str(task), contestants, turns=turns))
    return report(tuple(comparisons))


def prepare(folder: Path, worker: Worker, function: str, task: Task, more: dict[str, bool]) -> None:
    """Hand a task's image and filters to a worker."""
    image = folder / f"{task.image[0]}.npy"
    if not image.exists():
        np.save(image, pixels(*task.image))
    bank = filter_bank(folder / "bank.npy", task.size, task.count)
    paths = {"pixels": str(image), "weights": str(bank)}
    worker.prepare(f"in_process.convolutions:{function}", **paths, stride=task.stride, **more)


def check(folder: Path, task: Task, contestants: list[InProcess]) -> None:
    """Compare everybody's maps with TensorFlow's; of many large maps, every few."""
    step = -(-task.values // int(_MOST_COMPARED))
    expected = saved(folder, next(each for each in contestants if each.name == TENSORFLOW), step)
    for each in contestants:
        if each.name != TENSORFLOW:
            equal_values(f"{task}, {each.name}", expected, saved(folder, each, step), _TOLERANCE)


def saved(folder: Path, contestant: InProcess, step: int) -> np.ndarray:
    """Return what a contestant computes."""
    path = folder / "maps.npy"
    contestant.worker.save(path, step)
    maps: np.ndarray = np.load(path)
    return maps


def report(comparisons: tuple[Comparison, ...]) -> Report:
    """Return the geometric means, and what is asked for."""
    findings = [finding for peer in (TENSORFLOW, EIGEN, TORCH, OPENCV) for finding in against(comparisons, peer)]
    return Report(
        "engine",
        "The engine",
        ABOUT,
        comparisons,
        tuple(findings),
        NOTES,
        reference=OURS,
        wide=True,
    )


def against(comparisons: tuple[Comparison, ...], peer: str) -> Iterator[Finding]:
    """Yield the geometric mean and the largest of featuremap's seconds over a peer's; goals are for TensorFlow."""
    both = [each for each in comparisons if any(runs.contestant == peer for runs in each.runs)]
    for name in (OURS, FRESH):
        asked = peer == TENSORFLOW and name == OURS
        label = f"{name} / {peer}, {len(both)} tasks"
        mean = geometric_mean([each.ratios(name, peer) for each in both])
        yield Finding.of_ratio(f"{label}, geometric mean", mean, MEAN_GOAL if asked else None)
        worst = max((each.ratio(name, peer) for each in both), key=lambda ratio: ratio.value)
        yield Finding.of_ratio(f"{label}, largest", worst, WORST_GOAL if asked else None)


CASE = Case("engine", "one convolution, compute only, against TensorFlow, PyTorch and OpenCV", measure)
