"""A canvas for `synthped`: shaded tubes, and textures that lie on them.

Everything solid is a *tube*: an axis between two points of space and a half-width that varies
along it. A limb, a torso, a head, a skirt and a rucksack are all tubes. A tube is shaded as the
round body that it is, and its texture turns with the person.

Space is measured in body heights, relative to the person: x to the person's left, y up from the
ground, z forward. *Around* is the angle about the vertical axis [radians], 0 at the person's front,
positive towards the person's left, in (-pi, pi]. *Along* runs from 0 at a tube's start to 1 at its
end; tubes start at the top.

Axes of arrays: h x w pixels of a tube's bounding box, 3 colours (RGB, 0 to 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
RGB = tuple[float, float, float]
Point = tuple[float, float, float]

CONTACT_SHADOW = 0.020  # reach of the shade that a part casts on those behind it [body heights]
CONTACT_STRENGTH = 0.40  # how much of the light it takes at most
FOLD_DEPTH = 0.085  # how much folds of cloth brighten and darken


@dataclass(frozen=True, slots=True)
class Surface:
    """The visible points of a tube, as a texture sees them.

    Attributes:
        along: (h, w), 0 at the start of the tube, 1 at its end.
        around: (h, w), the angle about the body [radians].
    """

    along: Array
    around: Array


Texture = Callable[[Surface], Array]


def plain(colour: RGB) -> Texture:
    """Return a texture of one colour."""
    flat = np.array(colour, np.float32)

    def paint(surface: Surface) -> Array:
        return np.broadcast_to(flat, (*surface.along.shape, 3))

    return paint


def rings(texture: Texture, colour: RGB, count: float) -> Texture:
    """Return `texture` with `count` stripes of `colour` that run around the tube."""

    def paint(surface: Surface) -> Array:
        return _mix(texture(surface), colour, _wave(surface.along * count))

    return paint


def lines(texture: Texture, colour: RGB, count: float) -> Texture:
    """Return `texture` with stripes of `colour` along the tube, `count` in a full turn."""

    def paint(surface: Surface) -> Array:
        return _mix(texture(surface), colour, _wave(surface.around * (count / (2 * np.pi))))

    return paint


def patch(
    texture: Texture, colour: RGB, along: tuple[float, float], around: tuple[float, float]
) -> Texture:
    """Return `texture` with a rectangle of `colour`.

    Args:
        texture: What lies beneath.
        colour: The colour of the rectangle.
        along: From where to where it reaches along the tube.
        around: Its centre and its half-width about the body [radians].
    """
    centre, half = around

    def paint(surface: Surface) -> Array:
        inside = (surface.along > along[0]) & (surface.along < along[1])
        inside &= np.abs(wrapped(surface.around - centre)) < half
        return _mix(texture(surface), colour, inside.astype(np.float32))

    return paint


def band(texture: Texture, colour: RGB, along: tuple[float, float]) -> Texture:
    """Return `texture` with `colour` all around between two places along the tube."""
    return patch(texture, colour, along, (0.0, 4.0))


def wrapped(angle: Array) -> Array:
    """Return the angle [radians] brought into [-pi, pi)."""
    turned: Array = (angle + np.float32(np.pi)) % np.float32(2 * np.pi) - np.float32(np.pi)
    return turned


def _wave(phase: Array) -> Array:
    """Return stripes of period 1, from 0 to 1, with soft edges."""
    stripes: Array = np.clip(0.5 + 2.5 * np.sin(2 * np.pi * phase), 0, 1)
    return stripes


def _mix(under: Array, colour: RGB, weight: Array) -> Array:
    """Return `under` (h, w, 3) replaced by `colour` to the degree of `weight` (h, w)."""
    w = weight[..., None]
    mixed: Array = under * (1 - w) + np.array(colour, np.float32) * w
    return mixed


@dataclass(frozen=True, slots=True)
class Tube:
    """A part of a figure.

    Attributes:
        start: One end of its axis, the upper one where there is an upper one.
        end: The other end.
        widths: Half-widths at even steps from start to end [body heights], seen from the front.
        texture: What is painted on it.
        depth: Its half-width seen from the side, relative to that from the front.
        flat: Whether it ends in a straight cut (a hem, a bag) or in a round cap (a limb).
        folds: How strongly cloth folds show, 0 to 1.
        forward: Added to its nearness when parts are sorted from far to near [body heights].
    """

    start: Point
    end: Point
    widths: tuple[float, ...]
    texture: Texture
    depth: float = 1.0
    flat: bool = False
    folds: float = 0.0
    forward: float = 0.0


@dataclass(frozen=True, slots=True)
class View:
    """From where a figure is seen, how large, and in what light.

    Attributes:
        yaw: Where the person faces [radians]: 0 towards the camera, positive towards the right of
            the picture, pi away.
        pitch: How far the camera looks down [radians].
        scale: Pixels to a body height.
        foot: Where on the canvas the person stands, (x, y) [pixels].
        light: Direction towards the light, (right, near) of the picture; a unit vector.
        ambient: Light that comes from everywhere; the rest, to 1, comes from the direction.
        crease: Phases of the folds [radians], so that no two pictures have the same.
    """

    yaw: float
    pitch: float
    scale: float
    foot: tuple[float, float]
    light: tuple[float, float]
    ambient: float
    crease: tuple[float, float]

    def project(self, point: Point) -> tuple[float, float]:
        """Return where a point of space falls on the canvas, (x, y) [pixels]."""
        x, y, z = point
        right = x * np.cos(self.yaw) + z * np.sin(self.yaw)
        up = y * np.cos(self.pitch) - self.nearness(point) * np.sin(self.pitch)
        return self.foot[0] + float(right) * self.scale, self.foot[1] - float(up) * self.scale

    def nearness(self, point: Point) -> float:
        """Return how much nearer to the camera than the person's axis a point is."""
        return float(point[2] * np.cos(self.yaw) - point[0] * np.sin(self.yaw))


