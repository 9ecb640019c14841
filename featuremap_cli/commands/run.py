"""A job over the images of a command line: what is printed where, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import typer

from featuremap_cli.commands.console import give, give_json, tell
from featuremap_cli.commands.options import BatchOptions, GatherOptions, PageOptions, RunOptions
from featuremap_cli.errors import UsageError

if TYPE_CHECKING:
    from featuremap_cli.batch.cluster_settings import Cluster
    from featuremap_cli.batch.job import GatheringJob, Job
    from featuremap_cli.batch.outputs import OutputFolder, Written
    from featuremap_cli.batch.record import Record, Tally
    from featuremap_cli.batch.runner import RunSettings
    from featuremap_cli.sources.locations import ImageLocation, MissingImage

MOST_COUNTED = 100_000


@dataclass(frozen=True)
class First:
    """What belongs to a run as a whole, and not to one image.

    Attributes:
        file: its name below the output folder.
        write: writes it, and what goes with it.
    """

    file: str
    write: Callable[[OutputFolder], Sequence[Written]]


def find(images: Sequence[str], batch: GatherOptions) -> Iterator[ImageLocation | MissingImage]:
    """Find what the IMAGES arguments stand for, one after another; the output folder is not searched."""
    from featuremap_cli.sources.locations import find_images

    told = None if batch.quiet else tell
    return find_images(images, without=[batch.out], ends_with_null=batch.null, tell=told)


def run_job(
    job: Job,
    images: Sequence[str],
    batch: RunOptions,
    found: Iterable[ImageLocation | MissingImage] | None = None,
    first: First | None = None,
) -> None:
    """Run `job` over IMAGES and tell what became of each.

    Args:
        job: what to do with an image.
        images: the IMAGES arguments as written.
        batch: where results go, and how the run behaves.
        found: what they stand for, where that has been looked at already.
        first: written once, before the first image that is done is told, or where an earlier run lost it.

    Raises:
        FeaturemapError: the run cannot go on.
        typer.Exit: with the exit code, where images failed.
    """
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.batch.runner import RunSettings, default_jobs, run

    # A network uses every core by itself: worker processes would each load it, and be no faster.
    jobs = batch.jobs or (1 if job.overlaps else default_jobs())
    settings = RunSettings(OutputFolder(batch.out), jobs, batch.force, batch.fail_fast, cluster=read_cluster(batch))
    if batch.gallery and settings.folder.is_remote:
        raise UsageError("--gallery writes a page for a folder on a disk: leave it out, or choose a folder with --out")
    found = find(images, batch) if found is None else found
    if batch.dry_run:
        _preview(job, found, settings, batch.json)
        return
    records = run(job, found, settings)
    try:
        tally = _tell_records(records, settings.folder, images, batch, first)
    except KeyboardInterrupt:
        tell("what is done is kept: the same command does only what is missing")
        raise
    if batch.gallery and (tally.done or tally.skipped):
        from featuremap_cli.commands.gallery import write_gallery

        _tell_files([settings.folder.path(write_gallery(settings.folder).relative)], batch)
    if tally.exit_code:
        raise typer.Exit(tally.exit_code)


def refuse_gallery_without_pictures(batch: RunOptions, page: PageOptions) -> None:
    """Refuse --gallery of what a browser shows as no picture.

    Raises:
        UsageError: both are asked for.
    """
    if batch.gallery and page.format != "png":
        raise UsageError(f"--gallery shows PNG files, and --format {page.format} writes others: leave out one of them")


def _tell_records(
    records: Generator[Record], folder: OutputFolder, images: Sequence[str], batch: RunOptions, first: First | None
) -> Tally:
    """Tell of each record as it comes; end the run where telling fails."""
    from featuremap_cli.batch.progress import Progress

    with closing(records), Progress(tell, _count(images, batch), batch.quiet) as progress:
        for record in records:
            if first is not None and _is_due(first, record, folder):
                _tell_files([folder.path(one.relative) for one in first.write(folder)], batch)
                first = None
            progress.add(record)
            if batch.json:
                give_json(record.as_json())
            elif record.status == "done":
                _tell_files(record.outputs, batch)
    return _counted(progress.tally)


def _counted(tally: Tally) -> Tally:
    """Return the counts of a run. A list on stdin may be empty: a nightly job over new files has nothing to do then."""
    if tally.images == 0:
        tell("no image was named on stdin: nothing to do")
    return tally


def read_cluster(batch: GatherOptions) -> Cluster | None:
    """Read `--cluster`.

    Raises:
        UsageError: it names no cluster, or --jobs is given too.
    """
    from featuremap_cli.batch.cluster_settings import Cluster

    if batch.cluster is None:
        return None
    if isinstance(batch, BatchOptions) and batch.jobs is not None:
        raise UsageError("--jobs is for worker processes here, a cluster has workers of its own; leave out one of them")
    return Cluster(batch.cluster, _tell_nobody if batch.quiet else tell)


def _tell_nobody(_: str) -> None:
    return None


def gather(
    job: GatheringJob, images: Sequence[str], batch: GatherOptions, found: Iterable[ImageLocation | MissingImage]
) -> Tally:
    """Run a job whose result is more than its files, and tell which images failed.

    It runs in this process, or on a cluster, whose workers' sessions gather for one that is opened here.

    Every image is done, whatever earlier runs have done: what a session has gathered ends with it.

    Args:
        job: what to do with an image.
        images: the IMAGES arguments as written.
        batch: how the run behaves.
        found: what they stand for.

    Returns:
        The counts, and the exit code that they mean.

    Raises:
        FeaturemapError: the run cannot go on.
    """
    from featuremap_cli.batch.outputs import OutputFolder
    from featuremap_cli.batch.progress import Progress
    from featuremap_cli.batch.runner import RunSettings, run

    cluster = read_cluster(batch)
    if cluster is not None:
        cluster = replace(cluster, take_in=job.open().take_in)
    settings = RunSettings(OutputFolder(batch.out), jobs=1, fail_fast=batch.fail_fast, resumes=False, cluster=cluster)
    with closing(run(job, found, settings)) as records, Progress(tell, _count(images, batch), batch.quiet) as progress:
        for record in records:
            progress.add(record)
    return _counted(progress.tally)


def _is_due(first: First, record: Record, folder: OutputFolder) -> bool:
    return record.status == "done" or (record.status == "skipped" and folder.size(first.file) is None)


def _tell_files(paths: Sequence[str], batch: GatherOptions) -> None:
    """Print the paths of files, a line each; with --json stdout has an object an image and nothing else."""
    if not batch.json:
        for path in paths:
            give(path)


def _count(images: Sequence[str], batch: GatherOptions) -> int | None:
    """Count the images for the progress bar; None where there is no bar, or where it would take long."""
    if batch.quiet or "-" in images or not sys.stderr.isatty():
        return None
    counted = sum(1 for _ in islice(find(images, replace(batch, quiet=True)), MOST_COUNTED + 1))
    return counted if counted <= MOST_COUNTED else None


def _preview(job: Job, found: Iterable[ImageLocation | MissingImage], settings: RunSettings, as_json: bool) -> None:
    """Print the plan: each image, how the names of its files begin, and whether it is done already."""
    from featuremap_cli.batch.plan import Missing
    from featuremap_cli.batch.runner import preview
    from featuremap_cli.sources.locations import printable

    for planned, is_done in preview(job, found, settings):
        if isinstance(planned, Missing):
            tell(planned.message)
            continue
        outputs = settings.folder.path(planned.stem)
        if as_json:
            give_json({"image": planned.location.shown, "outputs_begin": outputs, "done": is_done})
        else:
            note = "\t(done already)" if is_done else ""
            give(f"{printable(planned.location.shown)}\t{printable(outputs)}{note}")
