"""Nearness by a float32 product, with the margin inside which it decides nothing.

The nearness of a query u and a gallery feature v is, in exact arithmetic,

    cosine:     s = u.v / (|u| |v|)     = 1 - distance
    euclidean:  s = u.v - |v|^2 / 2     = (|u|^2 - distance^2) / 2

so that a larger s is a smaller distance. It is computed with d dimensions in float32, unit roundoff
e = 2^-24, and where that leaves doubt in float64, e = 2^-53; g = d e / (1 - d e).

1. A sum of d products, in whatever order and with or without fused multiply-adds, is off by at most
   g sum |u_i v_i| <= g |u| |v| (Higham, Accuracy and Stability, 2nd ed., eq. 3.5 and section 3.1,
   with Cauchy-Schwarz). Rounding u, v, the scale, the bias and the result adds at most 8 e of the
   same product, and products that underflow at most d 2^-80.
2. So s is off by at most E = 1.01 (g + 8 e) P + d 2^-80, where P bounds the sizes of what is added:
   1 for cosine, |u| V + V^2 / 2 for euclidean with V the longest gallery feature. The 1.01 covers
   products of the small terms.
3. The reference distance is itself rounded to float32: two of them are in the order of the exact
   ones where those differ by more than 2 r D, D a bound of the distance and
   r = 2^-24 + (d + 8) 2^-52. In terms of s that is at most R = 8 r for cosine (D = 2), and
   2 r (|u| + V)^2 for euclidean.

Two values of s that differ by more than the margin 2 E + 2 R are therefore in the order of the
reference distances. Where lengths are far from 1 a scaled copy of the features is multiplied in
float32 (for euclidean by a power of two, which is exact), so that nothing overflows.

Axes: A queries of a block, B gallery images of a tile, G gallery images, m matches, d dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from harness.evaluation.inputs import PreparedSide
from harness.evaluation.nearness import Fill
from harness.evaluation.threads import in_threads
from harness.types.method import Distance

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

_MODEST = 2.0**40  # lengths within this factor of 1 are multiplied as they are


class Product:
    """The nearness of two sides by their product.

    Args:
        query: The images to search for.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.

    Attributes:
        exact: False: within the margin it decides nothing.
        features: Of the gallery, (G, d), what the reference divides them by, (G,), and half
            the squared lengths where the distance is Euclidean, else 0, (G,).
        cosine: Whether the reference distance is the cosine one.
        scale: (G,), a product is multiplied by this...
        bias: (G,), ...and lessened by this to be a nearness.
    """

    exact = False
    dtype: type[np.float32] | type[np.float64] = np.float32
    width = 1024  # gallery images of a tile: few enough for the processor's cache

    def __init__(self, query: PreparedSide, gallery: PreparedSide, distance: Distance) -> None:
        self._query, self.cosine = query, distance == "cosine"
        self._features = gallery.features
        self._unit = 1.0  # by which features are multiplied
        longest, shortest = float(gallery.lengths.max()), float(gallery.lengths.min())
        self._longest = longest
        ones = np.ones(len(gallery.lengths))
        scale = 1 / gallery.lengths if self.cosine else ones
        if self.cosine and not 1 / _MODEST <= shortest <= longest <= _MODEST:
            self._features = (gallery.features / gallery.lengths[:, None]).astype(np.float32)
            scale = ones
        longest = max(longest, query.lengths.max())
        if not self.cosine and longest and not 1 / _MODEST <= longest <= _MODEST:
            self._unit = 2.0 ** -np.floor(np.log2(longest))
            self._features = (gallery.features * self._unit).astype(np.float32)
        half = 0 * ones if self.cosine else gallery.lengths**2 / 2
        self.features: tuple[npt.NDArray[Any], Float, Float] = (
            gallery.features,
            gallery.scale,
            half,
        )
        self.scale = scale.astype(np.float32)
        self.bias = (half * self._unit**2).astype(np.float32)

    @property
    def bytes_per_query(self) -> int:
        """Working memory for one query: a row of a tile, and its features twice."""
        return 4 * self.width + 12 * int(self._features.shape[1])

    def open(self, queries: slice) -> ProductBlock:
        """Return some queries, ready to be multiplied."""
        reference = self._query.rows(queries)
        features = (reference * self._unit).astype(np.float32)
        return ProductBlock(
            product=self,
            reference=reference,
            features=features,
            margin=self._margin(queries, e=2.0**-24) * self._unit**2,
            fine_margin=self._margin(queries, e=2.0**-53),
        )

    def _margin(self, queries: slice, e: float) -> Float:
        """Return the difference of nearness beyond which the order is certain, (A,).

        Args:
            queries: The queries.
            e: Unit roundoff of the product.
        """
        d = self._features.shape[1]
        g = d * e / (1 - d * e)
        r = 2.0**-24 + (d + 8) * 2.0**-52
        u, longest = self._query.lengths[queries], self._longest
        if self.cosine:
            size, rounding = np.ones(len(u)), np.full(len(u), 8 * r)
        else:
            size, rounding = u * longest + longest**2 / 2, 2 * r * (u + longest) ** 2
        return np.asarray(2 * (1.01 * (g + 8 * e) * size + d * 2.0**-80) + 2 * rounding)

    def part(self, part: slice) -> npt.NDArray[np.floating]:
        """Return the features of a part of the gallery as they are multiplied, (B, d)."""
        return self._features[part].astype(np.float32, copy=False)

    def matches(self, features: Float32, start: Int, match: Int) -> Float32:
        """Return the nearness of queries and each of their matches, (m,)."""
        products = np.empty(len(match), dtype=np.float32)
        loop = partial(_multiply_matches, features, self._features, start, match, products)
        in_threads(loop, len(features))
        return products * self.scale[match] - self.bias[match]


@dataclass(frozen=True, slots=True)
class ProductBlock:
    """Some queries, (A, d), for the reference and for the product, with their margins, (A,)."""

    product: Product
    reference: Float
    features: Float32
    margin: Float
    fine_margin: Float

    def fill(self, part: slice) -> Fill:
        """Return what multiplies the queries and a part of the gallery."""
        gallery = self.product.part(part).T

        def fill(tile: npt.NDArray[np.floating], rows: tuple[int, int]) -> None:
            np.dot(self.features[slice(*rows)], gallery, out=tile[slice(*rows)])

        return fill

    def matches(self, start: Int, match: Int) -> Float32:
        """Return the nearness of each query and each of its matches, (m,).

        Args:
            start: (A + 1,), the matches of query a are match[start[a]:start[a + 1]].
            match: (m,), gallery indices.
        """
        return self.product.matches(self.features, start, match)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _multiply_matches(
    query: npt.NDArray[np.float32],
    features: npt.NDArray[np.floating],
    start: Int,
    match: Int,
    products: npt.NDArray[np.floating],
    rows: tuple[int, int],
) -> None:
    """Write the product of each query of some rows and each of its matches, (m,).

    Summed in any order: the margin covers it.
    """
    for a in range(rows[0], rows[1]):
        for i in range(start[a], start[a + 1]):
            total = np.float32(0)
            row = features[match[i]]
            for d in range(len(row)):
                total += query[a, d] * np.float32(row[d])
            products[i] = total
