"""A forward pass in NumPy, for networks of which every layer is known: no TensorFlow is imported."""
