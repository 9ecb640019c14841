"""`--import MODULE`: networks that hold layers of a package, against what Keras itself makes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LAYERS = """
import keras


@keras.saving.register_keras_serializable(package="odd_layers")
class TwiceAndOne(keras.layers.Layer):
    def call(self, values):
        return 2 * values + 1


class Thrice(keras.layers.Layer):
    def call(self, values):
        return 3 * values
"""

SAVE = """
import sys
import keras
import numpy as np
from odd_layers.of_ours import Thrice, TwiceAndOne

keras.utils.set_random_seed(1)
pixels = np.load("pixels.npy")[np.newaxis]
for name, layer in (("registered", TwiceAndOne), ("plain", Thrice)):
    network = keras.Sequential([
        keras.Input((12, 10, 3)),
        keras.layers.Conv2D(4, 3, name="stem"),
        layer(name="odd"),
        keras.layers.Conv2D(2, 3, name="top"),
    ])
    network.save(f"{name}.keras")
    network.save(f"{name}.h5")
    np.save(f"{name}.maps.npy", network(pixels).numpy()[0].transpose(2, 0, 1))
    np.save(f"{name}.kernel.npy", network.layers[2].get_weights()[0])
"""

MAIN = "import sys; from featuremap_cli.commands.app import main; sys.exit(main())"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package, networks with its layers, and what Keras makes of an image with them; in processes of their own."""
    folder = tmp_path_factory.mktemp("imports")
    (folder / "odd_layers").mkdir()
    (folder / "odd_layers" / "__init__.py").write_text("from odd_layers.of_ours import TwiceAndOne, Thrice\n")
    (folder / "odd_layers" / "of_ours.py").write_text(LAYERS)
    (folder / "fails.py").write_text("import nothing_that_is_there\n")
    np.save(folder / "pixels.npy", np.random.default_rng(0).random((12, 10, 3), np.float32))
    subprocess.run([sys.executable, "-c", SAVE], cwd=folder, check=True, capture_output=True)
    return folder


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`featuremap WORDS...` as a command that pip installed runs it: the current folder is not looked in by itself."""
    return subprocess.run(
        [sys.executable, "-P", "-c", MAIN, *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("file", ["registered.keras", "registered.h5", "plain.keras", "plain.h5"])
def test_maps_are_those_of_keras(folder: Path, file: str) -> None:
    out = file.replace(".", "-")
    words = ("activations", "pixels.npy", "-m", file, "-l", "top", "--import", "odd_layers", "--arrays", "-o", out)
    result = ran(folder, *words)
    assert result.returncode == 0, result.stderr
    sheet = folder / result.stdout.splitlines()[0]
    with np.load(sheet.with_suffix(".npz")) as arrays:
        np.testing.assert_allclose(arrays["maps"], np.load(folder / f"{file.split('.')[0]}.maps.npy"), atol=1e-5)
    assert f"--model {file} --import odd_layers" in Image.open(sheet).text["Command"]
    assert ran(folder, *words).stdout == ""  # done already


@pytest.mark.parametrize(
    "words",
    [
        ["layers", "registered.keras"],
        ["project", "pixels.npy", "-m", "registered.keras", "-l", "top", "--filter", "1"],
        ["patches", "pixels.npy", "-m", "registered.keras", "-l", "top"],
        ["health", "pixels.npy", "-m", "registered.keras", "--compare", "registered.keras"],
        ["anatomy", "pixels.npy", "-m", "registered.keras", "-l", "top"],
    ],
)
def test_every_command_with_a_model(folder: Path, words: list[str]) -> None:
    refused = ran(folder, *words, "-o", "refused")
    assert refused.returncode == 4
    assert "--import odd_layers.of_ours imports the module" in refused.stderr
    assert refused.stderr.count("\n") == 1
    result = ran(folder, *words, "--import", "odd_layers", "-o", words[0])
    assert result.returncode == 0, result.stderr


def test_filters_that_meet_pixels_know_the_network(folder: Path) -> None:
    words = ("convolve", "pixels.npy", "-k", "registered.keras:stem", "-o", "convolved")
    without = ran(folder, *words)
    assert "(registered.keras needs the code of odd_layers>TwiceAndOne" in without.stderr
    result = ran(folder, *words, "--import", "odd_layers")
    assert (result.returncode, "needs the code" in result.stderr) == (0, False), result.stderr
    picture = Image.open(folder / "convolved" / "filters.png")
    assert picture.text["Command"] == "featuremap filters registered.keras:stem --import odd_layers"
    result = ran(folder, "filters", "registered.keras:top", "--import", "odd_layers", "--arrays", "-o", "filters")
    with np.load(next((folder / "filters").glob("*.npz"))) as arrays:
        np.testing.assert_array_equal(arrays["filters"], np.load(folder / "registered.kernel.npy"))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("not_there", "--import not_there: there is no module of this name"),
        ("odd_layers.not_there", "--import odd_layers.not_there: there is no module of this name"),
        ("odd_layers/of_ours.py", "expected a module's name, as after `import` in Python, for example of_ours"),
        ("fails", "--import fails: the module is there and cannot be imported (ModuleNotFoundError: No module named"),
    ],
)
def test_modules_that_cannot_be_imported(folder: Path, module: str, message: str) -> None:
    result = ran(folder, "activations", "pixels.npy", "-m", "registered.keras", "--import", module, "-o", "refused")
    assert (result.returncode, message in result.stderr, result.stderr.count("\n")) == (2, True, 1), result.stderr
    assert not (folder / "refused").exists()


def test_a_module_that_does_not_have_the_class(folder: Path) -> None:
    result = ran(folder, "layers", "registered.keras", "--import", "json")
    assert result.returncode == 4
    assert "which is neither in the file nor in json: --import odd_layers.of_ours imports" in result.stderr


def test_the_module_is_told_before_keras_is_imported(folder: Path) -> None:
    for file in ("registered.keras", "registered.h5", "plain.keras"):
        program = f"{MAIN.replace('sys.exit(main())', 'main()')}; print('keras' in sys.modules)"
        result = subprocess.run(
            [sys.executable, "-c", program, "layers", file], cwd=folder, capture_output=True, text=True, check=True
        )
        assert (result.stdout, "needs the code of" in result.stderr) == ("False\n", True), result.stderr
