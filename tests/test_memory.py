"""What a large photograph needs: memory for itself and not for its maps. The kernel measures, process by process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featuremap_cli.sources.locations import sample_path

MEGAPIXELS, FILTERS = 10, 16
MAPS = 1e6 * MEGAPIXELS * FILTERS * 4
PROGRAM = "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"
# The kernel counts the memory of whoever starts a process as that process's own, so a small one starts it.
STARTER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


def peak(folder: Path, *words: str) -> float:
    """Bytes that one command takes at its peak."""
    command = [sys.executable, "-c", STARTER, sys.executable, "-c", PROGRAM, *words]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    code, used = (int(word) for word in told.split())
    assert code == 0
    return used * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a large photograph and 16 filters."""
    made = tmp_path_factory.mktemp("large")
    size = round((1.5e6 * MEGAPIXELS) ** 0.5), round((1e6 * MEGAPIXELS / 1.5) ** 0.5)
    with Image.open(sample_path("sample:china")) as china:
        china.resize(size).save(made / "large.jpg")
    np.save(made / "bank.npy", np.random.default_rng(0).normal(size=(7, 7, 3, FILTERS)).astype(np.float32))
    return made


@pytest.mark.parametrize("words", [(), ("--separate",), ("--overlay",), ("--summary", "mean")], ids=" ".join)
def test_maps_of_a_large_photograph_are_never_whole_in_memory(folder: Path, words: tuple[str, ...]) -> None:
    used = peak(folder, "convolve", "large.jpg", "-k", "bank.npy", "-o", "out", "--force", *words)
    assert used < 0.6 * MAPS


def test_this_test_can_fail(folder: Path) -> None:
    assert peak(folder, "convolve", "large.jpg", "-k", "bank.npy", "-o", "arrays", "--arrays") > MAPS


def test_a_run_over_many_images_needs_no_more_than_one_over_few(tmp_path: Path) -> None:
    """A name for each image goes through what draws titles; nothing of a finished image may stay behind."""
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    used = []
    for count in (200, 1400):
        photographs = tmp_path / str(count)
        photographs.mkdir()
        for number in range(count):
            Image.fromarray(pixels).save(photographs / f"a-photograph-of-a-long-name-{number:05}.png", compress_level=1)
        words = ("convolve", str(photographs), "-k", "sobel-x", "--jobs", "1", "-q", "-o", f"{photographs}-out")
        used.append(peak(tmp_path, *words))
    assert used[1] - used[0] < 8e6


def test_one_image_takes_a_network_s_weights_once(tmp_path: Path) -> None:
    """Made ready for many runs, the runtime would hold them three times more."""
    import keras

    layers = [keras.layers.Conv2D(512, 3, padding="same", use_bias=False) for _ in range(8)]
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers])
    model.save(tmp_path / "wide.keras")
    weights = 4 * model.count_params()
    small = peak(tmp_path, "activations", "sample:china", "-m", "squeezenet", "-l", "0", "-q", "-o", "small")
    wide = peak(tmp_path, "activations", "sample:china", "-m", "wide.keras", "-l", "all", "-q", "-o", "wide")
    assert wide - small < 2 * weights
