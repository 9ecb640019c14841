"""A network as a graph of layer records, for the arithmetic of `analysis/`, whatever the network is made of."""

from __future__ import annotations

from featuremap_cli.analysis.layers import LayerGraph
from featuremap_cli.errors import UsageError
from featuremap_cli.networks.graph_records import graph_records
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder


def network_graph(network: Network) -> LayerGraph:
    """The graph of a network's layers.

    The first record is the image. Indices and paths are those of `network.layers()`; an operation that stands in a
    model without being a layer has the index None.

    Raises:
        UsageError: the network takes images of any size and none was given when it was loaded.
        NetworkError: it cannot run on images of the size given.
    """
    image = network.input
    if image.height is None or image.width is None or image.channels is None:
        raise UsageError(
            f"{network.name} takes images of any size, and its numbers depend on the size: give it with "
            "--input-size W,H, for example 224,224"
        )
    shape = (image.height, image.width, image.channels)
    if isinstance(network.recorder, RuntimeRecorder):
        return graph_records(network.recorder.graph, shape, network.name)
    from featuremap_cli.networks.keras_records import traced_graph

    return traced_graph(network, shape)
