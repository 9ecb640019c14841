"""Options by the names that they have elsewhere, and advice that fits."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from featuremap_cli.commands.app import COMMANDS, build_app
from featuremap_cli.commands.other_names import OTHER_NAMES


@pytest.mark.parametrize(
    ("command", "written", "advice"),
    [
        ("convolve", "--model-path", "a network's filters are --kernel MODEL:LAYER"),
        ("convolve", "--layer", "a network's filters are --kernel MODEL:LAYER"),
        ("convolve", "--images", "images stand after the command"),
        ("filters", "--kernel", "filters stand after the command, as in sobel-x"),
        ("filters", "--network", "as in alexnet:conv1"),
        ("layers", "--model", "the network stands after the command"),
        ("arithmetic", "--input-size", "as in 224x224x3"),
        ("arithmetic", "--stride", "layers stand after the input"),
        ("gallery", "--out", "the run's folder stands after the command"),
        ("project", "--image", "the image stands after the command"),
        ("activations", "--stride", "`activations` has none like it"),
        ("layers", "--filter", "`layers` has none like it"),
        ("networks", "--colormap", "`networks` has none like it"),
    ],
)
def test_what_stands_in_the_place_of_an_option(featuremap, command: str, written: str, advice: str) -> None:
    ran = featuremap(command, "sample:china", written, "3")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"featuremap: No such option: {written}; ")
    assert advice in ran.err
    assert "Possible options" not in ran.err


def test_a_word_that_is_known_nowhere_gets_what_is_alike(featuremap) -> None:
    assert "--columns" in featuremap("convolve", "sample:china", "--colums", "3").err


@pytest.mark.parametrize(
    ("command", "written", "meant"),
    [
        ("convolve", "--filter", "--kernel"),
        ("project", "--kernel", "--filter"),
        ("patches", "--filter", "--filters"),
        ("activations", "--stride", None),
        ("convolve", "--stride", "--strides"),
        ("activations", "--network", "--model"),
        ("activations", "--output", "--out"),
        ("convolve", "--size", "--resize"),
        ("activations", "--size", "--input-size"),
    ],
)
def test_the_name_here_is_said(featuremap, command: str, written: str, meant: str | None) -> None:
    ran = featuremap(command, "sample:china", written, "3")
    assert (ran.code, ran.out) == (2, "")
    assert (f"No such option: {written}; it is called {meant} here" in ran.err) == (meant is not None)


def test_every_name_that_is_said_is_an_option_of_some_command() -> None:
    import typer

    apps = [typer.main.get_command(build_app(name, listed=False)) for name in COMMANDS]
    commands = [command for app in apps for command in app.commands.values()]
    known = {name for command in commands for parameter in command.params for name in parameter.opts}
    assert {name for names in OTHER_NAMES.values() for name in names} <= known


def test_all_maps_are_not_advised_where_some_were_selected(featuremap) -> None:
    words = ("activations", "sample:china", "-m", "alexnet", "-l", "conv1", "-o", "out")
    ran = featuremap(*words, "--select", "0:20")
    assert "conv1: 20 of 64 shown" in ran.err
    assert "--limit" not in ran.err
    assert "conv1: 9 of 64 shown; --limit all draws every map" in featuremap(*words, "--limit", 9).err
    assert "--limit" not in featuremap("filters", "alexnet:conv2", "--select", "0:4", "-o", "out").err


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("net.pt", "torch.onnx.export"),
        ("net.pth", "torch.onnx.export"),
        ("net.safetensors", "these are weights alone"),
        ("net.tflite", "give the Keras network that it was made of"),
        ("net.pb", "give the folder of a SavedModel"),
        ("net.pkl", "a pickle runs code when it is read"),
        ("net.dat", "model.save('NAME.keras')"),
    ],
)
def test_what_to_do_with_a_file_that_is_no_network_here(featuremap, name: str, advice: str) -> None:
    Path(name).write_bytes(b"what is in it does not matter")
    ran = featuremap("activations", "sample:china", "-m", name)
    assert (ran.code, ran.out) == (4, "")
    assert advice in ran.err


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.ckpt", "net.bin"])
def test_what_torch_save_writes_is_a_zip_archive_and_gets_the_same_advice(featuremap, name: str) -> None:
    """The layout of https://docs.pytorch.org/docs/stable/notes/serialization.html, "Serialized file format"."""
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("net/version", "3\n")
    for command in (("activations", "sample:china", "-m"), ("layers",), ("health", "sample:china", "-m")):
        ran = featuremap(*command, name)
        assert (ran.code, ran.out) == (4, "")
        assert "torch.onnx.export(model, image, 'NAME.onnx')" in ran.err
        assert "save the network again" not in ran.err


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("net.pt", "is a file of PyTorch, and is not read: give the tensor as .npy: numpy.save"),
        ("net.ckpt", "is a checkpoint, of PyTorch or of TensorFlow, and is not read"),
        ("net.tflite", "give the Keras network that it was made of"),
        ("net.pb", "give the folder of a SavedModel and a layer"),
        ("net.pkl", "a pickle, which runs code when it is read, and is not read: open it in Python"),
        ("net.caffemodel", "is of another library"),
    ],
)
def test_what_to_do_with_a_file_that_holds_no_filters_here(featuremap, name: str, advice: str) -> None:
    Path(name).write_bytes(b"what is in it does not matter")
    for spec in (name, f"{name}:conv1.weight"):
        for command in (("convolve", "sample:china", "-k", spec), ("filters", spec)):
            ran = featuremap(*command)
            assert (ran.code, ran.out) == (2, "")
            assert advice in ran.err


def test_a_tensor_saved_as_advised_is_that_tensor(featuremap) -> None:
    """PyTorch's order is (filters, channels, height, width); its permute is NumPy's transpose."""
    weight = np.arange(2 * 3 * 5 * 7, dtype=np.float32).reshape(2, 3, 5, 7)
    np.save("NAME.npy", weight.transpose(2, 3, 1, 0))
    assert featuremap("filters", "NAME.npy", "--arrays", "-o", "out").code == 0
    filters = np.load("out/NAME.npy.filters.npz")["filters"]
    places = [(channel, index) for channel in range(3) for index in (0, 1)]
    assert all(filters[1, 2, channel, index] == weight[index, channel, 1, 2] for channel, index in places)


def test_a_file_of_pytorch_that_is_not_there_gets_the_advice_too(featuremap) -> None:
    ran = featuremap("layers", "elsewhere.pt")
    assert "no such network: elsewhere.pt" in ran.err
    assert "torch.onnx.export" in ran.err
