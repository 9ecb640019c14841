"""All 53 convolutions of ResNet50 for one photograph, recorded and drawn, against Keras alone and against matplotlib.

Two ratios: the whole process against a bare Keras script that loads the same file and predicts the same outputs but
draws nothing; and drawing alone, a sheet of 64 maps for each layer against a matplotlib figure of 8x8 for each layer.
The network has random weights. Usage:
    python tests/benchmarks/activations.py [TURNS]
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from processes import CHINA, FEATUREMAP, HERE, in_turn

import featuremap_cli
from featuremap_cli.arrays import FeatureMaps, Image

SAVE = "import sys, keras; keras.applications.ResNet50(weights=None).save(sys.argv[1])"
# Output sizes of ResNet50's convolutions, (maps, side): how many layers have each.
LAYERS = {(64, 112): 1, (64, 56): 6, (256, 56): 4, (128, 28): 8, (512, 28): 5, (256, 14): 12, (1024, 14): 7}
LAYERS |= {(512, 7): 6, (2048, 7): 4}


def whole_process(turns: int, folder: str) -> None:
    """Print the medians of both processes and their ratio."""
    model = str(Path(folder, "resnet50.keras"))
    subprocess.run([sys.executable, "-c", SAVE, model], check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    words = ["activations", str(CHINA), "-m", model, "-l", "all", "-o", str(Path(folder, "out")), "--force"]
    commands = {
        "featuremap": [FEATUREMAP, *words],
        "bare Keras": [sys.executable, str(HERE / "textbook_activations.py"), model, str(CHINA)],
    }
    measured = in_turn(commands, turns)
    ratio = measured["featuremap"].seconds / measured["bare Keras"].seconds
    print(f"featuremap / bare Keras  {ratio:5.2f}   (target: at most 1.25)")


def drawing(runs: int) -> None:
    """Print the medians of drawing all layers, and their ratio."""
    random = np.random.default_rng(0)
    layers = [
        FeatureMaps(random.normal(size=(maps, side, side)).astype(np.float32), ("",) * maps, "layer")
        for (maps, side), count in LAYERS.items()
        for _ in range(count)
    ]
    image = featuremap_cli.read_image("sample:china")
    times: dict[str, list[float]] = {"featuremap": [], "matplotlib": []}
    for turn in range(runs + 1):
        for name, draw in (("featuremap", _sheet), ("matplotlib", _figure)):
            # Matplotlib's figures are alike in cost: a few stand for all 53.
            some = layers if name == "featuremap" else layers[:: len(layers) // 4]
            seconds = _time(draw, some, image) * len(layers) / len(some)
            if turn:
                times[name].append(seconds)
    medians = {name: statistics.median(of_name) for name, of_name in times.items()}
    for name, median in medians.items():
        print(f"{name:12} {median:7.2f} s for {len(layers)} layers of 64 maps")
    print(f"matplotlib / featuremap  {medians['matplotlib'] / medians['featuremap']:5.1f}   (target: at least 30)")


def _time(draw: Callable[[FeatureMaps, Image], None], layers: list[FeatureMaps], image: Image) -> float:
    start = time.perf_counter()
    for maps in layers:
        draw(maps, image)
    return time.perf_counter() - start


def _sheet(maps: FeatureMaps, image: Image) -> None:
    sheet = featuremap_cli.draw_maps(maps, featuremap_cli.SheetStyle(), "Feature maps", image)
    featuremap_cli.encode_png(sheet, {})


def _figure(maps: FeatureMaps, image: Image) -> None:
    figure, axes = plt.subplots(8, 8, figsize=(12, 12))
    for index, axis in enumerate(axes.flat):
        axis.imshow(maps.maps[index], cmap="gray")
        axis.set_title(str(index), fontsize=8)
        axis.axis("off")
    figure.savefig(io.BytesIO(), format="png")
    plt.close(figure)


def main() -> None:
    """Print both comparisons."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        whole_process(runs, folder)
    drawing(runs)


if __name__ == "__main__":
    main()
