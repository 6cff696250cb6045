"""Who is who in `synthped`: the description of each identity, drawn once from its number.

Colours and garments come from short, uneven lists, as on a street: much black, navy and grey. So
several identities share their main colours, and only pattern, cut, bag, hair or build tells them
apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SEED = 1501

COLOURS: Mapping[str, tuple[float, float, float]] = {
    "black": (0.10, 0.10, 0.11),
    "charcoal": (0.25, 0.26, 0.28),
    "grey": (0.50, 0.51, 0.52),
    "white": (0.90, 0.90, 0.88),
    "navy": (0.12, 0.16, 0.33),
    "blue": (0.20, 0.36, 0.68),
    "sky": (0.55, 0.71, 0.86),
    "red": (0.70, 0.13, 0.14),
    "wine": (0.38, 0.10, 0.17),
    "pink": (0.87, 0.58, 0.65),
    "orange": (0.86, 0.45, 0.15),
    "yellow": (0.88, 0.76, 0.28),
    "green": (0.17, 0.42, 0.24),
    "olive": (0.38, 0.38, 0.21),
    "beige": (0.76, 0.67, 0.52),
    "brown": (0.35, 0.22, 0.14),
    "blond": (0.76, 0.60, 0.34),
    "auburn": (0.42, 0.20, 0.11),
    "silver": (0.66, 0.66, 0.66),
    "pale": (0.92, 0.74, 0.64),
    "tan": (0.79, 0.58, 0.44),
    "dark": (0.46, 0.31, 0.23),
}

Odds = Mapping[str, int]  # how often a choice comes, relative to the others

TOPS: Odds = {"t-shirt": 5, "shirt": 4, "jacket": 5, "coat": 3, "vest": 2}
PATTERNS: Odds = {"plain": 7, "rings": 3, "lines": 2, "checks": 2, "yoke": 3, "logo": 3}
BOTTOMS: Odds = {"trousers": 9, "wide trousers": 3, "shorts": 3, "skirt": 3, "long skirt": 2}
BAGS: Odds = {"none": 7, "backpack": 5, "handbag": 4, "trolley": 2}
HAIRS: Odds = {"short": 8, "long": 6, "bun": 2, "bald": 1}
HATS: Odds = {"none": 9, "cap": 2, "beanie": 2}
UPPER_COLOURS: Odds = {
    "black": 5, "navy": 4, "grey": 4, "white": 4, "red": 3, "blue": 3, "beige": 3, "charcoal": 3,
    "green": 2, "sky": 2, "olive": 2, "wine": 2, "pink": 1, "orange": 1, "yellow": 1, "brown": 1,
}  # fmt: skip
SECOND_COLOURS: Odds = {"white": 4, "black": 3, "red": 2, "grey": 2, "navy": 2, "yellow": 2}
LOWER_COLOURS: Odds = {
    "navy": 5, "black": 5, "charcoal": 4, "blue": 3, "beige": 3, "grey": 2, "olive": 1, "white": 1,
    "brown": 1, "red": 1,
}  # fmt: skip
SHOE_COLOURS: Odds = {"black": 4, "white": 3, "brown": 2, "red": 1, "grey": 1}
BAG_COLOURS: Odds = {"black": 4, "red": 2, "brown": 2, "blue": 2, "green": 1, "beige": 1}
HAIR_COLOURS: Odds = {"black": 4, "brown": 4, "blond": 3, "auburn": 1, "silver": 1}
SKINS: Odds = {"pale": 4, "tan": 4, "dark": 3}


@dataclass(frozen=True, slots=True)
class Look:
    """What stays the same about an identity, whatever camera sees it.

    Attributes:
        top: The garment above the waist.
        top_colour: Its name in `COLOURS`, as of every colour here.
        pattern: What is on it.
        second_colour: The pattern's, and that of what an open jacket shows; never `top_colour`.
        bottom: The garment below the waist.
        bottom_colour: Its colour.
        shoes: Their colour.
        bag: What is carried.
        bag_colour: Its colour.
        hair: How it is worn.
        hair_colour: Its colour.
        hat: What covers it; its colour is `second_colour`.
        skin: Its tone.
        left_handed: On which side a bag is carried.
        height: Relative to the mean.
        build: Girth, relative to the mean.
        shoulders: Their breadth relative to the hips', 1 on average.
    """

    top: str
    top_colour: str
    pattern: str
    second_colour: str
    bottom: str
    bottom_colour: str
    shoes: str
    bag: str
    bag_colour: str
    hair: str
    hair_colour: str
    hat: str
    skin: str
    left_handed: bool
    height: float
    build: float
    shoulders: float


def look_of(pid: int) -> Look:
    """Return the description of an identity; the same number gives the same one everywhere."""
    rng = np.random.default_rng((SEED, pid))

    def one(odds: Odds, besides: str = "") -> str:
        names = [name for name in odds if name != besides]
        marks = np.cumsum([odds[name] for name in names])
        return names[int(np.searchsorted(marks, rng.random() * marks[-1], side="right"))]

    top_colour = one(UPPER_COLOURS)
    return Look(
        top=one(TOPS),
        top_colour=top_colour,
        pattern=one(PATTERNS),
        second_colour=one(SECOND_COLOURS, besides=top_colour),
        bottom=one(BOTTOMS),
        bottom_colour=one(LOWER_COLOURS),
        shoes=one(SHOE_COLOURS),
        bag=one(BAGS),
        bag_colour=one(BAG_COLOURS),
        hair=one(HAIRS),
        hair_colour=one(HAIR_COLOURS),
        hat=one(HATS),
        skin=one(SKINS),
        left_handed=bool(rng.random() < 0.5),
        height=float(rng.uniform(0.92, 1.06)),
        build=float(rng.uniform(0.86, 1.22)),
        shoulders=float(rng.uniform(0.90, 1.10)),
    )
