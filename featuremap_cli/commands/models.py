"""What the commands with `--model` share: loading the network, and running it on a batch of images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from featuremap_cli.commands.options import NetworkOptions, read_size

if TYPE_CHECKING:
    from featuremap_cli.arrays import Float32
    from featuremap_cli.networks.input import PreparedInput
    from featuremap_cli.networks.layer_entry import LayerEntry
    from featuremap_cli.networks.network import Network


def load(options: NetworkOptions, *, of_one_size: bool = False) -> Network:
    """Load the network that the options name; imports TensorFlow only where a layer of it is not known.

    Args:
        options: which, and how images come to it.
        of_one_size: every image has to come to it in one size: one that takes any is taken at `FREE_SIZE`, and says so.

    Raises:
        NetworkError: it cannot be used.
        UsageError: an option that does not fit it, or a module that cannot be imported.
    """
    from featuremap_cli.networks.catalogue import load_network
    from featuremap_cli.networks.image_input import FREE_SIZE

    size = read_size(options.input_size, "--input-size") if options.input_size else None
    free = FREE_SIZE if of_one_size else None
    network = load_network(
        options.model,
        weights=options.weights,
        unsafe=options.unsafe,
        input_size=size,
        free_size=free,
        imports=options.imports or (),
    )
    return network.prepared_as(options.preprocess)


def content_digest(options: NetworkOptions) -> str:
    """Return a hash of the files that the network is read from; of nothing where it comes with a package.

    A file that cannot be read counts as empty: loading it will say why.
    """
    digest = blake2b(digest_size=16)
    for name in (options.model, options.weights):
        path = Path(name)
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            with suppress(OSError), file.open("rb") as content:
                digest.update(str(file.relative_to(path)).encode("utf-8", "surrogateescape"))
                digest.update(file_digest(content, lambda: blake2b(digest_size=16)).digest())
    return digest.hexdigest()


def run_network(
    network: Network,
    inputs: Sequence[PreparedInput],
    entries: Sequence[LayerEntry],
    *,
    batch_size: int,
    before_activation: bool,
    compiled: bool,
) -> list[list[Float32]]:
    """Run a network on images and return the chosen layers' maps.

    Images of one size run together. A compiled network always sees `batch_size` images, the last one repeated where
    fewer are left: it is compiled once, and an image's maps do not depend on which others are in its batch.

    Args:
        network: ready to run.
        inputs: prepared images, 1 to `batch_size` of them.
        entries: the chosen layers.
        batch_size: how many run together at most.
        before_activation: record the values before activations inside convolutions.
        compiled: cut the network down to what is needed, where it can be; pays from the second image on.

    Returns:
        for each image, for each chosen layer, float32 (filters, height, width), contiguous.
    """
    import numpy as np

    results: list[list[Float32]] = [[] for _ in inputs]
    fills = compiled and network.recorder.compiles
    sizes = dict.fromkeys(one.array.shape for one in inputs)
    for size in sizes:
        places = [place for place, one in enumerate(inputs) if one.array.shape == size]
        filled = places + [places[-1]] * (batch_size - len(places)) if fills else places
        batch = np.concatenate([inputs[place].array for place in filled])
        recorded = network.record(batch, entries, before_activation=before_activation, compiled=compiled)
        for row, place in enumerate(places):
            results[place] = [np.ascontiguousarray(values[row].transpose(2, 0, 1)) for values in recorded]
    return results
