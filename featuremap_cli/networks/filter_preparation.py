"""What becomes of an image's pixels before a network's filters meet them, outside of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from featuremap_cli.errors import NetworkError, UsageError
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.first_layers import first_layers
from featuremap_cli.networks.input import PREPROCESSING, preprocessing_name
from featuremap_cli.networks.preprocessing_guess import Guess
from featuremap_cli.sources.network_names import APPLICATION, APPLICATIONS

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank, Preparation


def with_preparation(
    bank: FilterBank, model: str, preprocess: str, unsafe: bool = False, imports: Sequence[str] = ()
) -> FilterBank:
    """Have a layer's filters meet pixels as its network does.

    Filters that do not span as many channels as the network's input are of a deeper layer, whose input is not pixels:
    they stay as they are.

    Args:
        bank: the filters.
        model: the network they are of, as `--model` names it.
        preprocess: `auto` for what the network does, or a name of `input.PREPROCESSING`.
        unsafe: run the code that a model file may hold.
        imports: modules that have the classes which it uses.

    Returns:
        The filters, with what was found out among their notes.
    """
    guess, channels, own = _of_network(model, unsafe, imports)
    if channels not in (None, bank.filters if bank.depthwise else bank.input_channels):
        return bank
    if preprocess != "auto":
        guess, own = Guess(preprocess, f"{bank.source} meets pixels as --preprocess {preprocess} makes them"), None
    preparation = PREPROCESSING[guess.preprocessing]
    if not preparation.applies_to(channels):
        raise UsageError(
            f"--preprocess {preprocess} is for three color channels and {model} takes {channels}: expected unit, raw "
            "or tf"
        )
    return replace(
        bank,
        prepares=None if guess.preprocessing == "unit" else own or preparation,
        prepared_as="network's own" if own else guess.preprocessing,
        notes=(*bank.notes, guess.line),
    )


def with_color_order(bank: FilterBank, model: str, preprocess: str) -> FilterBank:
    """Say in which order a layer's filters take color, so that they are drawn in the colors that they see.

    The weights stay what they are. What a file's network takes is not looked up: it may need TensorFlow.

    Args:
        bank: the filters; those of other than three input channels come back as they are.
        model: the network they are of, as `--model` names it.
        preprocess: `auto` for what a built-in network or one of keras.applications does, or a name of
            `input.PREPROCESSING`.
    """
    if bank.input_channels != 3 or bank.depthwise:
        return bank
    name, known = model.removeprefix(APPLICATION), preprocess
    if preprocess == "auto" and model in BUILTIN:
        known = preprocessing_name(BUILTIN[model].preprocessing)
    elif preprocess == "auto":
        known = APPLICATIONS.get(name, "unit") if name != model else "unit"
    preparation = PREPROCESSING.get(known)
    if preparation is None or preparation.order == "rgb":
        return bank
    note = f"its first channel is blue ({known}); drawn in the colors that it sees"
    return replace(bank, prepares=preparation, prepared_as=known, notes=(*bank.notes, f"{bank.source}: {note}"))


def _of_network(model: str, unsafe: bool, imports: Sequence[str]) -> tuple[Guess, int | None, Preparation | None]:
    """What a network does to pixels and how that was told; its input's channels; what its own first layers do."""
    name = model.removeprefix(APPLICATION)
    if model in BUILTIN:
        preprocessing = preprocessing_name(BUILTIN[model].preprocessing)
    elif name != model and APPLICATIONS.get(name, "inside") != "inside":
        preprocessing = APPLICATIONS[name]
    else:
        return _of_file(model, unsafe, imports)
    words = PREPROCESSING[preprocessing].summary
    return Guess(preprocessing, f"{model}'s filters meet pixels as {model} does: {preprocessing}, {words}"), 3, None


def _of_file(model: str, unsafe: bool, imports: Sequence[str]) -> tuple[Guess, int | None, Preparation | None]:
    try:
        network = load_network(model, unsafe=unsafe, imports=imports)
        guess, own = network.guess or Guess(network.preprocessing, ""), None
        if guess.preprocessing == "inside":
            own = first_layers(network)
            last = "and its filters what comes of it" if own else "and its filters meet these too"
            guess = Guess("inside", f"{network.name} scales its input itself: it takes pixels in [0, 255], {last}")
    except NetworkError as error:
        # Its filters could be read, which is all that is needed.
        return Guess("unit", f"{model} does not say how its input is scaled ({error}): pixels in [0, 1]"), None, None
    return guess, network.input.channels, own
