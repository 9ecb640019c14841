"""The presets: kernels with a name, each generated or written as its textbook has it.

All are meant for cross-correlation, the kernel laid on the image as it stands and not turned by 180 degrees (`--flip`
turns it). What each family does about its sum and its sign is said at the top of its module: `lines`, `smoothing`,
`sharpening`, `edges`, `oriented`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NotationError
from featuremap_cli.sources.kernels import edges, lines, oriented, sharpening, smoothing
from featuremap_cli.sources.kernels.kernel import Kernel, bank_of, join_banks
from featuremap_cli.sources.kernels.preset import Parameter, Preset

__all__ = ["PRESETS", "Kernel", "Parameter", "Preset", "bank_of", "join_banks", "nearest_names", "preset_bank"]

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {preset.name: preset for family in (lines, smoothing, sharpening, edges, oriented) for preset in family.PRESETS}
)


def nearest_names(name: str, known: Sequence[str] = ()) -> list[str]:
    """Up to three names that look like this one, best first: of the presets, or of `known`."""
    return difflib.get_close_matches(name.lower(), known or list(PRESETS), n=3, cutoff=0.5)


def preset_bank(name: str, arguments: Sequence[str] = ()) -> FilterBank:
    """The filters of a preset.

    Args:
        name: one of PRESETS.
        arguments: what a user writes between the commas after the colon, as text.

    Returns:
        A bank of one filter, or of eight for a compass family: weights (filter_height, filter_width, 1, filters),
        `every_channel`, with names and cells.

    Raises:
        NotationError: no preset of that name (the nearest are suggested), or arguments that do not fit.

    Example:
        >>> preset_bank("vertical", ["7"]).weights.shape
        (7, 7, 1, 1)
    """
    if name not in PRESETS:
        near = " or ".join(f"`{one}`" for one in nearest_names(name))
        advice = f"did you mean {near}? " if near else ""
        raise NotationError(name, 0, len(name), f"no preset is called `{name}`: {advice}`featuremap kernels` lists all")
    return PRESETS[name].bank(arguments)
