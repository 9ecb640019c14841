"""Filters from files, each written here by NumPy, json or as plain text, and files that are broken or hostile."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NotationError, UsageError
from featuremap_cli.sources.filter_files import read_filter_file

SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
RANDOM = np.random.default_rng(0)


def only_bank(path: Path) -> FilterBank:
    banks = read_filter_file(str(path))
    assert len(banks) == 1
    return banks[0]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64", ">f4"])
def test_npy_of_two_axes_is_one_filter(tmp_path: Path, dtype: str) -> None:
    kernel = np.array([[0, 1, 0], [1, 1, 1]], dtype=dtype)
    np.save(tmp_path / "cross.npy", kernel)
    bank = only_bank(tmp_path / "cross.npy")
    assert bank.weights.dtype == np.float32
    np.testing.assert_array_equal(bank.weights, kernel.astype(np.float32)[:, :, None, None])
    assert (bank.names, bank.bias.tolist(), bank.every_channel, bank.cells) == (("cross",), [0], True, None)


def test_npy_of_three_axes_is_several_filters_for_every_channel(tmp_path: Path) -> None:
    kernels = RANDOM.random((3, 5, 4), dtype=np.float32)
    np.save(tmp_path / "bank.npy", kernels)
    bank = only_bank(tmp_path / "bank.npy")
    assert bank.weights.shape == (3, 5, 1, 4)
    np.testing.assert_array_equal(bank.weights[:, :, 0, :], kernels)
    assert (bank.names, bank.every_channel) == (("",) * 4, True)


@pytest.mark.parametrize("channels", [1, 3])
def test_npy_of_four_axes_is_a_layers_bank(tmp_path: Path, channels: int) -> None:
    weights = RANDOM.random((3, 3, channels, 8), dtype=np.float32)
    np.save(tmp_path / "layer.npy", weights)
    bank = only_bank(tmp_path / "layer.npy")
    np.testing.assert_array_equal(bank.weights, weights)
    assert not bank.every_channel


def test_npz_keeps_the_order_and_gives_a_bank_for_each_size(tmp_path: Path) -> None:
    small, other, large = np.ones((3, 3)), np.full((3, 3), 2), np.ones((5, 5, 2))
    np.savez_compressed(tmp_path / "set.npz", zeta=small, alpha=other, large=large)
    banks = read_filter_file(str(tmp_path / "set.npz"))
    assert [bank.size for bank in banks] == [(3, 3), (5, 5)]
    assert [bank.names for bank in banks] == [("zeta", "alpha"), ("large 0", "large 1")]
    assert banks[0].weights[0, 0, 0].tolist() == [1, 2]


def test_npz_with_arrays_without_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", np.ones((3, 3)), np.ones((3, 3)))
    assert only_bank(tmp_path / "two.npz").names == ("", "")


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 2), (3, 3, 3, 2)])
def test_npz_of_one_array_with_its_bias(tmp_path: Path, shape: tuple[int, ...]) -> None:
    kernel, filters = RANDOM.random(shape, dtype=np.float32), 1 if len(shape) == 2 else 2
    bias = np.arange(1, filters + 1)
    np.savez(tmp_path / "layer.npz", kernel=kernel, bias=bias)
    bank = only_bank(tmp_path / "layer.npz")
    np.testing.assert_array_equal(bank.weights.squeeze(), kernel)
    np.testing.assert_array_equal(bank.bias, bias)
    assert bank.every_channel == (len(shape) < 4)
    assert bank.names == (("kernel",) if filters == 1 else ("kernel 0", "kernel 1"))
    np.savez(tmp_path / "named.npz", bias=bias, names=np.array(["a", "b"][:filters]), kernel=kernel)
    assert only_bank(tmp_path / "named.npz").names == ("a", "b")[:filters]
    np.savez(tmp_path / "bad.npz", kernel=kernel, bias=np.ones(7))
    with pytest.raises(UsageError, match=f"holds {filters} filters: .*got bias of shape \\(7,\\)"):
        read_filter_file(str(tmp_path / "bad.npz"))


def test_npz_of_a_number_as_bias_and_of_a_kernel_called_bias(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", edge=np.array(SHARPEN), bias=0.5)
    assert only_bank(tmp_path / "one.npz").bias.tolist() == [0.5]
    np.savez(tmp_path / "two.npz", edge=np.array(SHARPEN), bias=np.eye(3))
    assert only_bank(tmp_path / "two.npz").names == ("edge", "bias")


def test_npz_as_arrays_writes_it(tmp_path: Path) -> None:
    weights = RANDOM.random((3, 3, 1, 2), dtype=np.float32)
    extras: dict[str, Any] = {"bias": np.float32([1, -2]), "names": np.array(["a", "b"])}
    np.savez(tmp_path / "layer.npz", filters=weights, **extras, layer=np.array("conv1"))
    bank = only_bank(tmp_path / "layer.npz")
    np.testing.assert_array_equal(bank.weights, weights)
    assert (bank.bias.tolist(), bank.names, bank.every_channel) == ([1, -2], ("a", "b"), False)
    np.savez(tmp_path / "hand.npz", filters=weights, **extras, every_channel=np.array(True))
    assert only_bank(tmp_path / "hand.npz").every_channel


def test_json_of_one_filter(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"name": "crisp", "kernel": SHARPEN, "bias": 0.5}))
    bank = only_bank(path)
    np.testing.assert_array_equal(bank.weights[:, :, 0, 0], SHARPEN)
    assert (bank.names, bank.bias.tolist(), bank.every_channel) == (("crisp",), [0.5], True)


def test_json_of_several_sizes_keeps_order_and_numbers_as_written(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text('[{"kernel": [[0.50, "1/9"]]}, {"name": "b", "kernel": "1 2; 3 4"}, {"kernel": [[1e1, -2]]}]')
    banks = read_filter_file(str(path))
    assert [bank.size for bank in banks] == [(1, 2), (2, 2), (1, 2)]
    assert [bank.names for bank in banks] == [("",), ("b",), ("",)]
    assert [bank.cells for bank in banks] == [
        ((("0.50", "1/9"),),),
        ((("1", "2"), ("3", "4")),),
        ((("1e1", "-2"),),),
    ]
    np.testing.assert_allclose(banks[2].weights.ravel(), [10, -2])


def test_json_that_is_only_a_matrix(tmp_path: Path) -> None:
    (tmp_path / "plain.json").write_text(json.dumps(SHARPEN))
    bank = only_bank(tmp_path / "plain.json")
    np.testing.assert_array_equal(bank.weights[:, :, 0, 0], SHARPEN)
    assert bank.names == ("plain",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("k.txt", "0 -1 0\n-1 5 -1\n0 -1 0\n"),
        ("k.txt", "# from a book\r\n0 -1 0  # above\r\n\r\n-1 5 -1\r\n0 -1 0"),
        ("k.txt", "0,-1,0; -1,5,-1; 0,-1,0"),
        ("k.txt", "k=0 -1 0\n-1 5 -1\n0 -1 0"),
        ("k.txt", "3x3:\n 0,-1,0,\n -1,5,-1,\n 0,-1,0\n"),
        ("k.csv", "0,-1,0\n-1,5,-1\n0,-1,0\n"),
        ("k.CSV", '\ufeff0,"-1",0\r\n-1,"10/2",-1\r\n0,-1,0\r\n'),
        ("k.csv", "0, -1, 0,\n-1, 5, -1,\n0, -1, 0,\n"),
    ],
)
def test_text_and_csv(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    bank = only_bank(tmp_path / name)
    np.testing.assert_array_equal(bank.weights[:, :, 0, 0], SHARPEN)
    assert bank.names == ("k",)


@pytest.mark.parametrize(
    ("name", "text", "line", "token", "words"),
    [
        ("k.txt", "1 2\n3 x\n", "3 x", "x", "line 2: expected a number"),
        ("k.txt", "# two\nedge=1 2\n3\n", "3", "3", "line 3: row 2 has 1 value where row 1 has 2"),
        ("k.csv", "1;2\n3;4\n", "1;2", ";", "line 1: expected commas"),
        ("k.csv", "a,b\n1,2\n", "a,b", "a", "line 1: expected a number"),
        ("k.csv", "1,nan\n", "1,nan", "nan", "line 1: expected a number"),
    ],
)
def test_errors_in_text_show_the_line(tmp_path: Path, name: str, text: str, line: str, token: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(NotationError) as caught:
        read_filter_file(str(tmp_path / name))
    error = caught.value
    assert f"{name}, {words}" in error.problem
    assert (error.text, line[error.start : error.start + error.length]) == (line, token)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("{'kernel': 1}", "at line 1, column 2"),
        ("[]", "is an empty list"),
        ("3", "has no `kernel`"),
        ('[{"kernel": [[1]]}, {"name": "b"}]', "filter 1 has no `kernel`"),
        ('{"kernel": [[1]], "kernal": 2}', "has `kernal`: expected only name, kernel, bias"),
        ('{"kernel": [[1, 2], [3]]}', "row 2 has 1 values where row 1 has 2"),
        ('{"kernel": [[]]}', "as a list of rows"),
        ('{"kernel": []}', "as a list of rows"),
        ('{"kernel": 5}', "as a list of rows"),
        ('{"kernel": [[1, NaN]]}', "got `NaN`"),
        ('{"kernel": [[1, Infinity]]}', "got `Infinity`"),
        ('{"kernel": [[1, 1e999]]}', "too large"),
        ('{"kernel": [[1, true]]}', "expected a number, got true"),
        ('{"kernel": [[[1, 2, 3]]]}', "got a list; for kernels over several channels use .npy"),
        ('{"kernel": [[1]], "bias": null}', "bias: expected a number, got null"),
        ('{"kernel": [[1]], "name": ["a"]}', "expected a text for `name`"),
        ('{"kernel": "1 x"}', "filter 0: expected a number or a fraction"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_no_filter(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(UsageError) as caught:
        read_filter_file(str(tmp_path / "bad.json"))
    assert words in str(caught.value)
    assert "bad.json" in str(caught.value)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((0, 3)), "is empty, its shape is (0, 3)"),
        (np.zeros(3), "has shape (3,): expected (height, width)"),
        (np.zeros((1, 1, 1, 1, 1)), "has shape (1, 1, 1, 1, 1)"),
        (np.array([[1, np.nan]]), "has nan at (0, 1)"),
        (np.array([[1], [np.inf]]), "has inf at (1, 0)"),
        (np.array([[1e300]]), "has 1e+300 at (0, 0)"),
        (np.array([["a"]]), "expected integers or floats"),
        (np.array([[1j]]), "holds complex128"),
    ],
)
def test_arrays_that_are_no_filters(tmp_path: Path, array: np.ndarray[Any, Any], words: str) -> None:
    np.save(tmp_path / "bad.npy", array)
    np.savez(tmp_path / "bad.npz", odd=array)
    with pytest.raises(UsageError) as caught:
        read_filter_file(str(tmp_path / "bad.npy"))
    assert words in str(caught.value)
    with pytest.raises(UsageError, match="array `odd`"):
        read_filter_file(str(tmp_path / "bad.npz"))


@pytest.mark.parametrize(
    ("extras", "words"),
    [
        ({"bias": np.zeros(3)}, "expected as many biases and names"),
        ({"names": np.array(["a"])}, "expected as many biases and names"),
        ({"bias": np.array([0, np.nan])}, "array `bias` has nan"),
        ({"kernel": np.zeros((3, 3))}, "got kernel"),
    ],
)
def test_a_bank_whose_extras_do_not_fit(tmp_path: Path, extras: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "bad.npz", filters=np.zeros((3, 3, 1, 2)), **extras)
    with pytest.raises(UsageError, match=words):
        read_filter_file(str(tmp_path / "bad.npz"))


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = np.array([[Trap(str(sprung))]], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "b.npz", trap)
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Trap(str(sprung))))
    for name in ("a.npy", "b.npz", "c.npy"):
        with pytest.raises(UsageError, match="pickles are never opened"):
            read_filter_file(str(tmp_path / name))
    assert not sprung.exists()


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.json", "x.txt", "x.csv"])
def test_missing_empty_and_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(UsageError, match="does not exist"):
        read_filter_file(str(path))
    path.write_bytes(b"")
    with pytest.raises(UsageError):
        read_filter_file(str(path))
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(UsageError):
        read_filter_file(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_filter_file(str(path))


def test_npz_without_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz")
    with pytest.raises(UsageError, match="holds no arrays"):
        read_filter_file(str(tmp_path / "none.npz"))


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == ".npy":
        np.save(stream, np.ones((3, 4)))
    else:
        np.savez_compressed(stream, a=np.ones((3, 4)))
    return stream.getvalue()


def read_or_refuse(path: Path) -> list[FilterBank] | UsageError:
    try:
        return read_filter_file(str(path))
    except UsageError as error:
        return error


@given(
    st.sampled_from([".npy", ".npz"]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3),
    st.integers(0, 10_000),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_damaged_files_give_filters_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, damage: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(saved(kind))
    for position, value in damage:
        content[position % len(content)] = value
    path = tmp_path_factory.getbasetemp() / f"damaged{kind}"
    path.write_bytes(content[: 1 + cut % (4 * len(content))])
    outcome = read_or_refuse(path)
    if isinstance(outcome, UsageError):
        assert str(path) in str(outcome)
    else:
        assert all(np.isfinite(bank.weights).all() for bank in outcome)


def test_a_header_that_numpy_fails_to_tokenize_is_refused(tmp_path: Path) -> None:
    broken = saved(".npy").replace(b"(3, 4)", b"((3, 4")
    (tmp_path / "a.npy").write_bytes(broken)
    with pytest.raises(UsageError, match="cannot be read as NumPy arrays"):
        read_filter_file(str(tmp_path / "a.npy"))
