"""A pedestrian of `synthped` as a list of tubes: skeleton, garments, head, bag.

Lengths are relative to the body height; space is that of `synthped_canvas`: x to the person's left,
y up, z forward. What lies where in front of what follows from nearness to the camera; the constants
`LEGS` and `UPPER` keep garments of the upper body over the legs that swing beneath them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness_datasets.synthped_canvas import (
    RGB,
    Point,
    Texture,
    Tube,
    band,
    lines,
    patch,
    plain,
    rings,
)
from harness_datasets.synthped_look import COLOURS, Look

LEGS, SKIRT, UPPER, ARMS = -0.06, 0.09, 0.10, 0.105  # added to nearness when parts are sorted

HIP_HEIGHT, THIGH, SHIN, SOLE = 0.515, 0.235, 0.235, 0.035
SHOULDER_HEIGHT, UPPER_ARM, FOREARM = 0.787, 0.155, 0.140
HEM = {"t-shirt": 0.50, "shirt": 0.485, "jacket": 0.46, "coat": 0.27, "vest": 0.51}
SLEEVE = {"t-shirt": 1.0, "shirt": 1.0, "jacket": 1.15, "coat": 1.18, "vest": 1.0}
NECK, WAIST = 0.838, 0.570
CHEST = (0.040, 0.098, 0.107, 0.103, 0.095, 0.088, 0.089)  # half-widths from neck to waist


@dataclass(frozen=True, slots=True)
class Pose:
    """The stance of one picture.

    Attributes:
        phase: Where in the stride, 0 to 2 pi [radians].
        stride: The largest swing of a leg [radians]; near 0 stands still.
        elbow: How far the elbows are bent [radians].
    """

    phase: float
    stride: float
    elbow: float

    @property
    def swing(self) -> float:
        """The angle of the left leg, forward positive [radians]."""
        return self.stride * float(np.sin(self.phase))


def figure(look: Look, pose: Pose) -> list[Tube]:
    """Return the parts of a person in a pose; who wears a long garment takes shorter steps."""
    if look.top == "coat" or look.bottom == "long skirt":
        pose = replace(pose, stride=0.6 * pose.stride)
    top = _top_texture(look)
    return [*_legs(look, pose), *_trunk(look, top), *_arms(look, pose), *_head(look), *_bag(look)]


def _limb(start: Point, length: float, angle: float, splay: float = 0.0) -> Point:
    """Return the end of a limb that hangs from `start`, swung forward and splayed sideways."""
    return (
        start[0] + length * float(np.sin(splay)),
        start[1] - length * float(np.cos(angle)),
        start[2] + length * float(np.sin(angle)),
    )


def _legs(look: Look, pose: Pose) -> list[Tube]:
    lift = _lift(pose)
    return [*_leg(look, pose, 1.0, lift), *_leg(look, pose, -1.0, lift)]


def _knee_bend(pose: Pose, side: float) -> float:
    """Return how far a knee is bent [radians]: most while its leg comes forward."""
    return pose.stride * (0.25 + 0.9 * max(0.0, float(np.cos(pose.phase)) * side))


def _lift(pose: Pose) -> float:
    """Return what the hips sink by so that the lower foot stands on the ground."""
    lows = []
    for side in (1.0, -1.0):
        angle = pose.swing * side
        lows.append(THIGH * np.cos(angle) + SHIN * np.cos(angle - _knee_bend(pose, side)))
    return float(max(lows)) + SOLE - HIP_HEIGHT


def _leg(look: Look, pose: Pose, side: float, lift: float) -> list[Tube]:
    """Return thigh, shin and shoe of the left (side = 1) or right (side = -1) leg."""
    girth, angle = look.build, pose.swing * side
    hip = (0.046 * side * girth, HIP_HEIGHT + lift, 0.0)
    knee = _limb(hip, THIGH, angle)
    tilt = angle - _knee_bend(pose, side)
    ankle = _limb(knee, SHIN, tilt)
    rise = 0.6 * max(0.0, -tilt)  # the heel leaves the ground behind
    heel = (ankle[0], ankle[1] - 0.010 + 0.02 * rise, ankle[2] - 0.018)
    toe = (ankle[0] * 1.15, ankle[1] - 0.014 - 0.06 * rise, ankle[2] + 0.085)
    skin, cloth = plain(COLOURS[look.skin]), plain(COLOURS[look.bottom_colour])
    upper, lower, widths = {
        "trousers": (cloth, cloth, (0.043, 0.034)),
        "wide trousers": (cloth, cloth, (0.047, 0.052)),
        "shorts": (cloth, skin, (0.042, 0.024)),
    }.get(look.bottom, (skin, skin, (0.037, 0.023)))
    folds = 1.0 if lower is cloth else 0.0
    thigh = (0.060 * girth, widths[0] * girth)
    shin = (widths[0] * girth, (widths[0] + 0.004) * girth, widths[1] * girth)
    return [
        Tube(heel, toe, (0.022, 0.026, 0.018), plain(COLOURS[look.shoes]), forward=LEGS - 0.01),
        Tube(knee, ankle, shin, lower, folds=folds, forward=LEGS),
        Tube(hip, knee, thigh, upper, folds=folds, forward=LEGS),
    ]


def _top_texture(look: Look) -> Texture:
    """Return what the trunk wears: the pattern, an opening in front, the straps of a rucksack."""
    texture = _patterned(look, count=8.0 if look.top == "coat" else 5.5)
    second = COLOURS[look.second_colour]
    if look.pattern == "yoke":
        texture = band(texture, second, (0.0, 0.33 if look.top != "coat" else 0.22))
    if look.pattern == "logo":
        texture = patch(texture, second, (0.22, 0.48), (0.0, 0.55))
    if look.top in ("jacket", "vest"):
        texture = patch(texture, second, (0.0, 1.0), (0.0, 0.26))
    if look.bag == "backpack":
        for centre in (-0.62, 0.62):
            texture = patch(texture, COLOURS[look.bag_colour], (0.0, 0.55), (centre, 0.14))
    return texture


def _patterned(look: Look, count: float) -> Texture:
    """Return the cloth of the top, with `count` rings to the tube where it is ringed."""
    texture, second = plain(COLOURS[look.top_colour]), COLOURS[look.second_colour]
    if look.pattern in ("rings", "checks"):
        texture = rings(texture, second, count)
    if look.pattern in ("lines", "checks"):
        texture = lines(texture, second, 14.0)
    return texture


def _trunk(look: Look, texture: Texture) -> list[Tube]:
    """Return neck, hips, skirt and the garment of the upper body."""
    girth, hem = look.build, HEM[look.top]
    cloth = plain(COLOURS[look.bottom_colour])
    parts = [
        Tube((0, 0.885, -0.006), (0, 0.82, -0.006), (0.030, 0.032), plain(COLOURS[look.skin]),
             forward=UPPER - 0.02),
        Tube((0, 0.60, 0), (0, 0.475, 0), (0.086 * girth, 0.094 * girth, 0.088 * girth), cloth,
             depth=0.72, forward=SKIRT - 0.02),
    ]  # fmt: skip
    if look.bottom in ("skirt", "long skirt"):
        low, wide = (0.31, 0.118) if look.bottom == "skirt" else (0.11, 0.135)
        skirt = (0.088 * girth, 0.100 * girth, wide * girth)
        parts.append(
            Tube((0, 0.58, 0), (0, low, 0), skirt, cloth, 0.85, flat=True, folds=1, forward=SKIRT)
        )
    parts.append(
        Tube((0, NECK, 0), (0, hem, 0), _outline(look, hem), texture, 0.66, flat=True, folds=1,
             forward=UPPER)
    )  # fmt: skip
    return parts


def _outline(look: Look, hem: float) -> tuple[float, ...]:
    """Return the half-widths of the upper garment at even steps from the neck to its hem.

    Down to the waist it follows the chest: broad shoulders narrow the waist, and build shows more
    the lower one looks. Below, it widens towards the hem, a long coat the most.
    """
    balance = np.linspace(look.shoulders, 2 - look.shoulders, len(CHEST))
    chest = np.array(CHEST) * balance * look.build ** np.array([0, 0.5, 0.7, 0.9, 1.1, 1.2, 1.2])
    widest = chest[-1] * (1.12 + 0.9 * (0.5 - hem))
    heights = [hem, *np.linspace(WAIST, NECK, len(CHEST))]  # ascending, as np.interp asks
    widths = np.interp(np.linspace(NECK, hem, 14), heights, [widest, *chest[::-1]])
    return tuple(widths * (1.08 if look.top in ("jacket", "coat") else 1.0))


def _arms(look: Look, pose: Pose) -> list[Tube]:
    return [*_arm(look, pose, 1.0), *_arm(look, pose, -1.0)]


def _carrying_side(look: Look) -> float:
    return 1.0 if look.left_handed else -1.0


def _arm(look: Look, pose: Pose, side: float) -> list[Tube]:
    """Return upper arm, forearm and hand; the arm swings against the leg of its side."""
    angle, bend, splay = -0.8 * pose.swing * side, pose.elbow, 0.10 * side * look.build
    if look.bag == "trolley" and side == _carrying_side(look):
        angle, bend, splay = -0.55, 0.0, 0.12 * side
    shoulder = (0.094 * side * look.shoulders * look.build**0.6, SHOULDER_HEIGHT, 0.0)
    elbow = _limb(shoulder, UPPER_ARM, angle, splay)
    wrist = _limb(elbow, FOREARM, angle + bend, -0.3 * splay)
    hand = _limb(wrist, 0.035, angle + bend)
    skin, cloth = plain(COLOURS[look.skin]), _patterned(look, count=3.0)
    if look.top == "vest":
        cloth = plain(COLOURS[look.second_colour])
    upper, fore = cloth, cloth
    if look.top == "t-shirt":
        upper, fore = band(cloth, COLOURS[look.skin], (0.72, 1.1)), skin
    g = look.build**0.8 * SLEEVE[look.top]
    return [
        Tube(wrist, hand, (0.019, 0.021), skin, forward=ARMS),
        Tube(elbow, wrist, (0.027 * g, 0.021 * g), fore, folds=1, forward=ARMS + 0.002),
        Tube(shoulder, elbow, (0.030 * g, 0.031 * g, 0.027 * g), upper, folds=1, forward=ARMS),
    ]


def _head(look: Look) -> list[Tube]:
    """Return head, hair and hat; the face is a hint of eyes and mouth."""
    skin, hair, hat = COLOURS[look.skin], COLOURS[look.hair_colour], COLOURS[look.second_colour]
    dim: RGB = (skin[0] * 0.45, skin[1] * 0.40, skin[2] * 0.40)
    lips: RGB = (skin[0] * 0.75, skin[1] * 0.50, skin[2] * 0.50)
    texture = patch(plain(skin), dim, (0.45, 0.58), (0.45, 0.20))
    texture = patch(texture, dim, (0.45, 0.58), (-0.45, 0.20))
    texture = patch(texture, lips, (0.84, 0.95), (0.0, 0.28))
    if look.hair != "bald":
        texture = patch(texture, hair, (0.0, 0.95), (np.pi, 1.75))
        texture = band(texture, hair, (-0.1, 0.22))
    if look.hat != "none":
        texture = band(texture, hat, (-0.1, 0.34 if look.hat == "cap" else 0.42))
    parts = [
        Tube((0, 0.957, -0.004), (0, 0.898, 0.008), (0.047, 0.051, 0.050, 0.043, 0.033), texture,
             forward=UPPER + 0.01)
    ]  # fmt: skip
    if look.hat == "cap":
        parts += [
            Tube((-0.034, 0.945, z), (0.034, 0.945, z), (0.008, 0.013, 0.008), plain(hat),
                 forward=UPPER)
            for z in (0.050, 0.074)
        ]  # fmt: skip
    if look.hair == "long":
        parts.append(
            Tube((0, 0.945, -0.022), (0, 0.79, -0.075), (0.046, 0.056, 0.054, 0.040), plain(hair),
                 depth=0.7, folds=1, forward=UPPER)
        )  # fmt: skip
    if look.hair == "bun":
        parts.append(
            Tube((0, 0.975, -0.055), (0, 0.96, -0.058), (0.027,), plain(hair), forward=UPPER)
        )
    return parts


def _bag(look: Look) -> list[Tube]:
    """Return what is carried: on the back, at the hip, or pulled along."""
    colour, side = COLOURS[look.bag_colour], _carrying_side(look)
    dark: RGB = (colour[0] * 0.6, colour[1] * 0.6, colour[2] * 0.6)
    body = band(plain(colour), dark, (0.45, 0.52))
    if look.bag == "backpack":
        widths = (0.060, 0.080, 0.084, 0.084, 0.082)
        return [Tube((0, 0.79, -0.115), (0, 0.58, -0.115), widths, body, 0.62, forward=UPPER)]
    if look.bag == "handbag":
        x = 0.135 * side * look.build
        return [
            Tube((0.085 * side, 0.82, 0), (x, 0.56, 0.01), (0.006,), plain(dark),
                 forward=ARMS + 0.01),
            Tube((x, 0.57, 0.01), (x, 0.445, 0.01), (0.045, 0.062, 0.066), body, 1.2, flat=True,
                 forward=ARMS + 0.005),
        ]  # fmt: skip
    if look.bag == "trolley":
        x = 0.150 * side
        return [
            Tube(
                (x, 0.56, -0.16), (x, 0.30, -0.27), (0.006,), plain((0.3, 0.3, 0.3)), forward=ARMS
            ),
            Tube((x, 0.32, -0.27), (x, 0.04, -0.27), (0.070, 0.075, 0.075), body, 0.7, flat=True),
        ]
    return []
