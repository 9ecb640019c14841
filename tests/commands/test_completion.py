"""What a shell's TAB offers, asked for as the shells ask: by variables, in a process of its own."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from featuremap_cli.commands.app import COMMANDS
from featuremap_cli.drawing.colormap_names import COLORMAP_NAMES
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES
from featuremap_cli.sources.kernels import PRESETS
from featuremap_cli.sources.layer_names import KERAS_CONVOLUTIONS, layer_names
from featuremap_cli.sources.preset_names import PRESET_NAMES

PROGRAM = """
import atexit, sys
from featuremap_cli.commands.app import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.exit(main())
"""


def asked(folder: Path, **variables: str) -> tuple[list[str], set[str]]:
    """What is offered, and the modules that were imported for it."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in ran.stderr
    return ran.stdout.splitlines(), set(ran.stderr.split())


def in_bash(folder: Path, *words: str) -> list[str]:
    """What bash is offered for the last of these words, which are as bash takes them apart."""
    variables = {"COMP_WORDS": "\n".join(("featuremap", *words)), "COMP_CWORD": str(len(words))}
    return asked(folder, _FEATUREMAP_COMPLETE="complete_bash", **variables)[0]


def in_fish(folder: Path, line: str) -> dict[str, str]:
    """What fish is offered at the end of a line, and what it means."""
    variables = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    lines, _ = asked(folder, _FEATUREMAP_COMPLETE="complete_fish", **variables)
    return dict((*line.split("\t"), "")[:2] for line in lines if line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every kind that matters, and some that do not."""
    import keras

    folder = tmp_path_factory.mktemp("files")
    (folder / "my pictures").mkdir()
    (folder / "my pictures" / "a b.png").touch()
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").touch()
    for name in ("photo.JPG", "bank.npy", "notes.md", "own_layers.py", ".hidden.png", "broken.keras"):
        (folder / name).write_text("no archive")
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), keras.layers.SeparableConv2D(3, 3, name="apart"), keras.layers.ReLU(name="relu")],
        name="block",
    )
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="stem"), inner])
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")
    nodes = [
        helper.make_node("Constant", [], ["c"], name="c", value=numpy_helper.from_array(np.ones(1, np.float32))),
        helper.make_node("Conv", ["image", "w"], ["a"], name="/stem/conv/Conv"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["out"], name="/stem/conv/Conv"),
    ]
    arrays = [
        numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w"),
        numpy_helper.from_array(np.ones((4, 4, 1, 1), np.float32), "v"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, channels, 8, 8))
        for name, channels in (("image", 3), ("out", 4))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], arrays)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    return folder


def test_the_tables_say_what_the_packages_say() -> None:
    assert set(COLORMAP_NAMES) == set(matplotlib.colormaps)
    assert tuple(KERNEL_NAMES) == KERAS_CONVOLUTIONS
    assert {name: preset.summary for name, preset in PRESETS.items()} == {
        name: summary for name, (summary, _) in PRESET_NAMES.items()
    }
    for name, (_, arguments) in PRESET_NAMES.items():
        given = arguments.split(",") if arguments else []
        assert [one.default for one in PRESETS[name].parameters[: len(given)]] == given
        assert len(given) == len(PRESETS[name].parameters) or PRESETS[name].parameters[len(given)].default is None
    for name, summary in COMMANDS.items():
        function = getattr(importlib.import_module(f"featuremap_cli.commands.{name}"), name)
        assert " ".join(function.__doc__.split("\n\n")[0].split()) == summary


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["conv"], ["convolve"]),
        (["convolve", "-k", "so"], ["sobel-x", "sobel-y"]),
        (["convolve", "-k", "gau"], ["gaussian", "gaussian:"]),
        (["convolve", "-k", "gaussian", ":"], ["5"]),
        (["convolve", "-k", "alexn"], ["alexnet:"]),
        (["convolve", "-k", "alexnet", ":"], ["conv1", "conv2", "conv3", "conv4", "conv5"]),
        (["convolve", "-k", "alexnet", ":", "conv4"], ["conv4"]),
        (["convolve", "-k", '"alexnet:conv4'], ["alexnet:conv4"]),  # one word, for its quote is open
        (["convolve", "-k", "alexnet:conv4"], ["alexnet:conv4"]),  # where colons do not break words
        (["convolve", "--kernel", "=", "sobel-x"], ["sobel-x"]),
        (["filters", "net.k"], ["net.keras:"]),
        (["filters", "net.keras", ":"], ["stem", "block/apart"]),
        (["filters", "net.onnx", ":"], ["/stem/conv/Conv", "/stem/conv/Conv~2"]),
        (["filters", "broken.keras", ":"], []),
        (["filters", "sav"], ["saved/", "saved:"]),
        (["filters", "keras", ":", "ResNet50"], ["ResNet50:", "ResNet50V2:"]),
        (["anatomy", "x", "-k", "kirs"], ["kirsch", "kirsch:"]),
        (["kernels", "kirs"], ["kirsch"]),
        (["activations", "x", "-m", "squee"], ["squeezenet"]),
        (["activations", "x", "-m", "ker"], ["keras:"]),
        (["activations", "x", "-m", "keras", ":", "VGG"], ["VGG16", "VGG19"]),
        (["activations", "x", "-m", "net"], ["net.h5", "net.keras", "net.onnx"]),
        (["activations", "x", "-m", "net.keras", "-l", ""], ["all", "all-layers", "stem", "block/apart", "block/relu"]),
        (["health", "x", "-m", "net.h5", "-l", "b"], ["block/apart", "block/relu"]),
        (["project", "x", "-m", "net.onnx", "-l", ""], ["/stem/conv/Conv", "b", "/stem/conv/Conv~2"]),
        (["layers", "net.keras", "-l", "st"], ["stem"]),
        (["patches", "x", "-m", "keras", ":", "VGG16", "-l", ""], ["all", "all-layers"]),
        (["health", "x", "--compare", "net.k"], ["net.keras"]),
        (["convolve", "sample", ":", ""], ["china", "flower"]),
        (["convolve", "ph"], ["photo.JPG"]),
        (["convolve", "my"], ["my\\ pictures/"]),
        (["convolve", "'my"], ["my pictures/"]),
        (["convolve", "my\\ pictures/a"], ["my\\ pictures/a\\ b.png"]),
        (["convolve", "note"], []),
        (["convolve", ".h"], [".hidden.png"]),
        (["convolve", "--cmap", "virid"], ["viridis", "viridis_r"]),
        (["convolve", "--padding", ""], ["same", "valid"]),
        (["convolve", "--border", "re"], ["reflect"]),
        (["convolve", "--scale", "sym"], ["symmetric", "symmetric:99"]),
        (["convolve", "--pool", "a"], ["avg", "avg:2"]),
        (["convolve", "-o", "sav"], ["saved/"]),
        (["convolve", "--pad"], ["--padding"]),
        (["layers", "keras", ":", "VGG16", "--weights", "n"], ["none", "net.h5", "net.keras", "net.onnx"]),
        (["layers", "net.keras", "--import", "own"], ["own_layers"]),
        (["gallery", "sav"], ["saved/"]),
        (["no-such-command", "x"], []),
    ],
)
def test_bash(folder: Path, words: Sequence[str], offered: list[str]) -> None:
    assert [line for line in in_bash(folder, *words) if line] == offered


def test_commands_are_offered_with_what_they_do(folder: Path) -> None:
    assert in_fish(folder, "featuremap ") == dict(COMMANDS)


def test_fish(folder: Path) -> None:
    assert in_fish(folder, "featuremap convolve -k lo") == {
        "log": PRESETS["log"].summary,
        "log:": f"{PRESETS['log'].summary}, with arguments",
    }
    assert list(in_fish(folder, "featuremap filters alexnet:conv5")) == ["alexnet:conv5"]
    assert list(in_fish(folder, "featuremap filters --cmap=viridis_")) == ["--cmap=viridis_r"]
    assert list(in_fish(folder, "featuremap filters my")) == ["my pictures/"]


@pytest.mark.parametrize(
    "words", ["convolve -k so", "activations x -m net.keras -l s", "filters net.onnx:", "convolve --cmap vi", "layers "]
)
def test_nothing_large_and_no_other_command_is_imported(folder: Path, words: str) -> None:
    variables = {"_TYPER_COMPLETE_ARGS": f"featuremap {words}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    offered, modules = asked(folder, _FEATUREMAP_COMPLETE="complete_fish", **variables)
    assert offered
    assert modules.isdisjoint({"numpy", "PIL", "h5py", "onnx", "matplotlib", "keras", "tensorflow", "rich"})
    command = words.split()[0]
    commands = {f"featuremap_cli.commands.{name}" for name in COMMANDS} & modules
    # `layers` takes options from `arithmetic`.
    others = {"layers": {"featuremap_cli.commands.arithmetic"}}.get(command, set())
    assert commands == {f"featuremap_cli.commands.{command}"} | others


def test_layer_names_are_those_of_the_networks(folder: Path) -> None:
    from featuremap_cli.networks.catalogue import load_network

    for file in ("net.keras", "net.h5", "net.onnx"):
        paths = [entry.path for entry in load_network(str(folder / file)).layers() if entry.type != "InputLayer"]
        assert layer_names(folder / file) == paths


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The command as a file that a shell finds."""
    path = tmp_path / "featuremap"
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom featuremap_cli.commands.app import main\nsys.exit(main())\n")
    path.chmod(0o755)
    return path


def script_of(command: Path, shell: str) -> str:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    words = [command, "--show-completion", shell]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_the_script_in_a_real_bash(command: Path, folder: Path) -> None:
    script = (
        f"{script_of(command, 'bash')}\n"
        "compopt() { printf '%s ' compopt \"$@\"; }\n"
        "COMP_WORDS=(featuremap filters net.k); COMP_CWORD=2; _featuremap_completion featuremap\n"
        "printf '<%s>' \"${COMPREPLY[@]}\"\n"
        "COMP_WORDS=(featuremap filters alexnet : conv); COMP_CWORD=4; _featuremap_completion featuremap\n"
        "printf '<%s>' \"${COMPREPLY[@]}\"\n"
        "COMP_WORDS=(featuremap filters nothing-like-this); COMP_CWORD=2; _featuremap_completion featuremap\n"
        "echo ${#COMPREPLY[@]}\n"  # bash's own files then
    )
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    words = ["bash", "-c", script]
    ran = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "compopt -o nospace <net.keras:><conv1><conv2><conv3><conv4><conv5>0\n"
    assert ran.stderr == ""


def test_zsh_is_told_what_to_run(folder: Path) -> None:
    def told(line: str) -> str:
        return "\n".join(asked(folder, _FEATUREMAP_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)[0])

    assert told("featuremap filters alexnet:conv5") == (
        "shown=(alexnet:conv5); compadd -V featuremap -d shown -- alexnet:conv5"
    )
    assert "compadd -S '' -V featuremap -d shown -- 'my pictures/'" in told("featuremap filters my")
    assert told("featuremap convolve --cmap=viridis_").startswith("compset -P '*='; ")
    assert told("featuremap convolve nothing-like-this") == "_files"
    if shutil.which("zsh"):
        program = f"compadd() {{ print -r -- $@[-1] }}\n{told('featuremap filters ')}"
        ran = subprocess.run(["zsh", "-f", "-c", program], capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines() == ["bank.npy", "saved:"]
