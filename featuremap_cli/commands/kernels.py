"""`featuremap kernels`: the presets and their matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from featuremap_cli.commands.completion import complete_presets
from featuremap_cli.commands.console import give, give_json

if TYPE_CHECKING:
    from featuremap_cli.arrays import FilterBank

Specs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SPEC]...",
        help="Show these alone, with arguments: gaussian:5,1.",
        show_default=False,
        autocompletion=complete_presets,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON list on stdout.")]


def kernels(specs: Specs = None, json: AsJson = False) -> None:
    """Show the built-in kernels, each with its matrix and its source.

    Examples:

    - `featuremap kernels`
    - `featuremap kernels sobel-x gaussian:5,1`
    - `featuremap kernels --json`
    """
    described = [_described_spec(spec) for spec in specs] if specs else _described_presets()
    if json:
        give_json(described)
        return
    for one in described:
        give(_as_text(one))


def _described_presets() -> list[dict[str, Any]]:
    from featuremap_cli.sources.kernels import PRESETS

    return [_described_spec(name) for name in PRESETS]


def _described_spec(spec: str) -> dict[str, Any]:
    """Return what `--json` says of one SPEC: the preset's words where it is one, and its matrices."""
    from featuremap_cli.commands.banks import hand_written
    from featuremap_cli.sources.kernels import PRESETS

    banks = hand_written(spec)
    preset = PRESETS.get(spec.partition(":")[0].strip().lower())
    words = (
        {"usage": preset.usage, "summary": preset.summary, "source": preset.source}
        if preset
        else {"usage": spec, "summary": "written by hand", "source": ""}
    )
    return {"name": spec, **words, "kernels": [matrix for bank in banks for matrix in _matrices(bank)]}


def _matrices(bank: FilterBank) -> list[dict[str, Any]]:
    cells = bank.cells or ()
    return [
        {
            "name": bank.names[index],
            "size": list(bank.size),
            "weights": bank.weights[:, :, 0, index].astype(float).round(8).tolist(),
            "written": [list(row) for row in cells[index]] if cells else None,
        }
        for index in range(bank.filters)
    ]


def _as_text(described: dict[str, Any]) -> str:
    lines = [f"{described['usage']}  {described['summary']}"]
    if described["source"]:
        lines.append(f"    source: {described['source']}")
    for matrix in described["kernels"]:
        if len(described["kernels"]) > 1:
            lines.append(f"    {matrix['name']}")
        rows = matrix["written"] or [[f"{value:.3g}" for value in row] for row in matrix["weights"]]
        width = max(len(cell) for row in rows for cell in row)
        lines += ["      " + " ".join(cell.rjust(width) for cell in row) for row in rows]
    return "\n".join(lines) + "\n"
