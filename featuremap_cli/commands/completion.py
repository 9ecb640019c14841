"""What a shell's TAB offers for the values of options and arguments: names from tables, files, layers of files.

A shell waits for each answer, so that nothing here imports NumPy or anything larger; `completion_shells.py` brings the
answers to the shells. A value is offered with what it means, for the shells that show it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import typer

Offer = str | tuple[str, str]
"""A value, or a value and what it means. More of a value that ends in `:` or `/` is to follow."""

Complete = Callable[[typer.Context, str], list[Offer]]
"""From the words before, as parsed, and the word that is being written, to values that begin as it does."""

FILTER_SUFFIXES = (".npy", ".npz", ".json", ".txt", ".csv")
MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".onnx")
SAVED_MODEL = "saved_model.pb"


def offer(*values: Offer) -> Complete:
    """Return what offers the same values each time."""

    def complete(context: typer.Context, incomplete: str) -> list[Offer]:
        return list(values)

    return complete


def complete_cmap(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer matplotlib's colormaps."""
    from featuremap_cli.drawing.colormap_names import COLORMAP_NAMES

    return list(COLORMAP_NAMES)


def complete_images(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the photographs of the package, image files and folders."""
    from featuremap_cli.sources.listing import IMAGE_SUFFIXES

    samples: list[Offer] = [
        ("sample:china", "a photograph of the package"),
        ("sample:flower", "a photograph of the package"),
    ]
    return [*samples, *_files(incomplete, tuple(IMAGE_SUFFIXES))]


def complete_folders(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer folders."""
    return list(_files(incomplete, ()))


def complete_json(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer `.json` files and folders."""
    return list(_files(incomplete, (".json",)))


def complete_weights(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer what `--weights` takes."""
    return ["imagenet", "none", *_files(incomplete, MODEL_SUFFIXES)]


def complete_modules(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the modules and packages of the current folder."""
    found = []
    with suppress(OSError):
        for entry in os.scandir():
            if entry.name.endswith(".py") or Path(entry.path, "__init__.py").is_file():
                found.append(entry.name.removesuffix(".py"))
    return sorted(name for name in found if name.isidentifier())


def complete_model(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer built-in networks, those of keras.applications, model files and folders."""
    from featuremap_cli.sources.network_names import APPLICATION, APPLICATIONS, BUILTIN_NAMES

    if incomplete.startswith(APPLICATION):
        return [f"{APPLICATION}{name}" for name in sorted(APPLICATIONS)]
    builtin: list[Offer] = [(name, "a network of the package") for name in BUILTIN_NAMES]
    return [*builtin, (APPLICATION, "a network of keras.applications"), *_files(incomplete, MODEL_SUFFIXES)]


def complete_filters(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer what a SPEC may be: presets, filter files, and networks with a colon, after it their convolutions."""
    from featuremap_cli.sources.network_names import APPLICATION, APPLICATIONS, BUILTIN_NAMES
    from featuremap_cli.sources.preset_names import PRESET_NAMES

    if incomplete.startswith(APPLICATION):
        return [f"{APPLICATION}{name}:" for name in sorted(APPLICATIONS)]
    before, colon, _ = incomplete.partition(":")
    if before in PRESET_NAMES and colon:
        summary, arguments = PRESET_NAMES[before]
        return [(f"{before}:{arguments}", summary)] if arguments else []
    model = next((one for one in _before_colons(incomplete) if _is_network(one)), None)
    if model is not None:
        return [f"{model}:{layer}" for layer in _layers(model, convolutions=True)]
    presets: list[Offer] = []
    for name, (summary, arguments) in PRESET_NAMES.items():
        presets += [(name, summary), *([(f"{name}:", f"{summary}, with arguments")] if arguments else [])]
    networks: list[Offer] = [(f"{name}:", "a network of the package") for name in BUILTIN_NAMES]
    networks.append((APPLICATION, "a network of keras.applications"))
    files = (f"{path}:" if path.lower().endswith(MODEL_SUFFIXES) else path for path in _spec_files(incomplete))
    return [*presets, *networks, *files]


def complete_presets(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer presets alone."""
    from featuremap_cli.sources.preset_names import PRESET_NAMES

    return [
        (f"{name}:{arguments}" if arguments and ":" in incomplete else name, summary)
        for name, (summary, arguments) in PRESET_NAMES.items()
    ]


def complete_layer(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the layers of the network that the words before name, where a file or the package tells them."""
    # Arguments are not told apart yet where the words end in an option that is to get its value.
    named = (context.params.get("model"), *context.args)
    model = next((one for one in named if isinstance(one, str) and _is_network(one)), None)
    return list(_layers(model, convolutions=False)) if model is not None else []


def complete_layers(context: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the same, and the words that mean several layers."""
    several: list[Offer] = [("all", "every convolution"), ("all-layers", "every layer")]
    return [*several, *complete_layer(context, incomplete)]


def _layers(model: str, *, convolutions: bool) -> list[str]:
    from featuremap_cli.sources.layer_names import layer_names
    from featuremap_cli.sources.network_names import BUILTIN_NAMES

    # `networks.builtin` has the path, and imports NumPy.
    builtin = Path(__file__).parents[1] / "networks" / "builtin" / f"{model}.json"
    try:
        return layer_names(builtin if model in BUILTIN_NAMES else Path(model), convolutions=convolutions)
    except Exception:  # noqa: BLE001 -- of a file that is damaged or no network nothing can be offered, whatever is wrong
        return []


def _before_colons(text: str) -> Iterator[str]:
    """What comes before each colon."""
    return (text[:place] for place, character in enumerate(text) if character == ":")


def _is_network(name: str) -> bool:
    from featuremap_cli.sources.network_names import BUILTIN_NAMES

    return name in BUILTIN_NAMES or (name.lower().endswith(MODEL_SUFFIXES) and Path(name).is_file())


def _spec_files(incomplete: str) -> Iterator[str]:
    for path in _files(incomplete, FILTER_SUFFIXES + MODEL_SUFFIXES):
        yield path
        if path.endswith("/") and Path(path, SAVED_MODEL).is_file():
            yield f"{path.removesuffix('/')}:"


def _files(incomplete: str, suffixes: Sequence[str]) -> Iterator[str]:
    """Folders, with a slash at their end, and the files with one of these endings, as far as they are written.

    What begins with `~` is left to the shell, which knows whose home it is.
    """
    folder, slash, name = incomplete.rpartition("/")
    if incomplete.startswith("~"):
        return
    found = []
    with suppress(OSError):
        for entry in os.scandir(f"{folder}/" if slash else "."):
            if entry.name.startswith(name) and (name.startswith(".") or not entry.name.startswith(".")):
                if entry.is_dir():
                    found.append(f"{folder}{slash}{entry.name}/")
                elif entry.name.lower().endswith(tuple(suffixes)):
                    found.append(f"{folder}{slash}{entry.name}")
    yield from sorted(found)
