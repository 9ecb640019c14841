"""The cases of the benchmark: each module measures one thing, checks it first, and says what is asked of it."""

from __future__ import annotations

from cases import activations, batch, cluster, convolve, engine, filters, graph, growth, health, layers, sheet
from cases.case import Case

ALL: tuple[Case, ...] = (
    convolve.CASE,
    engine.CASE,
    sheet.CASE,
    filters.CASE,
    activations.CASE,
    graph.CASE,
    batch.CASE,
    layers.CASE,
    health.CASE,
    growth.CASE,
    cluster.CASE,
)
"""In the order in which they are run and shown."""
