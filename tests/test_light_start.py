"""Heavy packages are imported only where they are used, and the test that says so can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HEAVY = ("tensorflow", "keras", "matplotlib", "tifffile", "h5py", "rich.progress", "multiprocessing", "sklearn")
PROGRAM = """
import sys
from featuremap_cli.commands.app import main
code = main(sys.argv[1:])
print("LOADED", *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def loaded_by(folder: Path, *words: str) -> set[str]:
    """The heavy packages that a command has imported, in a process of its own."""
    program = [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *words]
    result = subprocess.run(program, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stderr.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["convolve", "--help"],
        ["--version"],
        ["kernels"],
        ["arithmetic", "150x100x3", "conv 200 5x5 same", "--json"],
        ["networks"],
        ["layers", "alexnet"],
        ["convolve", "sample:china", "-k", "alexnet:conv1", "--limit", "4"],
        ["filters", "sobel-x", "squeezenet:fire2/expand3x3"],
    ],
)
def test_heavy_packages_stay_out(tmp_path: Path, words: list[str]) -> None:
    assert loaded_by(tmp_path, *words) == set()


def test_filters_of_a_saved_model_need_h5py_alone(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="stem")])
    model.save(tmp_path / "model.keras")
    assert loaded_by(tmp_path, "filters", "model.keras:stem") == {"h5py"}


WITH_A_NETWORK = [
    ["activations"],
    ["activations", "-l", "all", "--before-activation"],
    ["health", "--json"],
    ["patches", "-l", "0"],
    ["project", "-l", "0", "--filter", "1"],
    ["anatomy", "-l", "0", "--filter", "1"],
]


@pytest.mark.parametrize("words", WITH_A_NETWORK)
@pytest.mark.parametrize("network", ["alexnet", "squeezenet"])
def test_a_builtin_network_runs_without_tensorflow(tmp_path: Path, words: list[str], network: str) -> None:
    loaded = loaded_by(tmp_path, words[0], "sample:china", "-m", network, *words[1:])
    assert loaded.isdisjoint({"tensorflow", "keras"})


@pytest.mark.parametrize("words", WITH_A_NETWORK)
def test_a_saved_model_of_known_layers_runs_without_tensorflow(tmp_path: Path, words: list[str]) -> None:
    import keras

    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3, activation="relu", name="stem")])
    model.save(tmp_path / "model.keras")
    loaded = loaded_by(tmp_path, words[0], "sample:china", "-m", "model.keras", *words[1:])
    assert loaded.isdisjoint({"tensorflow", "keras"})
    assert loaded_by(tmp_path, "layers", "model.keras", "--json") == {"h5py"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["filters", "resnet50:conv1"], "did you mean `keras:ResNet50:conv1`?"),
        (["filters", "EfficientNet_B0"], "did you mean `keras:EfficientNetB0:LAYER`?"),
        (["convolve", "sample:china", "-k", "vgg16:block1_conv1"], "did you mean `keras:VGG16:block1_conv1`?"),
        (["convolve", "sample:china", "-k", "alexnt:conv1"], "did you mean `alexnet`?"),
        (["convolve", "sample:china", "-k", "gausian:5"], "did you mean `gaussian`"),
        (["activations", "sample:china", "-m", "resnet50:conv1"], "did you mean keras:ResNet50 with --layer conv1?"),
        (["layers", "keras:resnet50"], "did you mean keras:ResNet50?"),
        (["activations", "sample:china", "-m", "vgg16"], "did you mean keras:VGG16?"),
        (["filters", "keras:ResNet5O:conv1_conv"], "the nearest are keras:ResNet50"),
        (["convolve", "sample:china", "-k", "keras:mobilenet:conv1"], "did you mean keras:MobileNet?"),
    ],
)
def test_a_wrong_name_is_answered_without_keras(tmp_path: Path, words: list[str], told: str) -> None:
    program = (
        "import sys; from featuremap_cli.commands.app import main; main(sys.argv[1:]); "
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told in ran.stderr
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_saved_model_with_an_unknown_layer_is_run_by_tensorflow(tmp_path: Path) -> None:
    import keras

    layers = [keras.layers.UnitNormalization(), keras.layers.Conv2D(4, 3)]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(tmp_path / "model.keras")
    assert {"tensorflow", "keras"} <= loaded_by(tmp_path, "activations", "sample:china", "-m", "model.keras")


def test_this_test_can_fail(tmp_path: Path) -> None:
    np.save(tmp_path / "tiny.npy", np.zeros((4, 4), np.float32))
    words = ("convolve", "tiny.npy", "-k", "box", "--engine", "tensorflow", "--cmap", "magma")
    assert {"tensorflow", "matplotlib"} <= loaded_by(tmp_path, *words)


@pytest.mark.parametrize(
    "words",
    [
        ("convolve", "sample:china", "-k", "sobel-x", "--cmap", "viridis"),
        ("health", "sample:china", "-m", "squeezenet"),
    ],
)
def test_nothing_is_said_where_the_home_folder_cannot_be_written(tmp_path: Path, words: tuple[str, ...]) -> None:
    places = {"HOME": "/proc/none", "MPLCONFIGDIR": "", "XDG_CACHE_HOME": "/proc/none", "XDG_CONFIG_HOME": "/proc/none"}
    program = "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *words, "-q", "-o", str(tmp_path)]
    ran = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, check=True)
    assert ran.stderr == ""


def test_a_jpeg_loads_none_of_pillow_s_other_formats(tmp_path: Path) -> None:
    program = PROGRAM.format(heavy=("PIL.PdfImagePlugin", "PIL.McIdasImagePlugin", "PIL.PngImagePlugin"))
    command = [sys.executable, "-c", program, "convolve", "sample:china", "-q", "-o", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr.split() == ["LOADED"]
