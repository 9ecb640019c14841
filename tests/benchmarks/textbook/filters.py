"""A saved network's filters of one layer, loaded by Keras, in an 8x8 matplotlib figure.

Usage: python filters.py MODEL.keras LAYER PICTURE [FILTERS.npy]
"""

import sys

import keras
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

model, layer, picture = sys.argv[1:4]
weights, _ = keras.models.load_model(model, compile=False).get_layer(layer).get_weights()
if len(sys.argv) > 4:
    np.save(sys.argv[4], weights)
weights = (weights - weights.min()) / (weights.max() - weights.min())
figure, axes = plt.subplots(8, 8, figsize=(8, 8))
for index, axis in enumerate(axes.flat):
    axis.imshow(weights[:, :, :, index])
    axis.axis("off")
figure.savefig(picture)
