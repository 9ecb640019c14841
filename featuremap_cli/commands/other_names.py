"""What an option is called here that people write by the name which it has elsewhere, and what stands in its place
where there is no such option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "--filter": ("--kernel", "--filters", "--select"),
    "--filters": ("--kernel", "--filter", "--select"),
    "--kernels": ("--kernel",),
    "--kernel": ("--filter",),
    "--stride": ("--strides",),
    "--dilations": ("--dilation",),
    "--dilation-rate": ("--dilation",),
    "--pad": ("--padding",),
    "--pooling": ("--pool",),
    "--activations": ("--activation",),
    "--network": ("--model",),
    "--net": ("--model",),
    "--model-path": ("--model",),
    "--checkpoint": ("--model",),
    "--layers": ("--layer",),
    "--layer-name": ("--layer",),
    "--output": ("--out",),
    "--output-dir": ("--out",),
    "--outdir": ("--out",),
    "--out-dir": ("--out",),
    "--output-path": ("--out",),
    "--dest": ("--out",),
    "--save": ("--out",),
    "--dir": ("--out",),
    "--colormap": ("--cmap",),
    "--colourmap": ("--cmap",),
    "--color-map": ("--cmap",),
    "--size": ("--resize", "--input-size", "--tile"),
    "--image-size": ("--input-size", "--resize"),
    "--img-size": ("--input-size", "--resize"),
    "--shape": ("--input-size", "--resize"),
    "--normalize": ("--scale",),
    "--vmin": ("--scale",),
    "--vmax": ("--scale",),
    "--cols": ("--columns",),
    "--ncols": ("--columns",),
    "--rows": ("--columns",),
    "--nrows": ("--columns",),
    "--max": ("--limit",),
    "--num": ("--limit",),
    "--channels": ("--select",),
    "--index": ("--select", "--filter"),
    "--indices": ("--select", "--filters"),
    "--maps": ("--select",),
    "--batch": ("--batch-size",),
    "--bs": ("--batch-size",),
    "--grayscale": ("--gray",),
    "--greyscale": ("--gray",),
    "--grey": ("--gray",),
    "--workers": ("--jobs",),
    "--processes": ("--jobs",),
    "--threads": ("--jobs",),
    "--overwrite": ("--force",),
    "--silent": ("--quiet",),
    "--verbose": ("--debug",),
    "--preprocessing": ("--preprocess",),
    "--font-size": ("--text-size",),
    "--fontsize": ("--text-size",),
    "--pretrained": ("--weights",),
    "--weight": ("--weights",),
    "--trust-remote-code": ("--unsafe",),
}


_MODEL = ("--model", "--network", "--net", "--model-path", "--checkpoint")
_LAYER = ("--layer", "--layers", "--layer-name")
_KERNEL = ("--kernel", "--kernels", "--filter", "--filters", "--spec")
_IMAGE = (
    *("--image", "--images", "--img", "--input", "--inputs", "--input-dir", "--folder", "--path", "--file", "--files"),
    *("--source", "--src"),
)
_WINDOW = ("--stride", "--strides", "--dilation", "--dilations", "--dilation-rate", "--padding", "--pad")

_IMAGES_AFTER = "images stand after the command, without an option"
_LAYERS_AFTER = 'layers stand after the input, as in "conv 64 3x3 /2 same"'
_INSTEAD: Mapping[str, Sequence[tuple[Sequence[str], str]]] = {
    "convolve": (((*_MODEL, *_LAYER), "a network's filters are --kernel MODEL:LAYER"), (_IMAGE, _IMAGES_AFTER)),
    "filters": (
        ((*_MODEL, *_LAYER), "a network's layer stands after the command, as in alexnet:conv1"),
        (("--kernel", "--kernels", "--spec"), "filters stand after the command, as in sobel-x"),
    ),
    "layers": ((_MODEL, "the network stands after the command, as in alexnet"), (_IMAGE, "an image is --show IMAGE")),
    "arithmetic": (
        (("--input", "--input-size", "--input-shape", "--size", "--shape", "--image-size"),
         "the input's size stands after the command, as in 224x224x3"),
        ((*_LAYER, *_KERNEL, *_WINDOW, "--pool"), _LAYERS_AFTER),
    ),
    "kernels": ((_KERNEL, "a kernel stands after the command, as in sobel-x"),),
    "gallery": (
        (("--out", "--output", "--output-dir", "--dir", *_IMAGE), "the run's folder stands after the command"),
    ),
    **dict.fromkeys(("activations", "health", "patches"), ((_IMAGE, _IMAGES_AFTER),)),
    **dict.fromkeys(("anatomy", "project"), ((_IMAGE, "the image stands after the command, without an option"),)),
}  # fmt: skip


def advice_for(written: str, command: str, known: Sequence[str]) -> str | None:
    """Return what to say of an option that a command does not have; None where nothing is known of the word.

    Args:
        written: the option.
        command: the command's name.
        known: the options that it has.
    """
    word = written.lower()
    meant = next((name for name in OTHER_NAMES.get(word, ()) if name in known), None)
    if meant is not None:
        return f"it is called {meant} here"
    for words, instead in _INSTEAD.get(command, ()):
        if word in words:
            return instead
    # What a name is alike in its letters, as --filter is to --cluster, helps nobody where its meaning is known.
    return f"`{command}` has none like it" if word in OTHER_NAMES else None
