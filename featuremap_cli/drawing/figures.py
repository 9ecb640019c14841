"""Curves over the depth of a network, drawn by matplotlib: `health.png`.

Every line has its own marker and stroke, every bar its own gray, so that nothing is told by color alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featuremap_cli.analysis.health import LayerHealth
from featuremap_cli.drawing.chart_texts import chart_texts
from featuremap_cli.drawing.palette import MISSING_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
MOST_NAMED = 60
"""Above so many layers, only every second, third, ... has its name below the axis."""

_BLUE, _ORANGE, _DARK, _SOFT = "#0b559f", "#e08214", "#222222", "#767676"
# Lightness 33, 62, 50 and 15 of 100: apart in gray too.
_SPARSITY_LINES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "zero_fraction",
        "zeros (part of all values)",
        {"color": _BLUE, "marker": "o", "linestyle": "-", "linewidth": 2.2},
    ),
    ("hoyer", "Hoyer", {"color": _ORANGE, "marker": "s", "linestyle": "--"}),
    ("lifetime_sparseness", "lifetime", {"color": _SOFT, "marker": "^", "linestyle": "-."}),
    ("population_sparseness", "population", {"color": _DARK, "marker": "v", "linestyle": ":"}),
)
_UNREAL = "#{:02x}{:02x}{:02x}".format(*MISSING_COLOR)
_LONGEST_NAME = 28
_LABEL_POINTS = 10
_WIDEST_RATIO = 30.0


def draw_health(layers: Sequence[LayerHealth], title: str, detail: str, text_size: int | None = None) -> Image.Image:
    """Draw sparsity, activation ranges and dead filters by depth, one panel below the other.

    Layers that give NaN or infinity are hatched from top to bottom, in the color of NaN: the curves are of what finite
    values there are.

    Args:
        layers: from the first to the last; at least one.
        title: the first line: what and of what.
        detail: the second line.
        text_size: of the labels in pixels, and the whole chart in proportion; None for the usual one.

    Returns:
        An RGB picture about 1,300 pixels wide, wider for many layers.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = chart_texts([title, detail, *(layer.layer for layer in layers)])
    layers = [replace(layer, layer=name) for layer, name in zip(layers, names.texts[2:], strict=True)]
    with names.fonts():
        figure = health_figure(layers, *names.texts[:2])
        if text_size is not None:
            figure.set_dpi(text_size / _LABEL_POINTS * 72)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return Image.fromarray(pixels).convert("RGB")


