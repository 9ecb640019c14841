"""What `featuremap health` fails on: thresholds, NaN, and an earlier measurement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featuremap_cli.commands.completion import complete_json
from featuremap_cli.errors import NotationError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.analysis.health import LayerHealth
    from featuremap_cli.networks.weights import UnrealWeights

CHECKS = "Checks, for CI: exit code 8"
MOST_NAMED = 12


@dataclass(frozen=True)
class ThresholdOptions:
    """The checks, as given on the command line."""

    max_dead: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Fail where more of a layer's filters are dead: 5%.", rich_help_panel=CHECKS
        ),
    ] = None
    max_silent: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Fail where more of a layer's filters are silent on an image, on average.",
            rich_help_panel=CHECKS,
        ),
    ] = None
    min_sparsity: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Fail where fewer of a layer's values are zero.", rich_help_panel=CHECKS),
    ] = None
    max_sparsity: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Fail where more of a layer's values are zero.", rich_help_panel=CHECKS),
    ] = None
    no_nan: Annotated[
        bool,
        typer.Option(
            "--no-nan/--allow-nan", help="Fail on NaN and infinity, in maps and in weights.", rich_help_panel=CHECKS
        ),
    ] = True
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Fail where a layer moved from this earlier --json.",
            rich_help_panel=CHECKS,
            autocompletion=complete_json,
        ),
    ] = None
    tolerance: Annotated[str, typer.Option(metavar="SHARE", help="How far it may move.", rich_help_panel=CHECKS)] = "5%"


@dataclass(frozen=True)
class Thresholds:
    """The checks, read.

    Attributes:
        max_dead, max_silent, min_sparsity, max_sparsity: shares, 0 to 1; None where not checked.
        no_nan: whether NaN and infinity fail.
        baseline: the object that an earlier `--json` printed; None without one.
        baseline_name: the file it came from.
        tolerance: how far a layer may move from it.
    """

    max_dead: float | None = None
    max_silent: float | None = None
    min_sparsity: float | None = None
    max_sparsity: float | None = None
    no_nan: bool = True
    baseline: Mapping[str, Any] | None = None
    baseline_name: str = ""
    tolerance: float = 0.05

    def failed(self, layers: Sequence[LayerHealth], unreal: Sequence[UnrealWeights]) -> list[str]:
        """Return a line for each check that failed, with the option, the layer, what was found and the limit."""
        lines = list(self._unreal_lines(layers, unreal)) if self.no_nan else []
        for layer in layers:
            lines += self._share_lines(layer)
        return lines + list(self._baseline_lines(layers))

    def _share_lines(self, layer: LayerHealth) -> Iterator[str]:
        dead = layer.dead
        filters = len(layer.filters)
        if self.max_dead is not None and len(dead) > self.max_dead * filters:
            share = f"{len(dead)} of {filters} filters dead ({percent(len(dead) / filters)})"
            yield f"--max-dead {percent(self.max_dead)}: {layer.layer} has {share}: {numbers(dead)}"
        if self.max_silent is not None and layer.silent_fraction > self.max_silent:
            share = f"{percent(layer.silent_fraction)} of its filters are silent on an image, on average"
            yield f"--max-silent {percent(self.max_silent)}: {layer.layer}: {share}"
        if self.min_sparsity is not None and layer.zero_fraction < self.min_sparsity:
            share = f"{percent(layer.zero_fraction)} zeros"
            yield f"--min-sparsity {percent(self.min_sparsity)}: {layer.layer} has {share}"
        if self.max_sparsity is not None and layer.zero_fraction > self.max_sparsity:
            share = f"{percent(layer.zero_fraction)} zeros"
            yield f"--max-sparsity {percent(self.max_sparsity)}: {layer.layer} has {share}"

    def _unreal_lines(self, layers: Sequence[LayerHealth], unreal: Sequence[UnrealWeights]) -> Iterator[str]:
        for one in unreal:
            yield f"--no-nan: {describe_unreal(one)}"
        for layer in layers:
            if layer.nan or layer.inf:
                filters = [one.index for one in layer.filters if one.nan or one.inf]
                counts = f"{layer.nan:,} NaN and {layer.inf:,} infinite values"
                yield f"--no-nan: {layer.layer} gives {counts}, in {_filters(filters, len(layer.filters))}"

    def _baseline_lines(self, layers: Sequence[LayerHealth]) -> Iterator[str]:
        from featuremap_cli.analysis.baseline import moved

        if self.baseline is None:
            return
        for one in moved(self.baseline["layers"], [layer.as_json() for layer in layers], self.tolerance):
            start = f"--baseline {self.baseline_name}: {one.layer}"
            if not one.quantity:
                yield f"{start} is only in {'the baseline' if one.now is None else 'this run'}"
            else:
                numbers_then_now = f"from {_number(one.before)} to {_number(one.now)}"
                yield f"{start}: {one.quantity} moved {numbers_then_now}, tolerance {percent(self.tolerance)}"


def read_thresholds(options: ThresholdOptions) -> Thresholds:
    """Read the checks, before any work is done.

    Raises:
        NotationError: a share that cannot be read.
        UsageError: a baseline that cannot be read.
    """
    names = ("max_dead", "max_silent", "min_sparsity", "max_sparsity")
    given = {name: getattr(options, name) for name in names}
    shares = {
        name: None if text is None else read_share(text, f"--{name.replace('_', '-')}") for name, text in given.items()
    }
    return Thresholds(
        **shares,
        no_nan=options.no_nan,
        baseline=None if options.baseline is None else read_baseline(options.baseline),
        baseline_name=str(options.baseline or ""),
        tolerance=read_share(options.tolerance, "--tolerance"),
    )


def read_share(text: str, option: str) -> float:
    """Read a share: `5%` or `0.05`.

    Raises:
        NotationError: no number, or not from 0 to 1.
    """
    word = text.strip()
    number, sign, rest = word.partition("%")
    try:
        share = float(number) / (100 if sign else 1)
    except ValueError:
        share = -1.0
    if rest or not 0 <= share <= 1:
        raise NotationError(text, 0, len(text), f"{option} takes a share such as 5% or 0.05, got {text}")
    return share


def read_baseline(path: Path) -> Mapping[str, Any]:
    """Read what an earlier `health --json` printed.

    Raises:
        UsageError: the file cannot be read, or is something else.
    """
    expected = "expected what `featuremap health --json` printed"
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise UsageError(f"--baseline {path} cannot be read ({what}): {expected}") from error
    layers = content.get("layers") if isinstance(content, dict) else None
    if not isinstance(layers, list) or not all(isinstance(layer, dict) and "layer" in layer for layer in layers):
        raise UsageError(f"--baseline {path} has no list of layers: {expected}")
    return dict(content)


def describe_unreal(one: UnrealWeights) -> str:
    """Return where NaN or infinity is among the weights: `conv2's kernel holds 1 NaN, in filter 17`."""
    counts = [f"{count:,} {word}" for count, word in ((one.nan, "NaN"), (one.infinite, "infinite")) if count]
    place = f", in {_filters(one.filters)}" if one.filters else ""
    return f"{one.layer}'s {one.weight} holds {' and '.join(counts)}{place}"


def percent(share: float) -> str:
    """Return `5%`, `14.8%`, `4,170%`."""
    return f"{100 * share:,.0f}%" if abs(share) >= 10 else f"{100 * share:.3g}%"


def numbers(indices: Sequence[int]) -> str:
    """Return the first indices of some filters: `1, 7, 19, ...`."""
    return ", ".join(map(str, indices[:MOST_NAMED])) + (", ..." if len(indices) > MOST_NAMED else "")


def _filters(indices: Sequence[int], filters: int | None = None) -> str:
    if len(indices) == filters and len(indices) > 1:
        return f"all {filters} filters"
    return f"filter{'s' if len(indices) > 1 else ''} {numbers(indices)}"


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"
