"""Which layers are meant by what `--layer` says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.layer_entry import LayerEntry

DEFAULT_COUNT = 5
_INDEX = re.compile(r"-?\d+")
_RANGE = re.compile(r"(-?\d+)?:(-?\d+)?")


@dataclass(frozen=True)
class Selection:
    """The layers that were chosen.

    Attributes:
        entries: in depth, none twice.
        notices: lines for stderr: what was left out and why, how to get the others.
    """

    entries: tuple[LayerEntry, ...]
    notices: tuple[str, ...]


def select(layers: Sequence[LayerEntry], patterns: Sequence[str], network: str) -> Selection:
    """The layers that the patterns mean, in the order of the network.

    | pattern | means |
    |---|---|
    | `backbone/conv1` | the layer of that path; `encoder/conv` all calls of a layer that is called several times |
    | `block?_conv*` | every layer whose path matches; `*` crosses `/` |
    | `3`, `-1` | a convolution by its number among those that `all` lists, from 0; negative ones from the end |
    | `0:5`, `-3:`, `:4` | a range of them, the end left out, as in Python |
    | `0,5,10:20` | several of these, with commas between them |
    | `all` | every convolution |
    | `all-layers` | every layer |

    A path that exists goes before any other reading. No pattern at all: five convolutions spread from the first to
    the last.

    Args:
        layers: all layers, in depth.
        patterns: as they were written; repeated ones count once.
        network: its name, for messages.

    Raises:
        NetworkError: a pattern means no layer (the nearest paths are given), or none that has feature maps.
    """
    if not patterns:
        return _spread(layers, network)
    chosen: dict[int, LayerEntry] = {}
    notices: list[str] = []
    for pattern in patterns:
        matched = _matches(layers, pattern, network)
        drawable = [entry for entry in matched if entry.undrawable is None]
        if not drawable:
            raise NetworkError(_nothing_to_draw(matched, pattern, network))
        notices += _left_out(matched)
        chosen.update((entry.index, entry) for entry in drawable)
    return Selection(tuple(chosen[index] for index in sorted(chosen)), tuple(dict.fromkeys(notices)))


def drawable_convolutions(layers: Sequence[LayerEntry]) -> list[LayerEntry]:
    """The convolutions that have feature maps: what `all` lists and what indices count."""
    return [entry for entry in layers if entry.is_convolution and entry.undrawable is None]


def _matches(layers: Sequence[LayerEntry], pattern: str, network: str) -> list[LayerEntry]:
    """What one pattern means, drawable or not; never empty."""
    named = [entry for entry in layers if pattern in (entry.path, entry.path.rpartition("#")[0])]
    if named:
        return named
    convolutions = drawable_convolutions(layers)
    if pattern == "all-layers":
        found = list(layers)
    elif pattern == "all":
        found = [entry for entry in layers if entry.is_convolution]
    elif _INDEX.fullmatch(pattern):
        found = _at(convolutions, int(pattern))
    elif limits := _RANGE.fullmatch(pattern):
        found = convolutions[slice(*(None if limit is None else int(limit) for limit in limits.groups()))]
    else:
        found = [entry for entry in layers if fnmatchcase(entry.path, pattern)]
        if not found and "," in pattern:
            parts = [part.strip() for part in pattern.split(",")]
            found = [entry for part in parts if part for entry in _matches(layers, part, network)]
    if not found:
        raise NetworkError(_no_match(layers, pattern, network))
    return found


def _at(convolutions: list[LayerEntry], index: int) -> list[LayerEntry]:
    return [convolutions[index]] if -len(convolutions) <= index < len(convolutions) else []


def _spread(layers: Sequence[LayerEntry], network: str) -> Selection:
    convolutions = drawable_convolutions(layers)
    if not convolutions:
        raise NetworkError(_no_match(layers, "all", network))
    last = len(convolutions) - 1
    places = sorted({round(step * last / (DEFAULT_COUNT - 1)) for step in range(DEFAULT_COUNT)})
    if len(places) == len(convolutions):
        return Selection(tuple(convolutions), ())
    notice = (
        f"{len(places)} of {len(convolutions)} convolutions of {network}, spread from first to last; "
        "--layer all takes every one, --layer PATH, GLOB or 0:5 others"
    )
    return Selection(tuple(convolutions[place] for place in places), (notice,))


def _no_match(layers: Sequence[LayerEntry], pattern: str, network: str) -> str:
    count = len(drawable_convolutions(layers))
    if pattern == "all" or (count == 0 and (_INDEX.fullmatch(pattern) or _RANGE.fullmatch(pattern))):
        return f"{network} has no two-dimensional convolution; --layer all-layers takes its other layers"
    if _INDEX.fullmatch(pattern):
        return (
            f"no convolution {pattern} in {network}: expected an index or range from 0 to {count - 1}, "
            f"got {pattern}; negative ones count from the end"
        )
    if _RANGE.fullmatch(pattern):
        return (
            f"the range {pattern} of the {count} convolutions of {network} is empty: expected a start from 0 to "
            f"{count - 1} and an end after it, which is left out, as in 0:{count}"
        )
    inside = [entry for entry in layers if entry.path.startswith(f"{pattern}/")]
    if inside:
        return (
            f"`{pattern}` in {network} is a model of {len(inside)} layers: name one of them, or all with '{pattern}/*'"
        )
    return f"no layer `{pattern}` in {network}; {_nearest(layers, pattern)}"


def _nearest(layers: Sequence[LayerEntry], pattern: str) -> str:
    """The paths most like a pattern, by the whole path or by its last name."""
    paths = [entry.path for entry in layers if entry.undrawable is None]
    tails = {path.rpartition("/")[2]: path for path in reversed(paths)}
    near = difflib.get_close_matches(pattern, paths, n=3, cutoff=0.6)
    near += [tails[tail] for tail in difflib.get_close_matches(pattern, list(tails), n=3, cutoff=0.6)]
    if near:
        return f"the nearest are {', '.join(dict.fromkeys(near))}"
    shown = [entry.path for entry in drawable_convolutions(layers)] or paths
    return f"it has {', '.join(shown[:3])}{', ...' if len(shown) > 3 else ''}"


def _nothing_to_draw(matched: Sequence[LayerEntry], pattern: str, network: str) -> str:
    first = matched[0]
    if len(matched) == 1:
        return f"{first.path} in {network} has no feature maps: it {first.undrawable}"
    return (
        f"none of the {len(matched)} layers that {pattern} means in {network} has feature maps: "
        f"{first.path} {first.undrawable}"
    )


def _left_out(matched: Sequence[LayerEntry]) -> list[str]:
    skipped = [entry for entry in matched if entry.undrawable is not None]
    if len(skipped) <= 3:
        return [f"{entry.path} skipped: it {entry.undrawable}" for entry in skipped]
    names = ", ".join(entry.path for entry in skipped[:3])
    return [f"{len(skipped)} layers skipped, their outputs are not (height, width, channels): {names}, ..."]