def health_figure(layers: Sequence[LayerHealth], title: str, detail: str) -> Figure:
    """Return what `draw_health` draws as a matplotlib figure, which belongs to no window."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    width = min(24.0, max(10.5, 3 + 0.24 * len(layers)))
    below = 0.5 + 0.085 * max(map(len, _names(layers)))
    layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12, hspace=0.03)
    figure = Figure(figsize=(width, 10.2 + below), dpi=DPI, facecolor="white", layout=layout)
    figure.suptitle(title, x=0.012, ha="left", fontsize=15, color=_DARK)
    panels = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": (1.15, 1.15, 0.8)})
    _draw_sparsity(panels[0], layers)
    _draw_ranges(panels[1], layers)
    _draw_faults(panels[2], layers)
    panels[0].set_title(detail, loc="left", fontsize=11, color=_SOFT, pad=30)
    for panel in panels:
        _style(panel, len(layers))
        _mark_unreal(panel, layers)
    _name_layers(panels[2], layers)
    return figure


def _draw_sparsity(panel: Axes, layers: Sequence[LayerHealth]) -> None:
    places = np.arange(len(layers))
    for name, label, style in _SPARSITY_LINES:
        panel.plot(places, _values(layers, name), label=label, markersize=6, **style)
    panel.set_ylim(-0.03, 1.03)
    panel.set_ylabel("sparsity (0 to 1)")
    _legend(panel)


def _draw_ranges(panel: Axes, layers: Sequence[LayerHealth]) -> None:
    """Draw minimum to maximum as a pale band, the mean with one standard deviation as a darker one inside it."""
    places = np.arange(len(layers))
    low, high, mean, std = (_values(layers, name) for name in ("min", "max", "mean", "std"))
    inner_low, inner_high = np.fmax(mean - std, low), np.fmin(mean + std, high)
    if len(layers) == 1:
        # A band needs two ends.
        places = np.array([-0.3, 0.3])
        low, high, mean, inner_low, inner_high = (np.repeat(one, 2) for one in (low, high, mean, inner_low, inner_high))
    panel.fill_between(places, low, high, color="#d4e1ee", linewidth=0, label="minimum to maximum")
    panel.fill_between(places, inner_low, inner_high, color="#7ea9d1", linewidth=0, label="mean ± one deviation")
    marker = None if len(layers) == 1 else "o"
    panel.plot(places, mean, color=_DARK, marker=marker, markersize=5, label="mean")
    panel.set_ylabel("activation" + _choose_scale(panel, low, high))
    _legend(panel)


def _choose_scale(panel: Axes, low: np.ndarray, high: np.ndarray) -> str:
    """Make the axis logarithmic away from zero where layers differ so much that the small ones would be a line."""
    reach = np.fmax(np.abs(low), np.abs(high))
    reach = reach[np.isfinite(reach) & (reach > 0)]
    if reach.size == 0 or reach.max() / reach.min() <= _WIDEST_RATIO:
        return ""
    linear = float(reach.min()) / 2
    panel.set_yscale("symlog", linthresh=linear)
    return f"\n(logarithmic beyond ±{linear:.2g})"


def _draw_faults(panel: Axes, layers: Sequence[LayerHealth]) -> None:
    places = np.arange(len(layers))
    dead = np.array([100 * len(layer.dead) / len(layer.filters) for layer in layers])
    silent = np.array([100 * layer.silent_fraction for layer in layers])
    width = 0.38
    panel.bar(
        places - width / 2, silent, width, color="#cfcfcf", edgecolor=_SOFT, hatch="///", label="silent on an image"
    )
    panel.bar(places + width / 2, dead, width, color=_DARK, edgecolor=_DARK, label="dead: silent on every image")
    if len(layers) <= 30:
        for place, layer, share in zip(places, layers, dead, strict=True):
            panel.annotate(
                str(len(layer.dead)), (place + width / 2, share), (0, 3), textcoords="offset points", ha="center",
                fontsize=9, color=_DARK,
            )  # fmt: skip
    unreal = np.array([100 * _unreal_filters(layer) / len(layer.filters) for layer in layers])
    if unreal.any():
        ill = unreal > 0
        panel.plot(
            places[ill], unreal[ill], color=_UNREAL, marker="X", markersize=10, linewidth=0, label="NaN or infinity"
        )
    panel.set_ylim(0, max(1.0, 1.18 * float(max(dead.max(), silent.max(), unreal.max()))))
    panel.set_ylabel("filters (%)")
    _legend(panel)


def _mark_unreal(panel: Axes, layers: Sequence[LayerHealth]) -> None:
    for place, layer in enumerate(layers):
        if _unreal_filters(layer):
            panel.axvspan(
                place - 0.5, place + 0.5, facecolor="none", edgecolor=_UNREAL, hatch="xx", linewidth=0, alpha=0.45,
                zorder=0,
            )  # fmt: skip


def _unreal_filters(layer: LayerHealth) -> int:
    return sum(1 for one in layer.filters if one.nan or one.inf)


def _legend(panel: Axes) -> None:
    """Put the legend above the panel, where it covers no data."""
    panel.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, frameon=False, fontsize=10, borderaxespad=0.2,
        handlelength=3.2, columnspacing=1.8,
    )  # fmt: skip


def _style(panel: Axes, layers: int) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(_SOFT)
    panel.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.yaxis.label.set_fontsize(11)
    panel.set_xlim(-0.6, layers - 0.4)
    panel.tick_params(labelsize=10, color=_SOFT)


def _name_layers(panel: Axes, layers: Sequence[LayerHealth]) -> None:
    step = -(-len(layers) // MOST_NAMED)
    places = range(0, len(layers), step)
    names = _names(layers)
    shown = [names[place] for place in places]
    crowded = sum(map(len, shown)) > 90
    panel.set_xticks(list(places), shown, rotation=90 if crowded else 0, fontsize=10 if len(shown) <= 40 else 8)
    panel.set_xlabel("layer, from first to last" + (f" (one in {step} is named)" if step > 1 else ""), fontsize=11)


def _names(layers: Sequence[LayerHealth]) -> list[str]:
    """Return the layers' paths, the middle of long ones left out."""
    half = (_LONGEST_NAME - 1) // 2
    return [
        name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
        for name in (layer.layer for layer in layers)
    ]


def _values(layers: Sequence[LayerHealth], name: str) -> np.ndarray:
    """Return one number of each layer, float64; NaN, which matplotlib leaves out, where no value is finite."""
    return np.array([None if layer.mean is None else getattr(layer, name) for layer in layers], dtype=np.float64)
