"""`featuremap networks`: the networks that travel in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from featuremap_cli.commands.console import give, give_json

if TYPE_CHECKING:
    from featuremap_cli.networks.builtin import BuiltinNetwork

AsJson = Annotated[bool, typer.Option("--json", help="A JSON list on stdout.")]
Notices = Annotated[bool, typer.Option("--notices", help="Print the licenses of the weights, whole.")]


def networks(json: AsJson = False, notices: Notices = False) -> None:
    """List the built-in networks: license, size, input and preprocessing.

    Examples:

    - `featuremap networks`
    - `featuremap networks --json`
    """
    from featuremap_cli.networks.builtin import BUILTIN

    if json:
        give_json([_described(network) for network in BUILTIN.values()])
        return
    for network in BUILTIN.values():
        give(network.notice if notices else _as_text(network))
    if not notices:
        give(
            "Others: keras:NAME (every network of keras.applications), a .keras, .h5 or .onnx file, a SavedModel\n"
            "folder."
        )


def _described(network: BuiltinNetwork) -> dict[str, Any]:
    return {
        "name": network.name,
        "summary": network.summary,
        "paper": network.paper,
        "input_shape": list(network.input_shape),
        "preprocessing": network.preprocessing.summary,
        "convolutions": network.convolutions,
        "classes": network.classes,
        "parameters": network.parameters,
        "weights_bytes": network.weights_bytes,
        "license": network.license_name,
        "origin": network.origin,
    }


def _as_text(network: BuiltinNetwork) -> str:
    height, width, channels = network.input_shape
    classes = f", {network.classes:,} classes" if network.classes else ", no classifier"
    rows = {
        "size": f"{network.convolutions} convolutions, {network.parameters:,} parameters{classes}; "
        f"{network.weights_bytes / 1e6:.1f} MB of weights",
        "input": f"{height} x {width} x {channels}; {network.preprocessing.summary}",
        "license": f"{network.license_name} (weights: {network.origin}); --notices prints it",
        "paper": network.paper,
    }
    lines = [f"{network.name}  {network.summary}", *(f"    {name:9}{text}" for name, text in rows.items())]
    return "\n".join(lines) + "\n"
