"""What an option is called here that people write by the name which it has elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "--filter": ("--kernel", "--filters", "--select"),
    "--filters": ("--kernel", "--filter", "--select"),
    "--kernels": ("--kernel",),
    "--kernel": ("--filter",),
    "--stride": ("--strides",),
    "--dilations": ("--dilation",),
    "--pad": ("--padding",),
    "--pooling": ("--pool",),
    "--activations": ("--activation",),
    "--network": ("--model",),
    "--net": ("--model",),
    "--model-path": ("--model",),
    "--layers": ("--layer",),
    "--layer-name": ("--layer",),
    "--output": ("--out",),
    "--output-dir": ("--out",),
    "--outdir": ("--out",),
    "--dir": ("--out",),
    "--colormap": ("--cmap",),
    "--colourmap": ("--cmap",),
    "--color-map": ("--cmap",),
    "--size": ("--resize", "--input-size", "--tile"),
    "--image-size": ("--input-size", "--resize"),
    "--normalize": ("--scale",),
    "--vmin": ("--scale",),
    "--vmax": ("--scale",),
    "--cols": ("--columns",),
    "--ncols": ("--columns",),
    "--max": ("--limit",),
    "--num": ("--limit",),
    "--channels": ("--select",),
    "--index": ("--select", "--filter"),
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
    "--trust-remote-code": ("--unsafe",),
}


def option_meant(written: str, known: Sequence[str]) -> str | None:
    """Return which of a command's options was most likely meant, or None.

    Args:
        written: an option that the command does not have.
        known: those that it has.
    """
    return next((name for name in OTHER_NAMES.get(written.lower(), ()) if name in known), None)
