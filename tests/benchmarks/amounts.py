"""Measured numbers as text, on the terminal and on the page alike."""

from __future__ import annotations

from collections.abc import Sequence

from measurements import Finding, Ratio


def took(seconds: float) -> str:
    """Seconds, or milliseconds below one, with three digits that count: `1.23 s`, `45.6 ms`."""
    value, unit = (seconds, "s") if seconds >= 1 else (seconds * 1000, "ms")
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def span(seconds: Sequence[float]) -> str:
    """The least and the most: `1.20 to 1.31 s`."""
    low, high = took(min(seconds)), took(max(seconds))
    same_unit = low.rpartition(" ")[2] == high.rpartition(" ")[2]
    return f"{low.rpartition(' ')[0] if same_unit else low} to {high}"


def number(value: float) -> str:
    """A plain number with three digits that count, more before the point where there are more."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.3g}"


def share(ratio: Ratio) -> str:
    """A ratio with its range: `12.3 (11.9 to 12.8)`."""
    if ratio.low == ratio.high:
        return number(ratio.value)
    return f"{number(ratio.value)} ({number(ratio.low)} to {number(ratio.high)})"


def of_unit(finding: Finding) -> str:
    """A finding's number, with its range or its unit."""
    if finding.low is not None and finding.high is not None:
        return share(Ratio(finding.value, finding.low, finding.high))
    return f"{number(finding.value)} {finding.unit}".rstrip()
