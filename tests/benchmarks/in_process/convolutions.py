"""One convolution of one image, SAME padding, by each library that is compared; each function imports its own.

`pixels` is the path of an image, float32 (height, width, channels), and `weights` that of a bank (filter_height,
filter_width, channels, filters), both .npy. Each library keeps image, filters and maps in the order that it prefers.
"""

from __future__ import annotations

import numpy as np

from in_process.work import Float32, Work


def featuremap(pixels: str, weights: str, stride: int, fresh: bool) -> Work:
    """featuremap's NumPy engine: planning is part of the work.

    Args:
        pixels, weights, stride: as the module says.
        fresh: whether each run asks the system for new memory; otherwise it writes where the last run wrote.
    """
    from featuremap_cli.arrays import FilterBank
    from featuremap_cli.convolution.engine import Convolution
    from featuremap_cli.convolution.operation import Operation

    image, filters = np.load(pixels), np.load(weights)
    count = filters.shape[3]
    bank = FilterBank(filters, ("",) * count, np.zeros(count, np.float32), "random")
    operation = Operation(strides=(stride, stride))
    shape = (count, *Convolution.plan(image, [bank], operation).size)
    kept = None if fresh else np.empty(shape, np.float32)

    def run() -> Float32:
        maps = np.empty(shape, np.float32) if kept is None else kept
        Convolution.plan(image, [bank], operation).fill(0, maps)
        return maps

    return Work(run, lambda maps, step: maps[::step])


def tensorflow(pixels: str, weights: str, stride: int) -> Work:
    """`tf.nn.conv2d`, eagerly."""
    import tensorflow as tf

    batch, filters = tf.constant(np.load(pixels)[np.newaxis]), tf.constant(np.load(weights))
    return Work(
        lambda: tf.nn.conv2d(batch, filters, stride, "SAME"),
        lambda maps, step: maps.numpy()[0, :, :, ::step].transpose(2, 0, 1),
    )


def pytorch(pixels: str, weights: str, stride: int) -> Work:
    """`torch.nn.functional.conv2d`; padding that differs from side to side is put on first, as it has to be."""
    import torch

    image, bank = np.load(pixels), np.load(weights)
    batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))[np.newaxis])
    filters = torch.from_numpy(np.ascontiguousarray(bank.transpose(3, 2, 0, 1)))
    (top, bottom), (left, right) = (
        same_padding(length, size, stride) for length, size in zip(image.shape, bank.shape[:2], strict=False)
    )

    @torch.inference_mode()
    def run() -> torch.Tensor:
        if (top, left) == (bottom, right):
            return torch.nn.functional.conv2d(batch, filters, stride=stride, padding=(top, left))
        padded = torch.nn.functional.pad(batch, (left, right, top, bottom))
        return torch.nn.functional.conv2d(padded, filters, stride=stride)

    return Work(run, lambda maps, step: maps[0, ::step].numpy())


def same_padding(length: int, size: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's SAME padding before and after one axis."""
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2


def opencv(pixels: str, weights: str, stride: int) -> Work:
    """`cv2.filter2D` for each channel of each filter, summed; it has no stride, so the rest is thrown away."""
    import cv2

    image, bank = np.load(pixels), np.load(weights)
    planes = cv2.split(image)
    kernels = np.ascontiguousarray(bank.transpose(3, 2, 0, 1))
    (top, _), (left, _) = (
        same_padding(length, size, stride) for length, size in zip(image.shape, bank.shape[:2], strict=False)
    )
    # The first output lies where its field begins `top` rows above the image.
    first = tuple(size // 2 - before for size, before in zip(bank.shape[:2], (top, left), strict=True))

    def one(filters: Float32) -> Float32:
        whole = cv2.filter2D(planes[0], cv2.CV_32F, filters[0], borderType=cv2.BORDER_CONSTANT)
        for plane, kernel in zip(planes[1:], filters[1:], strict=True):
            whole += cv2.filter2D(plane, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
        return whole if stride == 1 else whole[first[0] :: stride, first[1] :: stride]

    return Work(lambda: [one(filters) for filters in kernels], lambda maps, step: np.stack(maps[::step]))
