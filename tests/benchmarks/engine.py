"""The NumPy engine against `tf.nn.conv2d`, compute only: 640x427x3, {2, 16, 64, 256} filters of {3, 7, 11}.

First both must give the same maps. Then they run in turn, so that a drift of the machine's speed meets both. Usage:
    python tests/benchmarks/engine.py [RUNS] [--keep-environment]

The maps are written where the maps of the last run were, as TensorFlow does with the memory of a tensor that is gone.
The processor decides what is compared: where it has AVX-512 with VNNI, TensorFlow convolves with oneDNN, elsewhere, or
with TF_ENABLE_ONEDNN_OPTS=0, with Eigen. Both sides choose their instructions by the processor: OPENBLAS_CORETYPE,
which holds OpenBLAS to older ones, is taken out of the environment unless --keep-environment is given.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEEP = "--keep-environment"
if KEEP not in sys.argv:
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from featuremap_cli.arrays import FilterBank, Float32  # noqa: E402
from featuremap_cli.convolution.engine import Convolution  # noqa: E402
from featuremap_cli.convolution.operation import Operation  # noqa: E402
from featuremap_cli.sources.images import read_image  # noqa: E402

CHINA = Path(__file__).resolve().parents[2] / "sample_images" / "china.jpg"
COUNTS, SIZES = (2, 16, 64, 256), (3, 7, 11)
MEAN_GOAL, WORST_GOAL = 1.0, 1.5


def main() -> None:
    """Print medians and ratios; end with 1 if a goal is missed."""
    numbers = [argument for argument in sys.argv[1:] if argument != KEEP]
    runs = int(numbers[0]) if numbers else 15
    pixels = read_image(str(CHINA)).pixels
    random = np.random.default_rng(0)
    ratios = []
    print(f"{'filters':>7} {'size':>5} {'NumPy':>9} {'TensorFlow':>11} {'ratio':>6}")
    for count in COUNTS:
        for size in SIZES:
            weights = random.normal(size=(size, size, 3, count)).astype(np.float32)
            ours, theirs = measure(pixels, weights, runs)
            ratios.append(ours / theirs)
            print(f"{count:7} {size:3}x{size:<2} {ours:6.1f} ms {theirs:8.1f} ms {ratios[-1]:6.2f}", flush=True)
    mean = statistics.geometric_mean(ratios)
    print(f"geometric mean {mean:.2f} (goal {MEAN_GOAL}), largest {max(ratios):.2f} (goal {WORST_GOAL})")
    if mean > MEAN_GOAL or max(ratios) > WORST_GOAL:
        raise SystemExit(1)


def measure(pixels: Float32, weights: Float32, runs: int) -> tuple[float, float]:
    """Return the median milliseconds of the engine and of TensorFlow, after checking that they agree."""
    count = weights.shape[3]
    bank = FilterBank(weights, ("",) * count, np.zeros(count, np.float32), "random")
    batch, filters = tf.constant(pixels[np.newaxis]), tf.constant(weights)

    maps = np.empty((count, *pixels.shape[:2]), np.float32)

    def ours() -> Float32:
        Convolution.plan(pixels, [bank], Operation()).fill(0, maps)
        return maps

    def theirs() -> tf.Tensor:
        return tf.nn.conv2d(batch, filters, 1, "SAME")

    np.testing.assert_allclose(ours(), theirs().numpy()[0].transpose(2, 0, 1), rtol=1e-3, atol=1e-3)
    times: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
    for _ in range(runs):
        for work, of_work in times.items():
            start = time.perf_counter()
            work()
            of_work.append(time.perf_counter() - start)
    medians = [statistics.median(of_work) * 1000 for of_work in times.values()]
    return medians[0], medians[1]


if __name__ == "__main__":
    main()
