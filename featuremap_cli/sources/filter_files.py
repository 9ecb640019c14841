"""Filters from files: NumPy's `.npy` and `.npz`, `.json`, and text as `.txt` and `.csv`. Nothing is unpickled.

| suffix | what it holds |
|---|---|
| `.npy` | (height, width), (height, width, filters) or (height, width, input_channels, filters) |
| `.npz` | such arrays, each with its name; or one, called anything, with its `bias` or what else `--arrays` writes |
| `.json` | `{"name": ..., "kernel": [[...], ...], "bias": ...}` or a list of these; fractions in quotes, `"1/9"` |
| `.txt` | a kernel as text, a line a row, `#` begins a comment; also `name=...` and ImageMagick's notation |
| `.csv` | a kernel, a line a row |

Kernels of 2-D and 3-D arrays, JSON and text meet every input channel; a 4-D array is a layer's bank as it is.
"""

from __future__ import annotations

import json
import re
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import FilterBank, Float32
from featuremap_cli.errors import NotationError, UsageError
from featuremap_cli.sources.archives import MOST_OF_ARRAYS, require_size
from featuremap_cli.sources.kernel_text import parse_kernel, split_name
from featuremap_cli.sources.kernels.kernel import Kernel, bank_of, join_banks
from featuremap_cli.sources.numerals import read_numeral

SUFFIXES = (".npy", ".npz", ".json", ".txt", ".csv")

