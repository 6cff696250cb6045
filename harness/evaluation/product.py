"""Nearness by a float32 product, with the margin inside which it decides nothing.

Let u and v be a query and a gallery feature as the reference distance takes them: as they are for
`euclidean`, of unit length for `cosine`, whose reference is |u - v|^2 / 2. Both grow with |u - v|,
so neither changes its order when one vector c is taken from all features, nor when all of them are
multiplied by a power of two w. Features of a network often point nearly all one way; what is left
of them without their mean c is a hundredth, and so is the error of its product. With

    u' = w (u - c),   v' = w (v - c),   s = u'.v' - |v'|^2 / 2 = (|u'|^2 - |u' - v'|^2) / 2

a larger s is a smaller distance. It is computed with d dimensions in float32, unit roundoff
e = 2^-24. Let g = d e / (1 - d e), U = |u'|, V the largest |v'|, and L the largest of w |u|, w |v|.

1. A sum of d products, in whatever order and with or without fused multiply-adds, is off by at most
   g sum |u'_i v'_i| <= g |u'| |v'| (Higham, Accuracy and Stability, 2nd ed., eq. 3.5 and section
   3.1, with Cauchy-Schwarz). Rounding u', v', the bias, the result and a bound drawn around it to
   float32 adds at most 10 e of the sizes that are added, computing u' and v' in float64 before that
   at most 8 2^-52 L (U + V), and products that underflow at most d 2^-80. So s is off by at most

       E = 1.01 (g U V + 10 e (U V + V^2 / 2)) + 8 2^-52 L (U + V) + d 2^-80,

   where the 1.01 covers products of the small terms.
2. The reference distance is itself computed in float64 and rounded to float32, together relatively
   right to r = 2^-24 + (d + 8) 2^-52: two of them are in the order of the exact ones where those
   differ by more than r times their sum, or by 2^-149 where float32 has no finer steps. In terms of
   s that is at most R = 2 r (U + V)^2 + w 2^-148 (U + V) + w^2 2^-148.

Two values of s that differ by more than the margin 2 E + 2 R are therefore in the order of the
reference distances. What that leaves in doubt is looked at again by s = u.v - |v|^2 / 2 in float64,
e = 2^-53, with 2.02 (g |u| |v| + 10 e (|u| |v| + |v|^2 / 2)) + 2 d e |v|^2 in the place of E: the
lengths are themselves sums of d squares, and that of a cosine feature is one only up to them.

Axes: A queries of a block, B gallery images of a tile, G gallery images, m matches, d dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from harness.evaluation.inputs import PreparedSide
from harness.evaluation.nearness import MEMORY, Fill
from harness.evaluation.threads import in_threads
from harness.types.method import Distance

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

_ALL_IN_DOUBT = 1e30  # a margin that no nearness exceeds: U and V are at most 2
_SAMPLE = 1024  # gallery features whose mean is c


class Centred(NamedTuple):
    """Features as they are multiplied: features * factor - shift.

    Attributes:
        features: (N, d), as given.
        factor: (N,), w over the length by which the feature is divided.
        shift: (d,), w c.
    """

    features: npt.NDArray[Any]
    factor: Float
    shift: Float


class Product:
    """The nearness of two sides by their product.

    Args:
        query: The images to search for.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.
        max_memory: Bytes of working memory, of which tiles take an eighth.

    Attributes:
        exact: False: within the margin it decides nothing.
        features: Of the gallery, (G, d), what the reference divides them by, (G,), and half
            the squared lengths where the distance is Euclidean, else 0, (G,).
        cosine: Whether the reference distance is the cosine one.
        scale: (G,), a product is multiplied by this, 1...
        bias: (G,), ...and lessened by this to be a nearness.
    """

    exact = False
    dtype: type[np.float32] | type[np.float64] = np.float32
    width = 1024  # gallery images of a tile: few enough for the processor's cache

    def __init__(
        self,
        query: PreparedSide,
        gallery: PreparedSide,
        distance: Distance,
        max_memory: int = MEMORY,
    ) -> None:
        self._query, self.cosine = query, distance == "cosine"
        size, self._dimensions = gallery.features.shape
        eighth = max_memory // (8 * self._dimensions)  # bytes for each dimension
        self.width = max(min(self.width, eighth // 4), 1)
        sample = np.linspace(0, size - 1, max(min(size, _SAMPLE, eighth // 16), 1)).astype(np.int64)
        centre = gallery.rows(sample).mean(axis=0)
        u = _lengths(Centred(query.features, 1 / query.scale, centre))
        v = _lengths(Centred(gallery.features, 1 / gallery.scale, centre))
        longest = max(u.max(), v.max())
        self.unit = float(2.0 ** min(-np.floor(np.log2(longest)), 200)) if longest > 0 else 1.0
        self.gallery = Centred(gallery.features, self.unit / gallery.scale, centre * self.unit)
        self._centred_lengths, self._longest_centred = u, v.max()
        self._longest = (gallery.lengths / gallery.scale).max()
        half = np.zeros(size) if self.cosine else gallery.lengths**2 / 2
        self.features: tuple[npt.NDArray[Any], Float, Float] = (
            gallery.features,
            gallery.scale,
            half,
        )
        self.scale = np.ones(size, dtype=np.float32)
        self.bias = ((v * self.unit) ** 2 / 2).astype(np.float32)

    @property
    def fixed_bytes(self) -> int:
        """Working memory whatever the queries: a part of the gallery as it is multiplied."""
        return 4 * self.width * int(self._dimensions)

    @property
    def bytes_per_query(self) -> int:
        """Working memory for one query: a row of a tile, and its features while they are made."""
        return 4 * self.width + 12 * int(self._dimensions)

    def open(self, queries: slice) -> ProductBlock:
        """Return some queries, ready to be multiplied."""
        given, scale = self._query.features[queries], self._query.scale[queries]
        reference = np.empty(given.shape)
        in_threads(partial(_divide, given, scale, reference), len(given))
        features = _centred(Centred(reference, np.full(len(given), self.unit), self.gallery.shift))
        margin, fine_margin = self._margins(queries)
        return ProductBlock(self, reference, features, margin.astype(np.float32), fine_margin)

    def _margins(self, queries: slice) -> tuple[Float, Float]:
        """Return the differences of nearness beyond which the order is certain, (A,) each.

        Of the float32 product of centred features, and of the float64 product of features.
        """
        d, w = self._dimensions, self.unit
        r = 2.0**-24 + (d + 8) * 2.0**-52
        U, V = self._centred_lengths[queries], self._longest_centred
        u, v = self._query.lengths[queries] / self._query.scale[queries], self._longest
        R = 2 * r * (U + V) ** 2 + 2.0**-148 * (U + V + 1)
        E = 1.01 * _error(d, 2.0**-24, U * V, V**2 / 2)
        E += 8 * 2.0**-52 * np.maximum(u, v) * (U + V)
        fine = 2.02 * _error(d, 2.0**-53, u * v, v**2 / 2) + 2 * d * 2.0**-53 * v**2
        margin = np.minimum(2 * (E + R) * w**2 + 2 * d * 2.0**-80, _ALL_IN_DOUBT)
        return margin, np.asarray(2 * (fine + R))

    def part(self, part: slice) -> Float32:
        """Return the features of a part of the gallery as they are multiplied, (B, d)."""
        features, factor, shift = self.gallery
        return _centred(Centred(features[part], factor[part], shift))

    def matches(self, features: Float32, start: Int, match: Int) -> Float32:
        """Return the nearness of queries and each of their matches, (m,)."""
        products = np.empty(len(match), dtype=np.float32)
        loop = partial(_multiply_matches, features, self.gallery, start, match, products)
        in_threads(loop, len(features))
        return products - self.bias[match]


@dataclass(frozen=True, slots=True)
class ProductBlock:
    """Some queries, (A, d), for the reference and for the product, with their margins, (A,)."""

    product: Product
    reference: Float
    features: Float32
    margin: Float32
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


def _error(d: int, e: float, product: Float, bias: Float) -> Float:
    """Return g product + 10 e (product + bias): what a nearness of these sizes is off by."""
    g = d * e / (1 - d * e)
    return g * product + 10 * e * (product + bias)


def _centred(side: Centred) -> Float32:
    """Return features as they are multiplied, (N, d)."""
    centred = np.empty(side.features.shape, dtype=np.float32)
    in_threads(partial(_centre, side, centred), len(centred))
    return centred


def _lengths(side: Centred) -> Float:
    """Return the lengths of centred features, (N,)."""
    squared = np.empty(len(side.features))
    in_threads(partial(_square_lengths, side, squared), len(side.features))
    return np.sqrt(squared)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _square_lengths(side: Centred, squared: Float, rows: tuple[int, int]) -> None:
    """Write the squared lengths of some centred features, (N,)."""
    for n in range(rows[0], rows[1]):
        row, factor, total = side.features[n], side.factor[n], 0.0
        for i in range(len(row)):
            total += (row[i] * factor - side.shift[i]) ** 2
        squared[n] = total


@njit(cache=True, nogil=True)
def _divide(
    features: npt.NDArray[Any], scale: Float, divided: Float, rows: tuple[int, int]
) -> None:
    """Write some features over their scale, (N, d), as `PreparedSide.rows` does."""
    for n in range(rows[0], rows[1]):
        for i in range(features.shape[1]):
            divided[n, i] = features[n, i] / scale[n]


@njit(cache=True, nogil=True)
def _centre(side: Centred, centred: Float32, rows: tuple[int, int]) -> None:
    """Write some centred features, (N, d)."""
    for n in range(rows[0], rows[1]):
        row, factor = side.features[n], side.factor[n]
        for i in range(len(row)):
            centred[n, i] = row[i] * factor - side.shift[i]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _multiply_matches(
    query: Float32,
    gallery: Centred,
    start: Int,
    match: Int,
    products: Float32,
    rows: tuple[int, int],
) -> None:
    """Write the product of each query of some rows and each of its matches, (m,).

    Summed in any order: the margin covers it.
    """
    for a in range(rows[0], rows[1]):
        for m in range(start[a], start[a + 1]):
            row, factor = gallery.features[match[m]], gallery.factor[match[m]]
            total = np.float32(0)
            for i in range(len(row)):
                total += query[a, i] * np.float32(row[i] * factor - gallery.shift[i])
            products[m] = total
