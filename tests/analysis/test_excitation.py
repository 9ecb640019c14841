"""The best places of each filter, against sorting everything there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from featuremap_cli.analysis.excitation import Excitation, Fields

Maps = NDArray[np.float32]
Key = tuple[int, int, int, float]


def fields(height: int, width: int, size: int, stride: int, start: int = -1) -> Fields:
    def axis(count: int) -> tuple[tuple[int, int], ...]:
        return tuple((start + stride * place, start + stride * place + size - 1) for place in range(count))

    return Fields(axis(height), axis(width))


def keys(excitation: Excitation) -> list[list[Key]]:
    return [[(one.image, one.row, one.column, one.value) for one in places] for places in excitation.responses()]


def by_sorting(images: list[Maps], index: int, top: int, per_image: int, reach: float) -> list[Key]:
    """All positions of all images, the strongest first; those too near to a stronger one of their image are passed."""
    places = [
        (float(-maps[index, row, column]), image, row, column)
        for image, maps in enumerate(images)
        for row in range(maps.shape[1])
        for column in range(maps.shape[2])
        if maps[index, row, column] > 0
    ]
    kept: list[Key] = []
    for negative, image, row, column in sorted(places):
        same = [one for one in kept if one[0] == image]
        near = any(abs(one[1] - row) < reach and abs(one[2] - column) < reach for one in same)
        if len(same) < per_image and not near:
            kept.append((image, row, column, -negative))
    return kept[:top]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.integers(0, 10_000),
    st.integers(0, 6),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_one_pass_two_merged_ones_and_sorting_agree(
    seed: int, count: int, top: int, per_image: int, size: int, stride: int
) -> None:
    # Few different values, so that many are equal; a third of them not above zero.
    rng = np.random.default_rng(seed)
    images = [rng.integers(-2, 5, (3, 4, 5)).astype(np.float32) for _ in range(count)]
    setting = ((2, 0), top, per_image, fields(4, 5, size, stride))
    whole, even, odd = Excitation(*setting), Excitation(*setting), Excitation(*setting)
    for number, maps in enumerate(images):
        whole.add(number, maps)
        (odd if number % 2 else even).add(number, maps)
    expected = [by_sorting(images, index, top, per_image, size / stride) for index in (2, 0)]
    assert keys(whole) == expected
    odd.merge(even)
    assert keys(odd) == expected
    assert odd.images() == tuple(sorted({key[0] for places in expected for key in places}))


def test_ranks_count_from_one_and_filters_keep_their_index() -> None:
    excitation = Excitation((7,), 3, 1, fields(1, 2, 1, 1))
    for number, value in enumerate((2.0, 3.0)):
        excitation.add(number, np.full((8, 1, 2), value, np.float32))
    (places,) = excitation.responses()
    assert [(one.filter, one.rank, one.image, one.value) for one in places] == [(7, 1, 1, 3.0), (7, 2, 0, 2.0)]


def test_what_is_no_number_never_fires() -> None:
    maps = np.array([[[np.nan, 0.5, np.inf, -np.inf]], [[np.nan, 0, -1, np.inf]]], np.float32)
    excitation = Excitation((0, 1), 4, 4, fields(1, 4, 1, 1))
    excitation.add(3, maps)
    assert keys(excitation) == [[(3, 0, 1, 0.5)], []]


def test_filters_with_a_value_that_is_no_number_are_known() -> None:
    maps = np.ones((3, 1, 2), np.float32)
    infinite, nan = maps.copy(), maps.copy()
    infinite[2, 0, 1], nan[0, 0, 0] = -np.inf, np.nan
    excitation = Excitation((2, 1, 0), 1, 1, fields(1, 2, 1, 1))
    excitation.add(0, infinite)
    excitation.add(1, maps)
    assert excitation.unreal() == (2,)
    other = excitation.fresh()
    assert other.unreal() == ()
    other.add(2, nan)
    assert (excitation.unreal(), other.unreal()) == ((2,), (0,))
    excitation.merge(other)
    assert (excitation.unreal(), other.unreal()) == ((2, 0), (0,))


def test_fields_that_all_see_everything_give_one_place_an_image() -> None:
    whole = Fields(((0, 9),) * 3, ((0, 9),) * 3)
    excitation = Excitation((0,), 9, 5, whole)
    excitation.add(0, np.arange(9, dtype=np.float32).reshape(1, 3, 3))
    assert keys(excitation) == [[(0, 2, 2, 8.0)]]
