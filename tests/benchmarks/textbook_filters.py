"""The job as textbooks write it: a saved network's first filters, loaded by Keras, in an 8x8 matplotlib figure.

Usage: python tests/benchmarks/textbook_filters.py MODEL.keras LAYER PICTURE
"""

import sys

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

model, layer, picture = sys.argv[1:]
kernel, _ = keras.models.load_model(model, compile=False).get_layer(layer).get_weights()
kernel = (kernel - kernel.min()) / (kernel.max() - kernel.min())
figure, cells = plt.subplots(8, 8, figsize=(8, 8))
for index, cell in enumerate(cells.flat):
    cell.imshow(kernel[:, :, :, index])
    cell.axis("off")
figure.savefig(picture)
