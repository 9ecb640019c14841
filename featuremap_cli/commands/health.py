"""`featuremap health`: sparsity and dead filters over a set of images, with thresholds for CI."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from featuremap_cli.commands.completion import complete_model
from featuremap_cli.commands.console import give, give_json, tell
from featuremap_cli.commands.health_job import HealthJob
from featuremap_cli.commands.kept_job import KeptJob
from featuremap_cli.commands.options import (
    NETWORK,
    GatherOptions,
    Images,
    Layers,
    NetworkOptions,
    PageOptions,
    read_pixel_limit,
)
from featuremap_cli.commands.thresholds import ThresholdOptions
from featuremap_cli.errors import ThresholdCrossedError, UsageError

if TYPE_CHECKING:
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.health_job import HealthSession
    from featuremap_cli.commands.health_report import HealthReport
    from featuremap_cli.commands.thresholds import Thresholds

MOST_CHANGED = 12
"""How many filters the sheet of changes shows."""

Compare = Annotated[
    str | None,
    typer.Option(
        metavar="OTHER_MODEL",
        help="An earlier checkpoint of the same architecture: what changed since, in weights and maps.",
        show_default=False,
        rich_help_panel=NETWORK,
        autocompletion=complete_model,
    ),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="A line a filter on stdout, as in health.csv.")]


def health(
    images: Images,
    network: NetworkOptions,
    checks: ThresholdOptions,
    page: PageOptions,
    batch: GatherOptions,
    layer: Layers = None,
    compare: Compare = None,
    csv: AsCsv = False,
) -> None:
    """Measure sparsity, dead filters and NaN over images; fail on thresholds.

    Writes `health.png` and `health.csv`, and prints a row a layer (with --json one object for the whole run). A
    crossed threshold is exit code 8, even where images failed too. Every image is measured anew, by one network that
    uses every core, or by one in each worker of a --cluster.

    Examples:

    - `featuremap health sample:china sample:flower -m alexnet`
    - `featuremap health photos/ -m model.keras -l all --max-dead 5% --min-sparsity 30%`
    - `featuremap health photos/ -m new.keras --compare old.keras`
    - `featuremap health photos/ -m model.keras --json > baseline.json`
    """
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.commands.provenance import option_words
    from featuremap_cli.commands.run import find, gather
    from featuremap_cli.commands.thresholds import read_thresholds

    if csv and batch.json:
        raise UsageError("--csv and --json both want stdout: give one of them; health.csv is written in any case")
    thresholds = read_thresholds(checks)
    folder = OutputFolder(batch.out)
    if batch.dry_run:
        for name in _outputs(compare):
            give(folder.path(_named(name, page)))
        return
    found = find(images, batch)
    first = list(islice(found, network.batch_size))
    measuring = HealthJob(
        network,
        tuple(layer or ()),
        compare,
        min(len(first), network.batch_size),
        compiled=len(first) > 1,
        pixel_limit=read_pixel_limit(batch.max_pixels),
    )
    job = KeptJob(measuring, measuring.open, batch.quiet)
    tally = gather(job, images, batch, chain(first, found))
    if job.session is None or not job.session.measurement.images or (batch.fail_fast and tally.failed):
        raise typer.Exit(tally.exit_code)
    report = _report(job.session, thresholds)
    words = (
        *(word for pattern in layer or () for word in ("-l", pattern)),
        *(("--compare", compare) if compare else ()),
    )
    command = _command(images, network, (*words, *option_words(page)))
    paths = _write(report, job.session, folder, command, page)
    _print(report, paths, batch, csv)
    from featuremap_cli.drawing.runs import escaped_notices

    for notice in () if batch.quiet else (*report.notices(), *escaped_notices()):
        tell(notice)
    if report.failed_checks:
        for line in report.failed_checks[:-1]:
            tell(line)
        raise ThresholdCrossedError(report.failed_checks[-1])
    if tally.exit_code:
        raise typer.Exit(tally.exit_code)


def _outputs(compare: str | None) -> list[str]:
    from featuremap_cli.batch.outputs import HEALTH_PICTURE, HEALTH_TABLE, variant_file

    return [HEALTH_PICTURE, HEALTH_TABLE, *([variant_file(HEALTH_PICTURE, "changes")] if compare else [])]


def _named(name: str, page: PageOptions) -> str:
    from featuremap_cli.commands.pictures import picture_file

    return picture_file(name, page) if name.endswith(".png") else name


def _report(session: HealthSession, thresholds: Thresholds) -> HealthReport:
    """Return all that follows from what the session has seen."""
    from featuremap_cli.analysis.weights import weigh
    from featuremap_cli.commands.health_report import HealthReport
    from featuremap_cli.networks.weights import unreal_weights

    layers = session.reports()
    unreal = tuple(unreal_weights(session.current.network))
    return HealthReport(
        network=session.current.network.name,
        images=session.measurement.images,
        layers=tuple(layers),
        weights=tuple(None if bank is None else weigh(bank) for bank in session.current.filters()),
        unreal=unreal,
        compared_with=session.other.network.name if session.other else None,
        changes=session.changes(),
        failed_checks=tuple(thresholds.failed(layers, unreal)),
    )


def _write(
    report: HealthReport, session: HealthSession, folder: OutputFolder, command: str, page: PageOptions
) -> list[str]:
    """Write the picture, the table, and the sheet of changes where there are any; return their paths.

    Raises:
        OutputError: a file cannot be written.
    """
    from featuremap_cli import __version__
    from featuremap_cli.commands.health_report import count
    from featuremap_cli.commands.pictures import encoded, styled
    from featuremap_cli.drawing.figures import draw_health

    text = {"Software": f"featuremap {__version__}", "Command": command}
    details = [count(report.images, "image"), count(len(report.layers), "layer")]
    unreal = sum(1 for layer in report.layers if layer.nan or layer.inf)
    if unreal:
        details.append(f"NaN or infinity in {count(unreal, 'layer')} (hatched)")
    title = page.title or f"Health · {report.network}"
    picture = draw_health(report.layers, title, ", ".join(details), page.text_size)
    contents = [encoded(picture, text, page), report.as_csv().encode()]
    with styled(page):
        sheet = session.draw_changes(report.changes, MOST_CHANGED)
    if sheet is not None:
        contents.append(encoded(sheet, text, page))
    return [
        folder.path(folder.write(_named(name, page), content).relative)
        for name, content in zip(_outputs(report.compared_with), contents, strict=False)
    ]


def _print(report: HealthReport, paths: Sequence[str], batch: GatherOptions, csv: bool) -> None:
    """Print the report on stdout; with --json or --csv the files' names go to stderr, for stdout is data alone."""
    from featuremap_cli.commands.health_report import terminal_width

    if batch.json:
        give_json(report.as_json())
    elif csv:
        give(report.as_csv().removesuffix("\n"))
    else:
        give(report.as_text(terminal_width()) + "\n")
        for path in paths:
            give(path)
        return
    if not batch.quiet:
        tell(f"written: {', '.join(paths)}")


def _command(images: Sequence[str], network: NetworkOptions, words: Sequence[str]) -> str:
    """Return the command line that makes the picture again; of many images the first stand for all."""
    from featuremap_cli.commands.provenance import option_words

    shown = [*images[:8], *(["..."] if len(images) > 8 else [])]
    return shlex.join(["featuremap", "health", *shown, *option_words(network), *words])
