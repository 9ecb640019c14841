"""Every form of SPEC, what wins when two forms fit, and what is said about text that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NotationError, UsageError
from featuremap_cli.sources.notation import LayerReference, read_filters

SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
matrices = hypothesis_numpy.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=finite)


def only_bank(spec: str) -> FilterBank:
    banks = read_filters(spec)
    assert isinstance(banks, list)
    assert len(banks) == 1
    return banks[0]


def matrix(spec: str) -> NDArray[np.float32]:
    bank = only_bank(spec)
    assert bank.weights.shape[2:] == (1, 1)
    return bank.weights[:, :, 0, 0]


@pytest.mark.parametrize(
    "spec",
    [
        "0 -1 0; -1 5 -1; 0 -1 0",
        "0,-1,0;-1,5,-1;0,-1,0",
        " 0, -1, 0 ;\t-1, 5, -1 ;0, -1, 0 ; ",
        "0 -1 0\n-1 5 -1\n0 -1 0\n",
        "0 -1 0;\n -1 5 -1;\r\n\n 0 -1 0;\n",
        "0 −1 0; −1 +5.0 −1; .0 -1e0 0/3",
        "sharpen=0 -1 0; -1 5 -1; 0 -1 0",
        "sharpen",
        "Sharpen",
        "3x3: 0,-1,0 -1,5,-1 0,-1,0",
        "3: 0,-1,0,-1,5,-1,0,-1,0",
        "3X3+1+1:0 -1 0 -1 5 -1 0 -1 0;",
        "3x3: -,-1,nan -1,5,-1 NaN,-1,-",
        "mine=3x3: 0,-1,0 -1,5,-1 0,-1,0",
    ],
)
def test_one_kernel_in_many_forms(spec: str) -> None:
    bank = only_bank(spec)
    np.testing.assert_array_equal(bank.weights[:, :, 0, 0], SHARPEN)
    assert bank.weights.dtype == np.float32
    assert bank.every_channel
    assert bank.source == spec
    assert bank.bias.tolist() == [0]


def test_fractions_and_scientific_notation() -> None:
    np.testing.assert_allclose(matrix("1/9 -2/3 1e-3; 2.5E+1 .5 7."), [[1 / 9, -2 / 3, 0.001], [25, 0.5, 7]])


def test_cells_are_the_numbers_as_written() -> None:
    assert only_bank("1/9 1e-3; +2 0.50").cells == ((("1/9", "1e-3"), ("+2", "0.50")),)
    assert only_bank("2x2: 1 - 0.5 2").cells == ((("1", "-"), ("0.5", "2")),)


def test_imagemagick_gives_width_first() -> None:
    np.testing.assert_array_equal(matrix("3x1: 1 2 3"), [[1, 2, 3]])
    np.testing.assert_array_equal(matrix("1x3: 1 2 3"), [[1], [2], [3]])


@pytest.mark.parametrize(("spec", "value"), [("5", 5), ("1/4", 0.25), ("-1", -1)])
def test_a_single_number_is_a_kernel(spec: str, value: float) -> None:
    assert matrix(spec).tolist() == [[value]]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("0 1; 2 3", ""),
        ("my edge=0 1; 2 3", "my edge"),
        (" Kante = 0 1; 2 3", "Kante"),
        ("kirsch:N", "kirsch:N"),
        ("north=kirsch:n", "north"),
        ("soft=gaussian:7, 1.5", "soft"),
        ("gaussian: 7,1.5", "gaussian: 7,1.5"),
        ("soft=2x1: 1 2", "soft"),
    ],
)
def test_names(spec: str, name: str) -> None:
    assert only_bank(spec).names == (name,)


def test_a_family_is_one_bank() -> None:
    bank = only_bank("compass")
    assert bank.weights.shape == (3, 3, 1, 8)
    assert bank.names[:3] == ("compass:N", "compass:NE", "compass:E")


@given(matrices, st.sampled_from([" ", ",", ", ", "\t"]), st.sampled_from([";", "; ", "\n", ";\n"]))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_any_matrix_written_as_text_is_read_back(weights: NDArray[np.float32], comma: str, end: str) -> None:
    text = end.join(comma.join(repr(float(value)) for value in row) for row in weights)
    text += ";" if weights.shape == (1, 4) else ""  # four numbers in one row are asked about
    np.testing.assert_array_equal(matrix(text), weights)
    np.testing.assert_array_equal(matrix(f"a name={text}{'' if text.endswith(';') else end}"), weights)


@given(hypothesis_numpy.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 40)), elements=finite))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_any_matrix_as_numpy_prints_it_is_read_back(weights: NDArray[np.float32]) -> None:
    with np.printoptions(floatmode="unique", linewidth=40):  # long rows are broken
        for text in (str(weights), repr(weights), repr(weights.tolist()), repr(tuple(map(tuple, weights.tolist())))):
            np.testing.assert_array_equal(matrix(text), weights)


@given(matrices)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_any_matrix_in_imagemagicks_notation_is_read_back(weights: NDArray[np.float32]) -> None:
    height, width = weights.shape
    values = ",".join(str(float(value)) for value in weights.ravel())
    np.testing.assert_array_equal(matrix(f"{width}x{height}: {values}"), weights)


def read_or_refuse(text: str) -> list[FilterBank] | LayerReference | UsageError:
    try:
        return read_filters(text)
    except UsageError as error:
        return error


@given(
    st.one_of(
        st.text(max_size=40),
        st.text(alphabet="0123456789 ,;.-+/eExX:=@<>\n−nan", max_size=30),
        st.text(alphabet="sobelgaunkirchvtdx-:,;=. 0135/\\\0", max_size=20),
    )
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_random_text_is_read_or_refused_with_its_token_underlined(text: str) -> None:
    outcome = read_or_refuse(text)
    if isinstance(outcome, NotationError):
        assert outcome.text == text
        assert 0 <= outcome.start <= outcome.start + outcome.length <= len(text)
    elif isinstance(outcome, list):
        assert all(np.isfinite(bank.weights).all() for bank in outcome)
    else:
        assert isinstance(outcome, LayerReference | UsageError)


@pytest.mark.parametrize(
    ("spec", "token", "words"),
    [
        ("1 2; 3", "3", "row 2 has 1 value where row 1 has 2"),
        ("1 2; 3 4 5 ;", "3 4 5", "row 2 has 3 values where row 1 has 2"),
        ("1 2; 3 x", "x", "expected a number or a fraction such as 1/9, got `x`"),
        ("edge=1 2; 3 x", "x", "got `x`"),
        ("1 nan", "nan", "got `nan`"),
        ("inf 1; 1 1", "inf", "got `inf`"),
        ("1/0 1", "1/0", "division by zero"),
        ("1 1e39", "1e39", "too large for a 32-bit float"),
        ("1_000", "1_000", "got `1_000`"),
        ("0x10", "0x10", "got `0x10`"),
        ("1,,2", ",", "expected a number before this comma"),
        ("1 2;;3 4", ";", "expected a row of numbers before this `;`"),
        ("[0 1; a 0]", "a", "got `a`"),
        ("[[0, 1], [1, x]]", "x", "got `x`"),
        ("1,2,3,4", "1,2,3,4", "Write `2x2: 1 2 3 4` or `4x1: 1 2 3 4` (width x height)"),
        ("[1, 2, 3, 4]", "1, 2, 3, 4", "4 numbers in one row"),
        ("[[1, 2], [3, 4]", "[", "got a `[` that is not closed"),
        ("[[1, 2], [3, 4)]", ")", "got a `)` that does not fit the bracket before it"),
        ("[[1, 2], [3, 4]]; 5", "5", "nothing outside of them, got `5`"),
        ("np.array([[1, 2], [3, 4]]) / 9", ") / 9", "nothing after them, got `) / 9`"),
        ("[[1, 2], [3]]", "3", "row 2 has 1 value where row 1 has 2"),
        ("[[[1, 2], [3, 4]]]", "[", "brackets three deep"),
        ("2,3: 1 2 3 4 5 6", "2,3", "Write `2x3:`, width first"),
        ("1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8 9", "Write `3x3: 1 2 3 4 5 6 7 8 9` or `9x1: 1 2 3"),
        ("3x3: 1 2 3", " 1 2 3", "needs 9 values, got 3"),
        ("2x1: 1 2 3 4", "3 4", "needs 2 values, got 4"),
        ("2x2: 1 2; 3 4", ";", "by spaces or commas alone"),
        ("3x3+0+0: 1 1 1 1 1 1 1 1 1", "+0+0", "the origin of a 3x3 kernel is its middle, +1+1"),
        ("3x3>: 1 1 1 1 1 1 1 1 1", ">", "rotated copies"),
        ("0x3: 1", "0", "above 0"),
        ("1x2: - nan", " - nan", "at least one number"),
        ("no-such", "no-such", "`featuremap kernels` lists the presets"),
        ("gausian:7", "gausian", "did you mean `gaussian`"),
        ("sobel_x", "sobel_x", "did you mean `sobel-x`"),
        ("alexnt:conv1", "alexnt", "did you mean `alexnet`"),
        ("vertical:8", "8", "got `8`; usage: vertical:SIZE"),
        ("line=vertical : 8", "8", "got `8`; usage: vertical:SIZE"),
        ("vertical 7", "vertical 7", "as in `vertical:SIZE`"),
        ("edges=kirsch", "edges=", "single filter, got 8"),
        ("first=alexnet:conv1", "first=", "a layer has several"),
        ("alexnet", "", "as in `alexnet:LAYER`"),
        ("keras:", "", "as in `keras:NAME:LAYER`"),
        ("keras:VGG16", "", "as in `keras:VGG16:LAYER`"),
        ("model.keras:", "", "as in `model.keras:LAYER`"),
        ("=0 1", "=", "expected a name before `=`"),
        ("edge=", "", "got nothing"),
        ("", "", "got nothing"),
        ("  ;", ";", "expected a row of numbers"),
    ],
)
def test_errors_underline_the_token_and_say_what_was_expected(spec: str, token: str, words: str) -> None:
    with pytest.raises(NotationError) as caught:
        read_filters(spec)
    error = caught.value
    assert words in error.problem
    assert spec[error.start : error.start + error.length] == token
    assert error.text == spec


@pytest.mark.parametrize(
    ("spec", "model", "layer"),
    [
        ("alexnet:conv1", "alexnet", "conv1"),
        ("SqueezeNet:fire2/squeeze1x1", "squeezenet", "fire2/squeeze1x1"),
        ("keras:VGG16:block1_conv1", "keras:VGG16", "block1_conv1"),
        ("model.keras:stem/conv", "model.keras", "stem/conv"),
        ("runs/3/best.h5:conv2d", "runs/3/best.h5", "conv2d"),
        ("C:\\models\\a.hdf5:conv", "C:\\models\\a.hdf5", "conv"),
        ("a.h5.keras:x:y", "a.h5.keras", "x:y"),
        ("alexnet:conv*", "alexnet", "conv*"),
        ("0.5-dropout.keras:conv", "0.5-dropout.keras", "conv"),
    ],
)
def test_layers_of_networks(spec: str, model: str, layer: str) -> None:
    assert read_filters(spec) == LayerReference(model, layer, spec)


def test_a_folder_before_the_colon_is_a_saved_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("export", "vertical", "gaussian-net"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_filters("export:stem/conv") == LayerReference("export", "stem/conv", "export:stem/conv")
    assert read_filters("gaussian-net:conv") == LayerReference("gaussian-net", "conv", "gaussian-net:conv")
    assert read_filters("./vertical:7") == LayerReference("./vertical", "7", "./vertical:7")
    assert matrix("vertical:5").shape == (5, 5)
    with pytest.raises(NotationError, match=r"a folder, read as a SavedModel: expected a layer, as in `export:LAYER`"):
        read_filters("export")


def test_files_and_their_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bank.npy", "3d.NPY", "a=b; c.npy"):
        with Path(name).open("wb") as stream:
            np.save(stream, np.array(SHARPEN))
        np.testing.assert_array_equal(matrix(name), SHARPEN)
        assert only_bank(name).source == name
    assert only_bank("bank.npy").names == ("bank",)
    assert only_bank("crisp=bank.npy").names == ("crisp",)
    assert only_bank("crisp=bank.npy").source == "crisp=bank.npy"
    with pytest.raises(UsageError, match=r"^none\.npy does not exist"):
        read_filters("none.npy")


def test_a_file_of_another_kind_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kernel.dat").write_text("0 1")
    with pytest.raises(NotationError, match=r"`kernel\.dat` is a file: expected one that ends in \.npy, \.npz"):
        read_filters("kernel.dat")


@pytest.mark.parametrize(
    "text",
    [
        "[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]",
        "[[0,-1,0],[-1,5,-1],[0,-1,0]]",
        "array([[ 0., -1.,  0.],\n       [-1.,  5., -1.],\n       [ 0., -1.,  0.]])",
        "np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], dtype=np.float32)",
        "[[ 0 -1  0]\n [-1  5 -1]\n [ 0 -1  0]]",
        "[0 -1 0; -1 5 -1; 0 -1 0]",
        "((0, -1, 0), (-1, 5, -1), (0, -1, 0))",
        "np.asarray([(0, -1, 0), (-1, 5, -1), (0, -1, 0)])",
        "torch.tensor([[0., -1., 0.], [-1., 5., -1.], [0., -1., 0.]], device='cpu', dtype=torch.float32)",
        "tf.constant([[0, -1, 0],\n             [-1, 5, -1],\n             [0, -1, 0]])",
        "sharpen=[[0, -1, 0],\n[-1, 5, -1],\n[0, -1, 0],\n]",
        "3*3: 0 -1 0 -1 5 -1 0 -1 0",
        "3,3: 0,-1,0,-1,5,-1,0,-1,0",
    ],
)
def test_kernels_as_numpy_and_python_write_them(text: str) -> None:
    (bank,) = read_filters(text)
    assert bank.weights[..., 0, 0].tolist() == [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]


def test_brackets_of_its_own_or_a_semicolon_say_that_it_is_one_row() -> None:
    for text in ("[[1, 2, 3, 4]]", "1 2 3 4;", "4x1: 1 2 3 4"):
        assert matrix(text).tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("ending", ["pt", "pth", "safetensors"])
def test_files_of_pytorch_are_named(ending: str) -> None:
    with pytest.raises(NotationError, match=f"`weights.{ending}` is a file of .*, and is not read: give the tensor as"):
        read_filters(f"weights.{ending}:conv1")
