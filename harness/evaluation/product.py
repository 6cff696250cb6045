"""Nearness by a float32 product, with the margin inside which it decides nothing.

The nearness of a query u and a gallery feature v is, in exact arithmetic,

    cosine:     s = u.v / (|u| |v|)     = 1 - distance
    euclidean:  s = u.v - |v|^2 / 2     = (|u|^2 - distance^2) / 2

so that a larger s is a smaller distance. It is computed in float32, unit roundoff e = 2^-24, with d
dimensions and g = d e / (1 - d e):

1. A sum of d products, in whatever order and with or without fused multiply-adds, is off by at most
   g sum |u_i v_i| <= g |u| |v| (Higham, Accuracy and Stability, 2nd ed., eq. 3.5 and section 3.1,
   with Cauchy-Schwarz). Rounding u, v, the scale, the bias and the result to float32 adds at most
   8 e of the same product, and products that underflow at most d 2^-80.
2. So s is off by at most E = 1.01 (g + 8 e) P + d 2^-80, where P bounds the sizes of what is added:
   1 for cosine, |u| V + V^2 / 2 for euclidean with V the longest gallery feature. The 1.01 covers
   products of the small terms.
3. The reference distance is itself rounded: two of them are in the order of the exact ones where
   those differ by more than 2 r D, D a bound of the distance and r = e + (d + 8) 2^-52. In terms
   of s that is at most R = 8 r for cosine (D = 2), and 2 r (|u| + V)^2 for euclidean.

Two values of s that differ by more than the margin 2 E + 2 R are therefore in the order of the
reference distances. Where lengths are far from 1 a scaled copy of the features is multiplied (for
euclidean by a power of two, which is exact), so that nothing overflows.

Axes: A queries of a block, B gallery images of a tile, G gallery images, m matches, d dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from harness.evaluation.inputs import PreparedSide
from harness.evaluation.kernels import match_products
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
        features: Of the gallery, (G, d), and what the reference divides them by, (G,).
        cosine: Whether the reference distance is the cosine one.
        scale: (G,), a product is multiplied by this...
        bias: (G,), ...and lessened by this to be a nearness.
    """

    exact = False
    dtype = np.float32
    width = 1024  # gallery images of a tile: few enough for the processor's cache

    def __init__(self, query: PreparedSide, gallery: PreparedSide, distance: Distance) -> None:
        self._query, self.cosine = query, distance == "cosine"
        self.features = gallery.features, gallery.scale
        self._features = gallery.features
        self._unit = 1.0  # by which features are multiplied
        longest, shortest = gallery.lengths.max(), gallery.lengths.min()
        ones = np.ones(len(gallery.lengths))
        scale = 1 / gallery.lengths if self.cosine else ones
        if self.cosine and not 1 / _MODEST <= shortest <= longest <= _MODEST:
            self._features = (gallery.features / gallery.lengths[:, None]).astype(np.float32)
            scale = ones
        longest = max(longest, query.lengths.max())
        if not self.cosine and longest and not 1 / _MODEST <= longest <= _MODEST:
            self._unit = 2.0 ** -np.floor(np.log2(longest))
            self._features = (gallery.features * self._unit).astype(np.float32)
        self._gallery_lengths = gallery.lengths * self._unit
        self.scale = scale.astype(np.float32)
        bias = 0 * ones if self.cosine else self._gallery_lengths**2 / 2
        self.bias = bias.astype(np.float32)

    @property
    def bytes_per_query(self) -> int:
        """Working memory for one query: a row of a tile, and its features twice."""
        return 4 * self.width + 12 * self._features.shape[1]

    def open(self, queries: slice) -> ProductBlock:
        """Return some queries, ready to be multiplied."""
        reference = self._query.rows(queries)
        features = (reference * self._unit).astype(np.float32)
        return ProductBlock(self, reference, features, self._margin(queries))

    def _margin(self, queries: slice) -> Float:
        """Return the difference of nearness beyond which the order is certain, (A,)."""
        d = self._features.shape[1]
        e = 2.0**-24
        g = d * e / (1 - d * e)
        r = e + (d + 8) * 2.0**-52
        lengths = self._query.lengths[queries] * self._unit
        longest = self._gallery_lengths.max()
        if self.cosine:
            P, R = np.ones(len(lengths)), np.full(len(lengths), 8 * r)
        else:
            P, R = lengths * longest + longest**2 / 2, 2 * r * (lengths + longest) ** 2
        E = 1.01 * (g + 8 * e) * P + d * 2.0**-80
        return np.asarray(2 * E + 2 * R)

    def part(self, part: slice) -> npt.NDArray[np.floating]:
        """Return the features of a part of the gallery as they are multiplied, (B, d)."""
        return self._features[part].astype(np.float32, copy=False)

    def matches(self, features: Float32, start: Int, match: Int) -> Float32:
        """Return the nearness of queries and each of their matches, (m,)."""
        products = np.empty(len(match), dtype=np.float32)
        loop = partial(match_products, features, self._features, start, match, products)
        in_threads(loop, len(features))
        return products * self.scale[match] - self.bias[match]


@dataclass(frozen=True, slots=True)
class ProductBlock:
    """Some queries: as the reference takes them and as they are multiplied, (A, d), their margin."""

    product: Product
    reference: Float
    features: Float32
    margin: Float

    def tile(self, part: slice, room: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Return the products of the queries and a part of the gallery, (A, B).

        Args:
            part: Of the gallery.
            room: At least A x B numbers, flat, to write to.
        """
        gallery = self.product.part(part)
        shape = len(self.features), len(gallery)
        return np.dot(self.features, gallery.T, out=room[: shape[0] * shape[1]].reshape(shape))

    def matches(self, start: Int, match: Int) -> Float32:
        """Return the nearness of each query and each of its matches, (m,).

        Args:
            start: (A + 1,), the matches of query a are match[start[a]:start[a + 1]].
            match: (m,), gallery indices.
        """
        return self.product.matches(self.features, start, match)
