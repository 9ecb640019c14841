"""The numbers of an anatomy: what `--json` prints, and the arrays that `--arrays` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featuremap_cli.arrays import Float32

if TYPE_CHECKING:
    from featuremap_cli.convolution.anatomy import MapAnatomy, Parts
    from featuremap_cli.convolution.worked_pixel import WorkedPixel


def anatomy_json(anatomy: MapAnatomy, parts: Parts, worked: WorkedPixel | None) -> dict[str, Any]:
    """Return the numbers of an anatomy as JSON values.

    `channels` are those that are shown one by one; with `rest` they add up to the first of `stages`.
    """
    height, width, met = anatomy.met.weights.shape
    return {
        "layer": anatomy.layer,
        "filter": anatomy.index,
        "name": anatomy.met.name,
        "input_shape": list(anatomy.pixels.shape),
        "kernel_shape": [height, width, met],
        "bias": anatomy.met.bias,
        "channels": [
            {
                "channel": anatomy.met.channels[position],
                "name": anatomy.channel_names[position],
                "kernel": _rows(anatomy.laid_weights[..., position]),
                **_span(anatomy.products[position]),
            }
            for position in parts.shown
        ],
        "rest": None if parts.rest is None else {"channels": parts.others, **_span(parts.rest)},
        "stages": [
            {"stage": stage.kind, "name": stage.words, "shape": list(stage.values.shape), **_span(stage.values)}
            for stage in anatomy.stages
        ],
        "at": None if worked is None else _worked_json(anatomy, parts, worked),
    }


def anatomy_arrays(anatomy: MapAnatomy) -> dict[str, object]:
    """Return the arrays of an anatomy by name, of all the channels that the filter meets, not only those shown."""
    return {
        "layer": np.asarray(anatomy.layer, dtype=np.str_),
        "filter": np.asarray(anatomy.index),
        "channels": np.asarray(anatomy.met.channels),
        "input": np.ascontiguousarray(anatomy.pixels.transpose(2, 0, 1)),
        "kernels": np.ascontiguousarray(anatomy.laid_weights.transpose(2, 0, 1)),
        "products": anatomy.products,
        "bias_value": np.asarray(anatomy.met.bias, np.float32),
        **{stage.kind: stage.values for stage in anatomy.stages},
    }


def _worked_json(anatomy: MapAnatomy, parts: Parts, worked: WorkedPixel) -> dict[str, Any]:
    shown = list(parts.shown)
    return {
        "row": worked.row,
        "column": worked.column,
        "rows": list(worked.rows),
        "columns": list(worked.columns),
        "inside": worked.inside.tolist(),
        "channels": [
            {
                "channel": anatomy.met.channels[position],
                "window": _rows(worked.window[..., position]),
                "weights": _rows(worked.weights[..., position]),
                "sum": float(worked.sums[position]),
            }
            for position in shown
        ],
        "rest": float(worked.sums.sum() - worked.sums[shown].sum()) if parts.others else 0.0,
        "bias": worked.bias,
        "before_activation": worked.before,
        "value": worked.after,
    }


def _rows(values: Float32) -> list[list[float]]:
    return [[float(value) for value in row] for row in values]


def _span(values: Float32) -> dict[str, float]:
    return {"min": float(values.min()), "max": float(values.max()), "mean": float(values.mean(dtype=np.float64))}
