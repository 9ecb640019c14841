"""Numbers about layers and maps, in NumPy only."""
