"""docs/benchmarks.json, docs/benchmarks.md and the figures in README.md: the record of the suite, read and written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from headline import in_readme
from measurements import Record
from page import page


class StrangeRecordError(Exception):
    """A record that another one cannot be added to."""


def read(folder: Path) -> Record | None:
    """Return the record in a folder, or None."""
    path = folder / "benchmarks.json"
    return Record.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write(record: Record, folder: Path) -> tuple[Path, ...]:
    """Write the page, the raw numbers beside it and the figures in the README above it, and return where."""
    text, raw, readme = folder / "benchmarks.md", folder / "benchmarks.json", folder.parent / "README.md"
    text.write_text(page(record), encoding="utf-8")
    raw.write_text(_json(record) + "\n", encoding="utf-8")
    if not readme.exists():
        return text, raw
    readme.write_text(in_readme(readme.read_text(encoding="utf-8"), record), encoding="utf-8")
    return text, raw, readme


def _json(record: Record) -> str:
    """The record as JSON, the numbers of one contestant on one line."""
    text = json.dumps(record.as_json(), indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+([-+.\de,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)


def joined(new: Record, old: Record | None, order: list[str]) -> Record:
    """Return a record of some cases together with the recorded others, in the suite's order.

    Raises:
        StrangeRecordError: the others were measured on another machine or with other versions.
    """
    if old is None:
        return new
    names = {report.case for report in new.reports}
    kept = [report for report in old.reports if report.case not in names]
    if kept and (old.machine, old.versions) != (new.machine, new.versions):
        raise StrangeRecordError(
            "docs/benchmarks.json was measured on another machine or with other versions: run the whole suite instead"
        )
    reports = sorted([*kept, *new.reports], key=lambda report: order.index(report.case))
    return replace(new, reports=tuple(reports))