class Canvas:
    """A picture of one figure, its colours multiplied by its coverage.

    Attributes:
        colour: (H, W, 3), RGB times coverage.
        cover: (H, W), 0 where the background shows, 1 where the figure hides it.
    """

    def __init__(self, height: int, width: int) -> None:
        self.colour: Array = np.zeros((height, width, 3), np.float32)
        self.cover: Array = np.zeros((height, width), np.float32)

    def draw_all(self, tubes: list[Tube], view: View) -> None:
        """Draw the parts of a figure, the farthest first."""

        def nearness(tube: Tube) -> float:
            return (view.nearness(tube.start) + view.nearness(tube.end)) / 2 + tube.forward

        for tube in sorted(tubes, key=nearness):
            self._draw(tube, view)

    def _draw(self, tube: Tube, view: View) -> None:
        a, b = np.array(view.project(tube.start)), np.array(view.project(tube.end))
        turn = float(np.hypot(np.cos(view.yaw), tube.depth * np.sin(view.yaw)))
        widths = np.array(tube.widths, np.float32) * np.float32(turn * view.scale)  # [pixels]
        reach = CONTACT_SHADOW * view.scale
        margin = float(widths.max()) + reach + 1
        height, width = self.cover.shape
        left, top = np.clip(np.floor(np.minimum(a, b) - margin), 0, (width, height)).astype(int)
        right, low = np.clip(np.ceil(np.maximum(a, b) + margin), 0, (width, height)).astype(int)
        if right <= left or low <= top:
            return  # wholly outside the picture
        x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(a[0])
        y = np.arange(top, low, dtype=np.float32)[:, None] - np.float32(a[1])
        along, across, distance = _coordinates(x, y, b - a, widths, flat=tube.flat)
        around = wrapped(np.arcsin(across) - np.float32(view.yaw))
        light = _light(along, across, view, tube.folds)
        surface = tube.texture(Surface(along, around)) * light[..., None]
        shade = CONTACT_STRENGTH * np.clip(1 - distance / np.float32(reach), 0, 1)
        if not tube.flat:
            shade *= (along > 0) & (along < 1)  # no ring where one limb goes on into the next
        self._lay((slice(top, low), slice(left, right)), surface, distance, shade)

    def _lay(self, box: tuple[slice, slice], surface: Array, distance: Array, shade: Array) -> None:
        """Lay a part over what stands, with the shade that it casts on it."""
        alpha = np.clip(0.5 - distance, 0, 1)
        keep = 1 - alpha
        self.colour[box] *= ((1 - shade) * keep)[..., None]
        self.colour[box] += surface * alpha[..., None]
        self.cover[box] *= keep
        self.cover[box] += alpha


def _coordinates(
    x: Array, y: Array, axis: Array, widths: Array, *, flat: bool
) -> tuple[Array, Array, Array]:
    """Return a tube's own coordinates of pixels.

    Args:
        x: (1, w), pixels to the right of the tube's start.
        y: (h, 1), pixels below it.
        axis: From start to end, (x, y) [pixels].
        widths: Half-widths at even steps [pixels].
        flat: Whether the ends are cut straight.

    Returns:
        along (h, w) from 0 to 1; across (h, w) from -1 at the left edge to 1 at the right one of a
        tube that points down; the signed distance to the outline [pixels], negative inside.
    """
    length = max(float(np.hypot(axis[0], axis[1])), 1.0)
    ux, uy = np.float32(axis[0] / length), np.float32(axis[1] / length)
    on = (x * ux + y * uy) / np.float32(length)
    side = x * uy - y * ux
    along = np.clip(on, 0, 1)
    steps = len(widths) - 1
    half = np.interp(along * steps, range(steps + 1), np.maximum(widths, 0.5)).astype(np.float32)
    beyond = (np.abs(on - np.float32(0.5)) - np.float32(0.5)) * np.float32(length)
    if flat:
        distance = np.maximum(np.abs(side) - half, beyond)
    else:
        distance = np.hypot(side, np.maximum(beyond, 0)) - half
    return along, np.clip(side / half, -1, 1), distance


def _light(along: Array, across: Array, view: View, folds: float) -> Array:
    """Return how bright the points of a tube are: Lambert's law on a cylinder, and folds."""
    normal_near = np.sqrt(1 - across * across)
    lambert = np.clip(across * view.light[0] + normal_near * view.light[1], 0, 1)
    light = view.ambient + (1 - view.ambient) * lambert
    if folds:
        bend = 1.6 * np.sin(8 * along + view.crease[1])
        wave = np.sin(9 * along + 2.5 * across + bend + view.crease[0])
        light = light * (1 + (FOLD_DEPTH * folds) * wave)
    shade: Array = light.astype(np.float32, copy=False)
    return shade
