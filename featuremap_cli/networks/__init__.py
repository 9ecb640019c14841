"""Pretrained networks: the only folder that may import Keras or TensorFlow."""
