"""What the compiled loops of ranking read and write: a gallery, a block of queries, a tile.

Axes: A queries of a block, B gallery images of a tile, G gallery images, m true matches of the
block, I gallery identities, W places for the nearest, d dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

SAME_CAMERA_MATCH, SAME_CAMERA, NO_CAMERA = 0, 1, 2
"""What is junk, as the loops know it."""

TOP = 10
"""How many nearest images are listed."""

PLACES = 64  # W: the nearest by the tile, with those that the margin leaves in doubt


class Tile(NamedTuple):
    """A part of the gallery beside a block: values (A, B), and the gallery index of column 0."""

    values: npt.NDArray[np.floating]
    begin: int


class Room(NamedTuple):
    """Where the loop over a row of a tile works, each (B,).

    Attributes:
        place: Columns of the candidates.
        nearness: Of the negatives among them.
        before: How many matches each is certainly nearer than.
        not_beyond: How many matches it may be as near as, or nearer than.
    """

    place: Int
    nearness: npt.NDArray[np.floating]
    before: npt.NDArray[np.int32]
    not_beyond: npt.NDArray[np.int32]


class Gallery(NamedTuple):
    """What the loops know of every gallery image, each (G,); `features` is (G, d).

    Attributes:
        features: As given, float32 or float64; (0, 0) where a tile is the truth.
        lengths: By which the features are divided.
        half: Half the squared length where the distance is Euclidean, else 0.
        scale: A product is multiplied by this and lessened by `bias` to be a nearness.
        bias: As above.
        pids: Identities.
        camids: Cameras.
        column: Of the identity in a tally: its place among the identities, or I for a distractor.
    """

    features: npt.NDArray[np.floating]
    lengths: Float
    half: Float
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    pids: Int
    camids: Int
    column: Int


class Block(NamedTuple):
    """A block of queries and what has been counted for it.

    Attributes:
        features: (A, d), divided by their lengths.
        pids: (A,).
        camids: (A,).
        junk: What is junk.
        cosine: Whether the reference distance is the cosine one.
        exact: Whether tiles are the truth.
        margin: (A,), in the unit of the tile; 0 where it is exact.
        fine_margin: (A,), of nearness by a float64 product.
        start: (A + 1,), the matches of query a are start[a]:start[a + 1].
        match: (m,), gallery index of each match, by its nearness in the tile, ascending.
        cut: (m,), nearness of each match.
        fine: (m,), nearness of a match by a float64 product, NaN until it is needed.
        distance: (m,), reference distance of a match, NaN until it is needed.
        bins: (m + A,), negatives that lie before so many matches of a query: n + 1 bins for n.
        equal: (m,), negatives at the reference distance of a match.
        tally: (m + A, I + 1), as `bins`, by identity and with equal ones; (0, 0) where not asked.
        referred: (A,), comparisons that the tile left in doubt.
        near: (A, W), nearness of what may be among the nearest.
        near_index: (A, W), its gallery index.
        kept: (A,), how many of the W places are taken; -1 where they did not suffice.
        floor: (A,), what is below is not among the nearest.
    """

    features: Float
    pids: Int
    camids: Int
    junk: int
    cosine: bool
    exact: bool
    margin: npt.NDArray[np.floating]
    fine_margin: Float
    start: Int
    match: Int
    cut: npt.NDArray[np.floating]
    fine: Float
    distance: Float
    bins: Int
    equal: Int
    tally: npt.NDArray[np.int32]
    referred: Int
    near: npt.NDArray[np.floating]
    near_index: Int
    kept: Int
    floor: Float
