"""The presets against SciPy, and against the matrices of their papers and of OpenCV written out here."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from featuremap_cli.errors import NotationError
from featuremap_cli.sources.kernels import PRESETS, preset_bank
from featuremap_cli.sources.numerals import read_numeral

BLURS = ["box", "gaussian", "motion"]
KEEPING_BRIGHTNESS = [*BLURS, "identity", "sharpen", "unsharp", "emboss"]
DERIVATIVES = [
    *(f"{name}-{axis}" for name in ("prewitt", "sobel", "scharr", "roberts") for axis in "xy"),
    *("laplacian", "log", "dog", "kirsch", "compass", "robinson"),
]
IMPULSE_SIDE = 9

# As published: OpenCV's documentation of Sobel and Scharr, Kirsch 1971, Gonzalez and Woods.
PUBLISHED = {
    "identity": "0 0 0; 0 1 0; 0 0 0",
    "sharpen": "0 -1 0; -1 5 -1; 0 -1 0",
    "emboss": "-2 -1 0; -1 1 1; 0 1 2",
    "prewitt-x": "-1 0 1; -1 0 1; -1 0 1",
    "prewitt-y": "-1 -1 -1; 0 0 0; 1 1 1",
    "sobel-x": "-1 0 1; -2 0 2; -1 0 1",
    "sobel-y": "-1 -2 -1; 0 0 0; 1 2 1",
    "scharr-x": "-3 0 3; -10 0 10; -3 0 3",
    "scharr-y": "-3 -10 -3; 0 0 0; 3 10 3",
    "roberts-x": "-1 0; 0 1",
    "roberts-y": "0 -1; 1 0",
    "laplacian": "0 1 0; 1 -4 1; 0 1 0",
    "laplacian:8": "1 1 1; 1 -8 1; 1 1 1",
    "kirsch:N": "5 5 5; -3 0 -3; -3 -3 -3",
    "kirsch:NE": "-3 5 5; -3 0 5; -3 -3 -3",
    "kirsch:E": "-3 -3 5; -3 0 5; -3 -3 5",
    "kirsch:SE": "-3 -3 -3; -3 0 5; -3 5 5",
    "kirsch:S": "-3 -3 -3; -3 0 -3; 5 5 5",
    "kirsch:SW": "-3 -3 -3; 5 0 -3; 5 5 -3",
    "kirsch:W": "5 -3 -3; 5 0 -3; 5 -3 -3",
    "kirsch:NW": "5 5 -3; 5 0 -3; -3 -3 -3",
    "compass:E": "-1 1 1; -1 -2 1; -1 1 1",
    "compass:NW": "1 1 1; 1 -2 -1; 1 -1 -1",
    "robinson:E": "-1 0 1; -2 0 2; -1 0 1",
    "robinson:SE": "-2 -1 0; -1 0 1; 0 1 2",
    "vertical:3": "0 1 0; 0 1 0; 0 1 0",
    "horizontal:3": "0 0 0; 1 1 1; 0 0 0",
    "diagonal:3": "1 0 0; 0 1 0; 0 0 1",
    "diagonal:3,up": "0 0 1; 0 1 0; 1 0 0",
    "motion:3,90": "0 1/3 0; 0 1/3 0; 0 1/3 0",
    "box:2": "1/4 1/4; 1/4 1/4",
}


def weights_of(spec: str) -> NDArray[np.float32]:
    """(filter_height, filter_width) of the only filter of a preset written as `name:a,b`."""
    name, _, arguments = spec.partition(":")
    bank = preset_bank(name, arguments.split(",") if arguments else ())
    assert bank.weights.shape[2:] == (1, 1)
    return bank.weights[:, :, 0, 0]


def impulse() -> NDArray[np.float64]:
    image = np.zeros((IMPULSE_SIDE, IMPULSE_SIDE))
    image[IMPULSE_SIDE // 2, IMPULSE_SIDE // 2] = 1
    return image


def test_every_preset_of_the_contract_is_there() -> None:
    promised = [*KEEPING_BRIGHTNESS, *DERIVATIVES, "vertical", "horizontal", "diagonal", "gabor"]
    assert sorted(PRESETS) == sorted(promised)


@pytest.mark.parametrize("spec", PUBLISHED)
def test_matrices_are_the_published_ones(spec: str) -> None:
    expected = [[float(Fraction(cell)) for cell in row.split()] for row in PUBLISHED[spec].split(";")]
    np.testing.assert_allclose(weights_of(spec), expected, rtol=1e-7)


def test_default_lines_are_gerons_filters() -> None:
    vertical = np.zeros((7, 7))
    vertical[:, 3] = 1  # as in the book's listing
    np.testing.assert_array_equal(weights_of("vertical"), vertical)
    np.testing.assert_array_equal(weights_of("horizontal"), vertical.T)


@pytest.mark.parametrize("name", KEEPING_BRIGHTNESS)
def test_weights_that_keep_a_flat_area_add_up_to_one(name: str) -> None:
    assert weights_of(name).sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", BLURS)
def test_blurs_have_no_negative_weights(name: str) -> None:
    assert weights_of(name).min() >= 0


@pytest.mark.parametrize("name", DERIVATIVES)
def test_weights_of_derivatives_add_up_to_zero(name: str) -> None:
    sums = preset_bank(name).weights.sum(axis=(0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(sums, 0, atol=1e-6)


@pytest.mark.parametrize("operator", ["prewitt", "sobel"])
@pytest.mark.parametrize(("suffix", "axis"), [("x", 1), ("y", 0)])
def test_prewitt_and_sobel_are_scipys(operator: str, suffix: str, axis: int) -> None:
    image = np.random.default_rng(0).random((12, 15))
    expected = getattr(scipy.ndimage, operator)(image, axis=axis, mode="constant")
    actual = scipy.signal.correlate2d(image, weights_of(f"{operator}-{suffix}"), mode="same")
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_laplacian_is_scipys() -> None:
    image = np.random.default_rng(1).random((12, 15))
    expected = scipy.ndimage.laplace(image, mode="constant")
    np.testing.assert_allclose(scipy.signal.correlate2d(image, weights_of("laplacian"), mode="same"), expected)


@pytest.mark.parametrize(("arguments", "sigma", "radius"), [("7,1.5", 1.5, 3), ("3,0.5", 0.5, 1), ("9,3/2", 1.5, 4)])
def test_gaussian_is_scipys(arguments: str, sigma: float, radius: int) -> None:
    kernel = scipy.ndimage.gaussian_filter(impulse(), sigma, radius=radius, mode="constant")
    middle = slice(IMPULSE_SIDE // 2 - radius, IMPULSE_SIDE // 2 + radius + 1)
    np.testing.assert_allclose(weights_of(f"gaussian:{arguments}"), kernel[middle, middle], atol=1e-7)


@pytest.mark.parametrize(("size", "sigma"), [(3, 0.8), (5, 1.1), (7, 1.4)])  # OpenCV's getGaussianKernel(size, 0)
def test_gaussian_without_sigma_follows_opencvs_rule(size: int, sigma: float) -> None:
    np.testing.assert_allclose(weights_of(f"gaussian:{size}"), weights_of(f"gaussian:{size},{sigma}"), atol=1e-7)


def test_difference_of_gaussians_is_scipys() -> None:
    narrow, wide = (scipy.ndimage.gaussian_filter(impulse(), sigma, radius=4, mode="constant") for sigma in (1, 1.6))
    np.testing.assert_allclose(weights_of("dog:9,1,1.6"), narrow - wide, atol=1e-7)


def test_laplacian_of_gaussian_is_close_to_scipys() -> None:
    image = np.zeros((21, 21))
    image[10, 10] = 1
    expected = scipy.ndimage.gaussian_laplace(image, 2, radius=10, mode="constant")
    np.testing.assert_allclose(weights_of("log:21,2"), expected, atol=1e-4)
    assert (
        weights_of("log:21,2").min() == weights_of("log:21,2")[10, 10] == pytest.approx(-1 / (np.pi * 2**4), rel=1e-2)
    )


def test_unsharp_is_twice_the_image_minus_a_binomial_blur() -> None:
    row = np.array([1, 4, 6, 4, 1]) / 16
    expected = -np.outer(row, row)
    expected[2, 2] += 2
    np.testing.assert_allclose(weights_of("unsharp"), expected, rtol=1e-7)


def test_gabor_is_the_formula_of_opencv_and_scikit_image() -> None:
    theta, wavelength, phase = np.pi / 6, 5.0, np.pi / 3
    sigma = 0.56 * wavelength
    for y, x in [(0, 0), (0, 2), (1, 3), (-4, -1), (5, 5)]:
        run = x * np.cos(theta) + y * np.sin(theta)
        expected = np.exp(-(x * x + y * y) / (2 * sigma**2)) * np.cos(2 * np.pi * run / wavelength + phase)
        assert weights_of("gabor:11,30,5,60")[5 + y, 5 + x] == pytest.approx(expected, abs=1e-6)


def test_stripes_of_gabor_stand_upright_at_0_and_run_as_a_slash_at_45_degrees() -> None:
    upright, slanted = weights_of("gabor:11,0"), weights_of("gabor:11,45")
    assert upright[:, 5].min() > 0
    assert upright[5].min() < -0.2
    assert np.fliplr(slanted).diagonal().min() > 0
    assert slanted.diagonal().min() < -0.2


def test_motion_at_45_degrees_runs_as_a_slash() -> None:
    slash = np.fliplr(weights_of("motion:5,45")).diagonal()
    assert slash[1:-1].min() == pytest.approx(slash.max())
    assert weights_of("motion:5,45").diagonal()[[0, -1]].max() == 0
    np.testing.assert_allclose(weights_of("motion:5,45"), weights_of("motion:5,225"), atol=1e-7)


@pytest.mark.parametrize("name", [name for name in DERIVATIVES if name.endswith(("-x", "-y"))])
def test_gradients_are_positive_where_brightness_rises_right_or_down(name: str) -> None:
    rows, columns = np.mgrid[0:6, 0:6].astype(float)
    ramp = {"roberts-x": rows + columns, "roberts-y": rows - columns}.get(name, columns if name[-1] == "x" else rows)
    assert scipy.signal.correlate2d(ramp, weights_of(name), mode="valid").min() > 0


@pytest.mark.parametrize("name", ["kirsch", "compass", "robinson"])
def test_compass_kernels_answer_most_to_brightness_on_their_side(name: str) -> None:
    bank = preset_bank(name)
    steps = {"N": (-1, 0), "NE": (-1, 1), "E": (0, 1), "SE": (1, 1), "S": (1, 0), "SW": (1, -1), "W": (0, -1)}
    rows, columns = np.mgrid[-1:2, -1:2]
    for down, right in [*steps.values(), (-1, -1)]:
        ramp = rows * down + columns * right
        answers = np.einsum("ij,ijf->f", ramp, bank.weights[:, :, 0, :])
        assert steps.get(bank.names[int(answers.argmax())].split(":")[1], (-1, -1)) == (down, right)


@pytest.mark.parametrize("name", PRESETS)
def test_cells_say_the_weights(name: str) -> None:
    bank = preset_bank(name)
    assert bank.cells is not None
    assert bank.every_channel
    written = np.array([[[read_numeral(cell) for cell in row] for row in kernel] for kernel in bank.cells])
    np.testing.assert_allclose(np.moveaxis(bank.weights[:, :, 0, :], 2, 0), written, rtol=5.1e-3, atol=1e-12)


def test_cells_are_fractions_where_a_textbook_has_them() -> None:
    assert preset_bank("box").cells == ((("1/9",) * 3,) * 3,)
    assert preset_bank("motion", ["3"]).cells == ((("0",) * 3, ("1/3",) * 3, ("0",) * 3),)
    unsharp = preset_bank("unsharp").cells
    assert unsharp is not None
    assert unsharp[0][2] == ("-6/256", "-24/256", "476/256", "-24/256", "-6/256")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_says_what_it_is_and_where_it_is_from(name: str) -> None:
    preset = PRESETS[name]
    assert preset.summary
    assert preset.source
    assert preset.usage.split(":")[0] == name
    assert preset.usage.count(",") == max(0, len(preset.parameters) - 1)


def test_names_can_be_typed_back() -> None:
    assert preset_bank("gaussian", ["7", "1.5"]).names == ("gaussian:7,1.5",)
    for name in preset_bank("kirsch").names:
        family, direction = name.split(":")
        assert preset_bank(family, [direction.lower()]).names == (name,)


@pytest.mark.parametrize(
    ("name", "arguments", "start", "length", "words"),
    [
        ("vertical", ["8"], 9, 1, "odd whole number from 1 to 255, got `8`"),
        ("vertical", ["7", "3"], 11, 1, "takes one argument, got 2"),
        ("sobel-x", ["3"], 8, 1, "takes no arguments"),
        ("gaussian", ["7", " wide"], 12, 4, "SIGMA as a number of pixels"),
        ("gaussian", ["7", "0"], 11, 1, "from 0.1 to 1000, got `0`"),
        ("gaussian", ["7", "nan"], 11, 3, "got `nan`"),
        ("gaussian", [""], 9, 0, "got nothing"),
        ("box", ["1000000"], 4, 7, "from 1 to 255"),
        ("box", ["-3"], 4, 2, "got `-3`"),
        ("log", ["1"], 4, 1, "from 3 to 255"),
        ("laplacian", ["6"], 10, 1, "one of 4, 8"),
        ("kirsch", ["up"], 7, 2, "one of all, N, NE"),
        ("dog", ["9", "2", "1"], 4, 5, "SIGMA1 must be below SIGMA2"),
        ("sobbel-x", [], 0, 8, "did you mean `sobel-x`"),
    ],
)
def test_wrong_arguments_are_underlined(name: str, arguments: list[str], start: int, length: int, words: str) -> None:
    with pytest.raises(NotationError) as caught:
        preset_bank(name, arguments)
    assert words in caught.value.problem
    assert (caught.value.start, caught.value.length) == (start, length)
    assert name not in PRESETS or f"usage: {PRESETS[name].usage}" in caught.value.problem
