"""Géron's example: two 7x7 line filters over scikit-learn's china.jpg with TensorFlow, the maps saved by matplotlib.

Usage: python convolve.py FOLDER [MAPS.npy]
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_sample_image

folder = Path(sys.argv[1])
china = load_sample_image("china.jpg") / 255
images = np.array([china], np.float32)
filters = np.zeros((7, 7, 3, 2), np.float32)
filters[:, 3, :, 0] = 1  # vertical line
filters[3, :, :, 1] = 1  # horizontal line
maps = tf.nn.conv2d(images, filters, strides=1, padding="SAME").numpy()
for index in range(2):
    plt.imsave(folder / f"map{index}.png", maps[0, :, :, index], cmap="gray")
    plt.imsave(folder / f"filter{index}.png", filters[:, :, 0, index], cmap="gray")
if len(sys.argv) > 2:
    np.save(sys.argv[2], maps)
