"""Where the tiles of ranking come from, as the engine knows it.

Axes: A queries of a block, B gallery images of a tile, G gallery images, m matches of a block,
d dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


MEMORY = 192 * 2**20
"""Bytes of working memory beside the features, unless said otherwise."""

Fill = Callable[[npt.NDArray[np.floating], tuple[int, int]], None]
"""Writes some rows of a tile, (A, B): from the first row to the one before the last."""


class Opened(Protocol):
    """A block of queries, ready to be ranked.

    Attributes:
        reference: (A, d), features as the reference distance takes them.
        margin: (A,), of nearness, within which tiles decide nothing; 0 where they are exact.
        fine_margin: (A,), the same of a float64 product.
    """

    @property
    def reference(self) -> Float:
        """Features, (A, d)."""
        ...

    @property
    def margin(self) -> npt.NDArray[np.floating]:
        """Of each query, (A,)."""
        ...

    @property
    def fine_margin(self) -> Float:
        """Of each query, (A,)."""
        ...

    def fill(self, part: slice) -> Fill:
        """Return what writes the tile of a part of the gallery, to be made nearness."""
        ...

    def matches(self, start: Int, match: Int) -> npt.NDArray[np.floating]:
        """Return the nearness of each query and each of its matches, (m,)."""
        ...


class Nearness(Protocol):
    """Where tiles come from: a product of features, or distances at hand.

    Attributes:
        exact: Whether tiles are the truth.
        cosine: Whether the reference distance is the cosine one.
        dtype: Of the tiles.
        width: Gallery images of a tile.
        features: Of the gallery, (G, d), what the reference divides them by, (G,), and half
            the squared lengths where the distance is Euclidean, else 0, (G,).
        scale: (G,), a tile is multiplied by this...
        bias: (G,), ...and lessened by this to be a nearness.
    """

    exact: bool
    cosine: bool
    dtype: type[np.float32] | type[np.float64]
    width: int
    features: tuple[npt.NDArray[Any], Float, Float]
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    @property
    def fixed_bytes(self) -> int:
        """Working memory whatever the queries."""
        ...

    @property
    def bytes_per_query(self) -> int:
        """Working memory for one query."""
        ...

    def open(self, queries: slice) -> Opened:
        """Return a block of queries."""
        ...
