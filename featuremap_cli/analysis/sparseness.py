"""How unevenly responses are spread: 0 where all are alike, 1 where a single one is not zero.

With A = (sum |r| / n)^2 / (sum r^2 / n), the activity ratio of Treves and Rolls 1991, What determines the capacity of
autoassociative memories in the brain? (Network 2, 371-397):

* `sparseness` is Vinje and Gallant's S = (1 - A) / (1 - 1/n) (2000, Science 287, 1273-1276). Over one filter's
  responses to many stimuli it is *lifetime* sparseness, over the responses of all filters to one stimulus *population*
  sparseness.
* `hoyer` is Hoyer's (sqrt(n) - L1 / L2) / (sqrt(n) - 1) = (1 - sqrt(A)) / (1 - 1 / sqrt(n)) (2004, Non-negative matrix
  factorization with sparseness constraints, JMLR 5, 1457-1469, section 3.1).

Rates are never negative; responses before an activation are, and enter by their absolute values (Willmore and Tolhurst
2001, Characterizing the sparseness of neural codes, Network 12, 255-270).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from featuremap_cli.analysis.moments import Float64
from featuremap_cli.arrays import Float32


def sparseness(absolute: ArrayLike, squares: ArrayLike, count: ArrayLike) -> Float64:
    """Vinje and Gallant's sparseness from sums over n responses.

    Args:
        absolute: sum of |r|.
        squares: sum of r^2.
        count: n; of the same shape as the sums, or one for all.

    Returns:
        float64 of the shape of the sums, 0 to 1; NaN where it is not defined: fewer than two responses, or all zero.
    """
    activity, counts = _activity(absolute, squares, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts > 1, np.clip((1 - activity) / (1 - 1 / counts), 0, 1), np.nan)


def hoyer(absolute: ArrayLike, squares: ArrayLike, count: ArrayLike) -> Float64:
    """Hoyer's sparsity from the same sums; NaN where `sparseness` is."""
    activity, counts = _activity(absolute, squares, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts > 1, np.clip((1 - np.sqrt(activity)) / (1 - 1 / np.sqrt(counts)), 0, 1), np.nan)


def population_sparseness(responses: Float32) -> Float64:
    """Population sparseness of every stimulus.

    Args:
        responses: float32 (filters, positions); each position is a stimulus, the patch that it sees.

    Returns:
        float64 (positions,); NaN where no filter responds, or a response is NaN or infinite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.abs(responses).sum(axis=0, dtype=np.float64)
    known = np.isfinite(absolute)
    wide = (responses if known.all() else np.where(known, responses, np.float32(0))).astype(np.float64)
    squares = np.einsum("fp,fp->p", wide, wide)
    return sparseness(np.where(known, absolute, 0), squares, len(responses))


def _activity(absolute: ArrayLike, squares: ArrayLike, count: ArrayLike) -> tuple[Float64, Float64]:
    """A, NaN where nothing responds, and the counts as float64."""
    sums, counts = np.asarray(absolute, np.float64), np.asarray(count, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums**2 / (counts * np.asarray(squares, np.float64)), counts
