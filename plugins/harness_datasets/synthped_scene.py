"""The places where the cameras of `synthped` hang: a floor in perspective, and a wall behind it.

A scene is one picture, seen by a pinhole camera above flat ground, with its horizon above the
heads; a person who stands at a row of it is as many pixels high as the perspective says, so that
floor, wall and person agree. Each scene is painted once and cut from many times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from harness_datasets.synthped_canvas import RGB, Array, Mask

SEED = 1502
BODY = 1.72  # a body height [metres]
FINE = 2  # a scene is painted at this multiple of its size and reduced, against jagged edges


@dataclass(frozen=True, slots=True)
class Scene:
    """A place, and how the camera looks at it.

    Attributes:
        size: (height, width) of the picture [pixels].
        horizon: Its row, may lie outside the picture [pixels].
        lens: Height of the lens above the ground [metres].
        wall: How far away the wall stands [metres].
        floor: The colours of the ground at (X to the right, Z away) [metres].
        backdrop: The colours of the wall at (X to the right, Y up) [metres].
    """

    size: tuple[int, int]
    horizon: float
    lens: float
    wall: float
    floor: Callable[[Array, Array], Array]
    backdrop: Callable[[Array, Array], Array]

    @property
    def focal(self) -> float:
        """The focal length [pixels]."""
        return 0.9 * self.size[1]

    @property
    def wall_row(self) -> float:
        """The row where the wall meets the ground [pixels]."""
        return self.horizon + self.focal * self.lens / self.wall

    def body_pixels(self, row: float) -> float:
        """Return how high a person is who stands at a row [pixels]."""
        return BODY * (row - self.horizon) / self.lens

    def cut(
        self, row: float, x: float, foot: tuple[float, float], body: float, size: tuple[int, int]
    ) -> Array:
        """Return what is behind a person who stands somewhere in the scene.

        Args:
            row: The row where the person stands [pixels of the scene].
            x: Where between the left (0) and the right end (1) of the scene.
            foot: Where the person stands in the piece, (x, y) [pixels of the piece].
            body: How high a body is in the piece [pixels of the piece].
            size: (height, width) of the piece.

        Returns:
            (height, width, 3), RGB from 0 to 1.
        """
        zoom = self.body_pixels(row) / body  # pixels of the scene to one of the piece
        height, width = size[0] * zoom, size[1] * zoom
        left = float(np.clip(x * self.size[1] - foot[0] * zoom, 0, self.size[1] - width))
        top = float(np.clip(row - foot[1] * zoom, 0, self.size[0] - height))
        piece = _painted(self).resize(
            (size[1], size[0]), Image.Resampling.BILINEAR, (left, top, left + width, top + height)
        )
        return np.asarray(piece, np.float32) / 255


@cache
def _painted(scene: Scene) -> Image.Image:
    """Return the picture of a scene without people."""
    height, width = scene.size
    rows = np.arange(height * FINE, dtype=np.float32)[:, None] / FINE
    columns = np.arange(width * FINE, dtype=np.float32)[None, :] / FINE - width / 2
    foot = round(scene.wall_row * FINE)  # the first row of the floor
    away = scene.focal * scene.lens / (rows[foot:] - scene.horizon)
    floor = scene.floor(*np.broadcast_arrays(columns * away / scene.focal, away))
    metre = scene.wall / scene.focal  # of the wall to a pixel
    up = scene.lens - (rows[:foot] - scene.horizon) * metre
    wall = scene.backdrop(*np.broadcast_arrays(columns * metre, up))
    dusk = 1 - 0.35 * np.exp(-np.abs(rows - scene.wall_row) / 14)  # where floor and wall meet
    picture = np.concatenate([wall, floor]) * dusk[..., None]
    fine = Image.fromarray(np.uint8(255 * np.clip(picture, 0, 1)))
    return fine.reduce(FINE)


def station() -> Scene:
    """Return a hall with a floor of polished stone, before shop windows."""

    def floor(X: Array, Z: Array) -> Array:
        tiles = _noise(X / 0.6, Z / 0.6, seed=1)
        grain = _noise(X * 40, Z * 14, seed=2)
        joint = _grid(X, 0.6, 0.02) | _grid(Z, 0.6, 0.03)
        light = 1 + 0.06 * tiles + 0.025 * grain - 0.22 * joint
        strip = (np.abs(X + 1.9) < 0.22) | (np.abs(X - 3.4) < 0.22)
        stone: Array = _where(strip, (0.42, 0.38, 0.36), (0.68, 0.62, 0.54)) * light[..., None]
        return stone

    def backdrop(X: Array, Y: Array) -> Array:
        pane = np.floor(X / 2.3)
        glass = (np.abs(X / 2.3 - pane - 0.5) < 0.44) & (Y > 0.35) & (Y < 2.6)
        goods = 0.55 + 0.35 * _cloud(X * 2.2, Y * 1.2, seed=3) + 0.25 * _cloud(X * 9, Y * 4, seed=4)
        shop = _where(glass, (0.50, 0.52, 0.50), (0.40, 0.36, 0.33))
        tint = 1 + 0.25 * _noise(pane, 0 * Y, seed=5)
        return shop * np.where(glass, goods * tint + 0.35, 1.0)[..., None]

    return Scene((430, 720), 55, 3.0, 8.0, floor, backdrop)


def street() -> Scene:
    """Return a pavement of slabs, a carriageway beyond it, and a house of brick."""

    def floor(X: Array, Z: Array) -> Array:
        slab = _noise(X / 0.9, Z / 0.9, seed=6)
        grain = _noise(X * 16, Z * 6, seed=7)
        joint = _grid(X, 0.9, 0.03) | _grid(Z, 0.9, 0.05)
        road = Z > 17.0
        pave = 0.56 * (1 + 0.05 * slab + 0.05 * grain - 0.18 * joint)
        tar = 0.33 * (1 + 0.08 * grain) + 0.35 * ((np.abs(Z - 19.5) < 0.15) & (X % 4 < 2.2))
        kerb = np.abs(Z - 16.9) < 0.14
        grey = np.where(kerb, 0.68, np.where(road, tar, pave))
        return np.broadcast_to(grey[..., None], (*grey.shape, 3))

    def backdrop(X: Array, Y: Array) -> Array:
        course = np.floor(Y / 0.3)
        shifted = X / 0.7 + 0.5 * (course % 2)
        mortar = _grid(Y, 0.3, 0.05) | (shifted % 1 < 0.06)
        light = 1 + 0.16 * _noise(shifted, course, seed=8) + 0.18 * mortar
        door = (np.abs(X % 6.0 - 3.0) < 0.75) & (Y < 2.4)
        house: Array = _where(door, (0.22, 0.26, 0.30), (0.47, 0.31, 0.26)) * light[..., None]
        return house

    return Scene((300, 560), 40, 4.0, 22.0, floor, backdrop)


def park() -> Scene:
    """Return a lawn crossed by a gravel path, with a hedge at its end."""

    def floor(X: Array, Z: Array) -> Array:
        blades = _noise(X * 22, Z * 9, seed=9)
        tufts = _cloud(X * 2.5, Z * 1.6, seed=10) + _cloud(X * 6, Z * 3, seed=11)
        edge = 0.12 * _cloud(Z * 3, 0 * X, seed=12)
        path = np.abs(X - 0.35 * Z + 1.6 + edge) < 1.25
        shade = 1 + 0.16 * blades + 0.09 * tufts
        lawn = np.array((0.47, 0.54, 0.33), np.float32) * shade[..., None]
        gravel = np.array((0.70, 0.62, 0.48), np.float32) * (1 + 0.10 * blades)[..., None]
        return np.where(path[..., None], gravel, lawn)

    def backdrop(X: Array, Y: Array) -> Array:
        leaves = 0.45 * _cloud(X * 14, Y * 14, seed=13) + 0.40 * _cloud(X * 3.1, Y * 3.1, seed=14)
        hedge = np.array((0.28, 0.35, 0.22), np.float32) * (1 + leaves)[..., None]
        trunk = (np.abs(X % 5.0 - 2.1) < 0.17) & (Y > 0.05)
        return np.where(trunk[..., None], np.array((0.30, 0.22, 0.15), np.float32), hedge)

    return Scene((430, 720), 40, 2.9, 9.0, floor, backdrop)


def _noise(x: Array, y: Array, seed: int) -> Array:
    """Return noise from -1 to 1 that is fixed to places, one value to a unit square."""
    table = np.random.default_rng((SEED, seed)).uniform(-1, 1, (64, 64)).astype(np.float32)
    return table[np.floor(y).astype(np.int64) % 64, np.floor(x).astype(np.int64) % 64]


def _cloud(x: Array, y: Array, seed: int) -> Array:
    """Return noise from -1 to 1 that is fixed to places and smooth, one swell to a unit."""
    down, right = y % 1, x % 1
    near = (1 - right) * _noise(x, y, seed) + right * _noise(x + 1, y, seed)
    far = (1 - right) * _noise(x, y + 1, seed) + right * _noise(x + 1, y + 1, seed)
    return (1 - down) * near + down * far


def _grid(place: Array, step: float, width: float) -> Mask:
    """Return where lines lie, `step` apart and `width` broad [both in the unit of `place`]."""
    return place % step < width


def _where(mask: Mask, yes: RGB, no: RGB) -> Array:
    """Return one colour where `mask` holds, another elsewhere, (h, w, 3)."""
    return np.where(mask[..., None], np.array(yes, np.float32), np.array(no, np.float32))
