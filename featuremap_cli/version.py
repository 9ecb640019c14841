"""The version of this package, where any folder may read it."""

__version__ = "0.1.0"
