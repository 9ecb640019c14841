"""A folder of photographs in one loop: TensorFlow's convolution, a matplotlib figure a photograph.

Prints the seconds of each photograph after the first, imports not counted. Usage:
    python loop.py PHOTOGRAPHS FOLDER FILTERS.npy [MAPS.npy]
"""

import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

photographs, folder = sorted(Path(sys.argv[1]).glob("*.jpg")), Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
filters = np.load(sys.argv[3])
start = 0.0
for number, photograph in enumerate(photographs):
    if number == 1:
        start = time.perf_counter()
    image = plt.imread(photograph).astype(np.float32) / 255
    maps = tf.nn.conv2d(image[np.newaxis], filters, strides=1, padding="SAME").numpy()
    figure, axes = plt.subplots(3, 3, figsize=(20, 14))
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < filters.shape[3]:
            axis.imshow(maps[0, :, :, index], cmap="gray")
            axis.set_title(f"filter {index}")
    figure.savefig(folder / f"{photograph.stem}.png")
    plt.close(figure)
if len(photographs) > 1:
    print((time.perf_counter() - start) / (len(photographs) - 1))
if len(sys.argv) > 4:
    np.save(sys.argv[4], maps)