_SHAPES = "(height, width), (height, width, filters) or (height, width, input_channels, filters)"
_EXTRA_KEYS = {"bias", "names", "every_channel", "layer"}
_JSON_KEYS = ("name", "kernel", "bias")
_JSON_FORM = '{"name": "...", "kernel": [[0, -1, 0], ...], "bias": 0} or a list of these'
_BROKEN_ARRAYS = (  # what numpy.load and zipfile raise for files that are damaged, encrypted, or no arrays at all
    ValueError,
    TypeError,
    OverflowError,
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_filter_file(path: str) -> list[FilterBank]:
    """All filters of a file, in its order; a filter alone in its file and without a name gets the file's.

    Args:
        path: a file that ends in one of SUFFIXES.

    Returns:
        One bank for each run of filters of one shape; `source` is the path.

    Raises:
        NotationError: text that is no kernel; its line is shown and the token underlined.
        UsageError: a file that is missing, unreadable, or holds no filters in the layouts above; NaN or infinity.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".npy", ".npz"):
        banks = join_banks(_read_arrays(path))
    elif suffix == ".json":
        banks = join_banks(_read_json(path))
    else:
        banks = [_read_kernel_text(path, is_csv=suffix == ".csv")]
    if len(banks) == 1 and banks[0].names == ("",):
        return [replace(banks[0], names=(Path(path).stem,))]
    return banks


def _read_arrays(path: str) -> list[FilterBank]:
    arrays = _load_arrays(path)
    if "filters" in arrays and arrays["filters"].ndim == 4:
        return [_bank_with_extras(arrays, "filters", path)]
    # An array of two axes is a kernel, whatever its name.
    alone = [name for name, array in arrays.items() if name not in _EXTRA_KEYS or array.ndim > 1]
    if len(alone) == 1 and len(arrays) > 1:
        return [_bank_with_extras(arrays, alone[0], path)]
    return [_array_bank(array, name, path) for name, array in arrays.items()]


def _load_arrays(path: str) -> dict[str, NDArray[Any]]:
    try:
        with Path(path).open("rb") as stream:
            if zipfile.is_zipfile(stream):
                with zipfile.ZipFile(stream) as archive:
                    require_size(archive, MOST_OF_ARRAYS)
            stream.seek(0)
            loaded = np.load(stream, allow_pickle=False)
            arrays = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except FileNotFoundError:
        raise _missing(path) from None
    except _BROKEN_ARRAYS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = "expected numbers as numpy.save or numpy.savez write them (pickles are never opened)"
        raise UsageError(f"{path} cannot be read as NumPy arrays: {expected}, got: {reason}") from None
    if not arrays:
        raise UsageError(f"{path} holds no arrays: expected filters of {_SHAPES}")
    return arrays


def _array_bank(array: NDArray[Any], name: str, path: str) -> FilterBank:
    where = f"{path}, array `{name}`" if name else path
    weights = _checked(array, where)
    if array.ndim not in (2, 3, 4):
        raise UsageError(f"{where} has shape {array.shape}: expected {_SHAPES}")
    label = "" if re.fullmatch(r"arr_[0-9]+", name) else name  # numpy.savez's name for an array without one
    names: tuple[str, ...] = (label,)
    if array.ndim == 2:
        weights = weights[:, :, np.newaxis, np.newaxis]
    else:
        weights = weights[:, :, np.newaxis, :] if array.ndim == 3 else weights
        names = tuple(f"{label} {index}" if label else "" for index in range(weights.shape[3]))
    bias = np.zeros(weights.shape[3], dtype=np.float32)
    return FilterBank(weights, names, bias, source=path, every_channel=array.ndim < 4)


def _bank_with_extras(arrays: Mapping[str, NDArray[Any]], filters: str, path: str) -> FilterBank:
    unknown = sorted(set(arrays) - _EXTRA_KEYS - {filters})
    if unknown:
        problem = f"besides `filters`, expected only bias, names, every_channel or layer, got {', '.join(unknown)}"
        raise UsageError(f"{path}: {problem}")
    bank = _array_bank(arrays[filters], "" if filters == "filters" else filters, path)
    bias = np.atleast_1d(_checked(arrays["bias"], f"{path}, array `bias`")) if "bias" in arrays else bank.bias
    names = tuple(str(name) for name in arrays["names"].ravel()) if "names" in arrays else bank.names
    if bias.shape != (bank.filters,) or len(names) != bank.filters:
        got = f"bias of shape {bias.shape} and {len(names)} names"
        raise UsageError(f"{path} holds {bank.filters} filters: expected as many biases and names, got {got}")
    every_channel = bank.input_channels == 1 and bool(np.any(arrays.get("every_channel", bank.every_channel)))
    return replace(bank, bias=bias, names=names, every_channel=every_channel)


def _checked(array: NDArray[Any], where: str) -> Float32:
    """The array as float32, refused where it is empty, not of real numbers, or not finite."""
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{where} holds {array.dtype}: expected integers or floats")
    if array.size == 0:
        raise UsageError(f"{where} is empty, its shape is {array.shape}: expected {_SHAPES}, all above 0")
    with np.errstate(over="ignore"):
        weights = array.astype(np.float32)
    if not np.isfinite(weights).all():
        index = tuple(int(axis) for axis in np.argwhere(~np.isfinite(weights))[0])
        raise UsageError(f"{where} has {array[index]} at {index}: expected finite numbers that fit 32-bit floats")
    return weights


def _read_json(path: str) -> list[FilterBank]:
    try:  # numbers stay text, so that cells show them as they were written and NaN is refused with all else
        content = json.loads(_read_text(path), parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise UsageError(f"{path} is not JSON: {problem}; expected {_JSON_FORM}") from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply: expected {_JSON_FORM}") from None
    if isinstance(content, list) and content and all(isinstance(item, list) for item in content):
        content = {"kernel": content}
    records = content if isinstance(content, list) else [content]
    if not records:
        raise UsageError(f"{path} is an empty list: expected {_JSON_FORM}")
    return [_json_bank(record, f"{path}, filter {index}", path) for index, record in enumerate(records)]


class _Number(str):
    """A number of a JSON file, as it was written."""

    __slots__ = ()


def _json_bank(record: object, where: str, path: str) -> FilterBank:
    if not isinstance(record, dict) or "kernel" not in record:
        raise UsageError(f"{where} has no `kernel`: expected {_JSON_FORM}")
    unknown = sorted(set(record) - set(_JSON_KEYS))
    if unknown:
        raise UsageError(f"{where} has `{unknown[0]}`: expected only {', '.join(_JSON_KEYS)}")
    name = record.get("name", "")
    if not isinstance(name, str):
        raise UsageError(f"{where}: expected a text for `name`, got {json.dumps(name)}")
    kernel = _json_kernel(record["kernel"], where)
    bias = _json_number(record.get("bias", "0"), f"{where}, bias")
    return bank_of(replace(kernel, name=str(name), bias=bias), path)


def _json_kernel(rows: object, where: str) -> Kernel:
    if isinstance(rows, str) and not isinstance(rows, _Number):
        try:
            return parse_kernel(rows)
        except NotationError as error:
            raise NotationError(error.text, error.start, error.length, f"{where}: {error.problem}") from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
        raise UsageError(f"{where}: expected `kernel` as a list of rows of numbers, or as text `0 -1 0; ...`")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            problem = f"row {number + 1} has {len(row)} values where row 1 has {len(rows[0])}"
            raise UsageError(f"{where}: {problem}; expected rows of one length")
    weights = [[_json_number(value, f"{where}, row {number + 1}") for value in row] for number, row in enumerate(rows)]
    return Kernel(np.array(weights), tuple(tuple(str(value) for value in row) for row in rows))


def _json_number(value: object, where: str) -> float:
    if isinstance(value, str):
        try:
            return read_numeral(value.strip())
        except ValueError as error:
            raise UsageError(f"{where}: expected a number or a fraction such as 1/9, got {error}") from None
    got = "a list" if isinstance(value, list) else json.dumps(value)[:40]
    raise UsageError(f"{where}: expected a number, got {got}; for kernels over several channels use .npy")


def _read_kernel_text(path: str, is_csv: bool) -> FilterBank:
    lines = [line.split("#", 1)[0].rstrip() for line in _read_text(path).splitlines()]
    if is_csv:
        lines = [line.replace('"', " ") for line in lines]
        _refuse_semicolons(lines, path)
    text = "\n".join(lines)
    name, start = ("", 0) if is_csv else split_name(text)
    try:
        return bank_of(replace(parse_kernel(text[start:]), name=name), path)
    except NotationError as error:
        raise _in_line(path, text, start + error.start, error) from None


def _refuse_semicolons(lines: list[str], path: str) -> None:
    for number, line in enumerate(lines, 1):
        column = line.find(";")
        if column >= 0:
            problem = f"{path}, line {number}: expected commas between the values of a .csv and decimal points, got `;`"
            raise NotationError(line, column, 1, problem)


def _in_line(path: str, text: str, start: int, error: NotationError) -> NotationError:
    """The error of a whole file's text as one of the line it is in."""
    number = text.count("\n", 0, start)
    line = text.split("\n")[number]
    column = start - (text.rfind("\n", 0, start) + 1)
    length = min(error.length, len(line) - column)
    return NotationError(line, column, length, f"{path}, line {number + 1}: {error.problem}")


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text in UTF-8: expected a kernel written as numbers") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path} cannot be read: {reason}") from None


def _missing(path: str) -> UsageError:
    return UsageError(f"{path} does not exist: expected a file of filters; check the path")
