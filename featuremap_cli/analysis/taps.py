"""Which input positions a layer reads, along one axis.

An axis is the height or the width; positions are counted from 0 at the top or left, and may lie outside the input
(padding). What a layer reads repeats: a convolution of stride 2 reads the same pattern 2 further for each output, a
transposed convolution of stride 2 alternates between two patterns. So a layer is told by one period of patterns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class AxisTaps:
    """The input positions read by each output position of a layer, along one axis.

    Output position i reads `patterns[i % period]`, each shifted by `advance * (i // period)`.

    Attributes:
        advance: input positions between one period and the next, at least 1.
        patterns: the taps of the first period, one tuple an output position; empty where an output reads nothing.
    """

    advance: int
    patterns: tuple[tuple[int, ...], ...]

    @property
    def period(self) -> int:
        """Output positions until the pattern repeats."""
        return len(self.patterns)

    def at(self, position: int) -> tuple[int, ...]:
        """The input positions that output `position` reads; those outside the input are padding."""
        repeat, phase = divmod(position, self.period)
        return tuple(tap + self.advance * repeat for tap in self.patterns[phase])


POINT = AxisTaps(1, ((0,),))


def window_taps(size: int, stride: int, dilation: int, before: int) -> AxisTaps:
    """Taps of a convolution or a pool with `size` taps, `dilation` apart, and `before` positions of padding in front.

    `window_taps(1, 1, 1, n)` is n positions of padding, and with a negative n a cropping of -n.
    """
    return AxisTaps(stride, (tuple(dilation * tap - before for tap in range(size)),))


def transposed_taps(size: int, stride: int, dilation: int, before: int) -> AxisTaps:
    """Taps of a transposed convolution: the convolution's taps read backwards.

    Input position j is spread over the outputs `stride * j + dilation * tap - before`; output i therefore reads the j
    for which some tap fits. With fewer taps than the stride, some outputs read nothing.
    """
    patterns = []
    for output in range(stride):
        reached = (output + before - dilation * tap for tap in range(size))
        patterns.append(tuple(sorted(place // stride for place in reached if place % stride == 0)))
    return AxisTaps(1, tuple(patterns))


def nearest_taps(before: int, after: int) -> AxisTaps:
    """Taps of a resize from `before` to `after` positions that takes the nearest pixel (TensorFlow's half-pixel rule).

    Output i reads floor((i + 1/2) * before / after).
    """
    period, advance = _repeat(before, after)
    return AxisTaps(advance, tuple((((2 * output + 1) * before) // (2 * after),) for output in range(period)))


def interpolated_taps(before: int, after: int, radius: int) -> AxisTaps:
    """Taps of a resize that interpolates with a kernel of this radius: bilinear 1, bicubic 2, Lanczos 3 or 5.

    Output i stands at (i + 1/2) * before / after - 1/2. It reads the positions nearer than the radius; where it stands
    on a position, that one alone, since these kernels are zero at every other whole distance.
    """
    period, advance = _repeat(before, after)
    patterns = []
    for output in range(period):
        floor, rest = divmod((2 * output + 1) * before - after, 2 * after)
        patterns.append((floor,) if rest == 0 else tuple(range(floor - radius + 1, floor + radius + 1)))
    return AxisTaps(advance, tuple(patterns))


def _repeat(before: int, after: int) -> tuple[int, int]:
    common = math.gcd(before, after)
    return after // common, before // common
