"""What --layer means, on layers written down by hand."""

from __future__ import annotations

import pytest

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.selection import Selection, select

FLAT = "gives (8,), not (height, width, channels)"


def network(*layers: tuple[str, str, str | None]) -> list[LayerEntry]:
    return [
        LayerEntry(index, path, kind, None, kind.startswith("Conv"), reason)
        for index, (path, kind, reason) in enumerate(layers)
    ]


LAYERS = network(
    ("stem/conv", "Conv2D", None),
    ("stem/relu", "ReLU", None),
    ("block1_conv1", "Conv2D", None),
    ("line", "Conv1D", "gives (14, 4), not (height, width, channels)"),
    ("block1_conv2", "Conv2D", None),
    ("encoder/conv#1", "Conv2D", None),
    ("encoder/conv#2", "Conv2D", None),
    ("flat", "Flatten", FLAT),
    ("3", "ReLU", None),
)


def chosen(*patterns: str) -> list[int]:
    return [entry.index for entry in select(LAYERS, patterns, "net").entries]


@pytest.mark.parametrize(
    ("pattern", "indices"),
    [
        ("stem/relu", [1]),
        ("block1_conv*", [2, 4]),
        ("block?_conv[12]", [2, 4]),
        ("*conv*", [0, 2, 4, 5, 6]),
        ("encoder/conv", [5, 6]),
        ("encoder/conv#2", [6]),
        ("0", [0]),
        ("2", [4]),
        ("-1", [6]),
        ("-5", [0]),
        ("1:3", [2, 4]),
        (":2", [0, 2]),
        ("-2:", [5, 6]),
        (":", [0, 2, 4, 5, 6]),
        ("3", [8]),  # the name of a layer goes before its reading as an index
    ],
)
def test_forms(pattern: str, indices: list[int]) -> None:
    assert chosen(pattern) == indices
    assert select(LAYERS, [pattern], "net").notices == ()


def test_all_is_every_convolution_and_says_which_it_skips() -> None:
    selection = select(LAYERS, ["all"], "net")
    assert [entry.index for entry in selection.entries] == [0, 2, 4, 5, 6]
    assert selection.notices == ("line skipped: it gives (14, 4), not (height, width, channels)",)


def test_all_layers_is_every_layer_that_has_maps() -> None:
    selection = select(LAYERS, ["all-layers"], "net")
    assert [entry.index for entry in selection.entries] == [0, 1, 2, 4, 5, 6, 8]
    assert len(selection.notices) == 2


def test_many_skipped_layers_take_one_line() -> None:
    layers = network(("conv", "Conv2D", None), *((f"dense{number}", "Dense", FLAT) for number in range(9)))
    assert select(layers, ["all-layers"], "net").notices == (
        "9 layers skipped, their outputs are not (height, width, channels): dense0, dense1, dense2, ...",
    )


def test_the_network_s_order_and_nothing_twice() -> None:
    assert chosen("-1", "block1_conv2", "0:2", "stem/conv") == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("count", "indices"),
    [(1, [0]), (4, [0, 1, 2, 3]), (5, [0, 1, 2, 3, 4]), (9, [0, 2, 4, 6, 8]), (53, [0, 13, 26, 39, 52])],
)
def test_no_pattern_spreads_five_convolutions_from_first_to_last(count: int, indices: list[int]) -> None:
    selection = select(network(*((f"conv{number}", "Conv2D", None) for number in range(count))), [], "net")
    assert [entry.index for entry in selection.entries] == indices
    assert bool(selection.notices) == (count > 5)
    if count > 5:
        assert selection.notices[0].startswith(f"5 of {count} convolutions of net")
        assert "--layer all" in selection.notices[0]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("blok1_conv1", r"no layer `blok1_conv1` in net; the nearest are block1_conv1, block1_conv2"),
        ("relu", r"no layer `relu` in net; the nearest are stem/relu"),
        ("xyz", r"no layer `xyz` in net; it has stem/conv, block1_conv1, block1_conv2, \.\.\."),
        ("stem", r"`stem` in net is a model of 2 layers: .* 'stem/\*'"),
        ("5", r"no convolution 5 in net: expected an index or range from 0 to 4, got 5"),
        ("-6", r"no convolution -6 in net"),
        ("4:2", r"the range 4:2 of the 5 convolutions of net is empty: expected a start from 0 to 4 and an end after"),
        ("7:", r"the range 7: of the 5 convolutions of net is empty"),
        ("flat", r"flat in net has no feature maps: it gives \(8,\), not"),
        ("li*", r"line in net has no feature maps: it gives \(14, 4\)"),
        ("[fl][li][an][te]", r"none of the 2 layers that .* means in net has feature maps: line gives"),
    ],
)
def test_what_means_nothing_is_refused_with_a_way_out(pattern: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message) as raised:
        select(LAYERS, ["0", pattern], "net")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("patterns", [[], ["all"], ["0"], ["1:2"]])
def test_a_network_without_convolutions_says_how_to_see_its_other_layers(patterns: list[str]) -> None:
    with pytest.raises(NetworkError, match="net has no two-dimensional convolution; --layer all-layers"):
        select(network(("relu", "ReLU", None)), patterns, "net")


def test_a_selection_without_notices_is_its_entries() -> None:
    assert select(LAYERS, ["0"], "net") == Selection((LAYERS[0],), ())


def test_a_spread_is_as_even_as_whole_numbers_can_be() -> None:
    layers = network(*((f"conv{number}", "Conv2D", None) for number in range(8)))
    assert [entry.path for entry in select(layers, [], "net").entries] == ["conv0", "conv2", "conv4", "conv5", "conv7"]


def test_several_places_in_one_word_as_select_takes_them() -> None:
    layers = network(*((f"conv{number}", "Conv2D", None) for number in range(6)))
    for pattern, expected in (("0,2", [0, 2]), ("0, 4:6", [0, 4, 5]), ("-1,0:2", [0, 1, 5]), ("conv1,conv3", [1, 3])):
        assert [one.index for one in select(layers, [pattern], "net").entries] == expected
    with pytest.raises(NetworkError, match="no convolution 9"):
        select(layers, ["0,9"], "net")
    odd = network(("a,b", "Conv2D", None), ("a", "Conv2D", None))
    assert [one.index for one in select(odd, ["a,b"], "net").entries] == [0]
