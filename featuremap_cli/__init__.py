"""See what convolutions see: the public Python API of featuremap."""

__version__ = "0.1.0"
