"""A folder of pictures as textbooks would do it: one loop, TensorFlow's convolution, a matplotlib figure a picture.

Prints the pictures a second, imports and the first picture not counted. Usage:
    python tests/benchmarks/textbook_loop.py FOLDER OUT
"""

import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

pictures, out = sorted(Path(sys.argv[1]).glob("*.jpg")), Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
filters = np.random.default_rng(0).standard_normal((7, 7, 3, 8)).astype(np.float32)
start = 0.0
for number, picture in enumerate(pictures):
    if number == 1:
        start = time.perf_counter()
    image = plt.imread(picture).astype(np.float32) / 255
    maps = tf.nn.conv2d(image[np.newaxis], filters, strides=1, padding="SAME").numpy()
    figure, axes = plt.subplots(3, 3, figsize=(20, 14))
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < 8:
            axis.imshow(maps[0, :, :, index], cmap="gray")
            axis.set_title(f"filter {index}")
    figure.savefig(out / f"{picture.stem}.png")
    plt.close(figure)
print((len(pictures) - 1) / (time.perf_counter() - start))
