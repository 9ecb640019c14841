"""The networks that travel in the package."""
