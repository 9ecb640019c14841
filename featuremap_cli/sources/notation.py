"""How filters are written on the command line: SPEC, as `--kernel` and `filters` take it.

A SPEC is read as the first of these that fits:

1. a file that exists and ends in .npy, .npz, .json, .txt or .csv, whatever else is in its name;
2. `NAME=` and then one of the rest, which must be a single filter;
3. a network's layer: `alexnet:LAYER`, `squeezenet:LAYER`, `keras:NAME:LAYER`, `FILE.keras:LAYER` (.h5, .hdf5, .onnx),
   `FOLDER:LAYER` where FOLDER exists and is not called like a preset (`./vertical:LAYER` is the folder);
4. a path that ends as in 1, which then must exist;
5. ImageMagick's `WxH: ...`;
6. a kernel as text, when it begins like a number or has a `;` or a new line in it;
7. a preset, with its arguments after a colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from featuremap_cli.arrays import FilterBank
from featuremap_cli.errors import NotationError
from featuremap_cli.sources.bracketed import is_bracketed
from featuremap_cli.sources.filter_files import SUFFIXES, read_filter_file
from featuremap_cli.sources.kernel_text import is_imagemagick, parse_kernel, split_name
from featuremap_cli.sources.kernels import PRESETS, bank_of, nearest_names, preset_bank
from featuremap_cli.sources.network_names import APPLICATION, BUILTIN_NAMES, nearest_applications
from featuremap_cli.sources.other_formats import other_format

_NETWORK = re.compile(
    rf"(?P<model>{'|'.join(BUILTIN_NAMES)}|keras:[^:\s;]*|.+?\.(?:keras|h5|hdf5|onnx))(?::(?P<layer>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER_BEGINS = re.compile(
    r"[-+\N{MINUS SIGN}]?(?:\.?[0-9]|(?:nan|inf|infinity)\b)|[^;\n]*[;\n]",
    re.IGNORECASE,
)
_PRESET = re.compile(r"([A-Za-z][\w-]*)(?:\s*:(.*))?", re.DOTALL)
_FORMS = "a preset (`sobel-x`), text (`0 -1 0; -1 5 -1; 0 -1 0`), a file (`bank.npy`) or a layer (`alexnet:conv1`)"


@dataclass(frozen=True)
class LayerReference:
    """A network's layer whose filters are meant; whoever has the networks looks it up.

    Attributes:
        model: `alexnet`, `keras:VGG16`, or the path of a model file or folder.
        layer: a layer path, `stem/conv`.
        spec: the whole text.
    """

    model: str
    layer: str
    spec: str


def read_filters(spec: str) -> list[FilterBank] | LayerReference:
    """The filters a SPEC stands for.

    Args:
        spec: one SPEC; the rules are at the top of this module.

    Returns:
        Banks in order, one for each run of filters of one shape (several only from files), with `source` the SPEC; or
        a reference to a network's layer, which is not looked up here.

    Raises:
        NotationError: text that does not parse, an unknown preset, arguments that do not fit.
        UsageError: a file that cannot be read as filters.

    Example:
        >>> read_filters("sharpen=0 -1 0; -1 5 -1; 0 -1 0")[0].weights.shape
        (3, 3, 1, 1)
    """
    if _is_filter_file(spec) and _is_file(spec):
        return [replace(bank, source=spec) for bank in read_filter_file(spec)]
    name, name_end = split_name(spec)
    start = name_end + len(spec[name_end:]) - len(spec[name_end:].lstrip())
    body = spec[start:].rstrip()
    if not body:
        raise NotationError(spec, start, 0, f"expected {_FORMS}, got nothing")
    reference = _layer_reference(spec, start, body)
    if reference is not None:
        if name:
            problem = "a name goes with a single filter, and a layer has several: leave the name out"
            raise NotationError(spec, 0, name_end, problem)
        return reference
    banks = [replace(bank, source=spec) for bank in _read_body(spec, start, body)]
    return _named(banks, name, spec, name_end) if name else banks


def _read_body(spec: str, start: int, body: str) -> list[FilterBank]:
    if _is_filter_file(body) and (_is_file(body) or not re.search(r"[;\n]", body)):
        return read_filter_file(body)
    preset = _PRESET.fullmatch(body)
    try:
        if is_imagemagick(body) or is_bracketed(body) or _NUMBER_BEGINS.match(body):
            return [bank_of(parse_kernel(body), spec)]
        if preset is not None and preset[1].lower() in PRESETS:
            return [_preset(preset)]
    except NotationError as error:
        raise NotationError(spec, start + error.start, error.length, error.problem) from None
    raise _unknown(spec, start, body)


def _preset(match: re.Match[str]) -> FilterBank:
    name, arguments = match[1].lower(), match[2]
    if arguments is None:
        return preset_bank(name)
    try:
        return preset_bank(name, arguments.split(","))
    except NotationError as error:
        moved = match.start(2) - (len(name) + 1)  # spaces before the colon
        raise NotationError(match[0], error.start + moved, error.length, error.problem) from None


def _layer_reference(spec: str, start: int, body: str) -> LayerReference | None:
    match = _NETWORK.fullmatch(body)
    if match is not None:
        kind, model, layer = "a network", match["model"], match["layer"]
    else:
        folder = _folder(body)
        if folder is None:
            return None
        kind, model, layer = "a folder, read as a SavedModel", folder, body[len(folder) + 1 :]
    if not (layer or "").strip() or model.lower() == "keras:":
        model = "keras:NAME" if model.lower() == "keras:" else model
        advice = f"expected a layer, as in `{model}:LAYER`; `featuremap layers {model}` lists them"
        raise NotationError(spec, start + len(body), 0, f"`{body}` is {kind}: {advice}")
    known = model.lower() if model.lower() in BUILTIN_NAMES else model
    return LayerReference(known, (layer or "").strip(), spec)


def _folder(body: str) -> str | None:
    """What comes before a colon, or the whole text, where that is a folder."""
    ends = [match.start() for match in re.finditer(":|$", body) if match.start() > 1]  # 1: a drive's letter
    candidates = (body[:end] for end in ends)
    return next((one for one in candidates if one.strip().lower() not in PRESETS and _is_folder(one)), None)


def _named(banks: list[FilterBank], name: str, spec: str, name_end: int) -> list[FilterBank]:
    filters = sum(bank.filters for bank in banks)
    if filters != 1:
        problem = f"a name goes with a single filter, got {filters}: leave the name out"
        raise NotationError(spec, 0, name_end, problem)
    return [replace(banks[0], names=(name,))]


def _unknown(spec: str, start: int, body: str) -> NotationError:
    word = re.split(r"[:\s,]", body, maxsplit=1)[0]
    if word.lower() in PRESETS:
        usage = PRESETS[word.lower()].usage
        return NotationError(spec, start, len(body), f"expected a preset's arguments after a colon, as in `{usage}`")
    for file in (body, body.rpartition(":")[0]):
        if (other := other_format(file)) is not None:
            problem = f"`{file}` is {other.what}, and is not read: {other.as_filters}"
            return NotationError(spec, start, len(file), problem)
    if _is_file(body):
        problem = f"`{body}` is a file: expected one that ends in {', '.join(SUFFIXES)}"
        return NotationError(spec, start, len(body), problem)
    network, layer = _network_meant(word), body[len(word) + 1 :].strip() or "LAYER"
    if network is not None:
        advice = f"did you mean `{network}:{layer}`? `featuremap layers {network}` lists its layers"
        return NotationError(spec, start, len(word), f"`{word}` is no preset, file or network: {advice}")
    near = " or ".join(f"`{one}`" for one in nearest_names(word, [*PRESETS, *BUILTIN_NAMES]))
    advice = f"did you mean {near}?" if near else f"expected {_FORMS};"
    problem = f"`{word}` is no preset, file or network: {advice} `featuremap kernels` lists the presets"
    return NotationError(spec, start, len(word), problem)


def _network_meant(word: str) -> str | None:
    """The network of keras.applications that a word means: `keras:ResNet50` of `resnet50`.

    A name that is one but for its capitals, dashes and the prefix is meant; one that is merely alike only where no
    preset, and no network of ours, is as much alike. None where none is.
    """
    near = nearest_applications(word, cutoff=0.6)
    plain = re.sub("[-_]", "", word.lower())
    ours = [*PRESETS, *BUILTIN_NAMES]
    if not near or (near[0].lower() != plain and nearest_names(word, [*ours, near[0].lower()])[0] in ours):
        return None
    return f"{APPLICATION}{near[0]}"


def _is_filter_file(path: str) -> bool:
    return path.lower().endswith(SUFFIXES)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a kernel's text may be too long for a path, or hold a NUL
        return False


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False
