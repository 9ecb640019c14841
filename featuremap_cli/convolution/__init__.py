"""The operation itself: convolution, pooling and activation, in NumPy only."""
