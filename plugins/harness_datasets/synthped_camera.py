"""The three cameras of `synthped`, and how one of them takes a picture of a person.

Camera 1 looks down a hall at people who come towards it, near and in high resolution. Camera 2
hangs far down a street: people are 32 to 48 pixels high, mostly seen from behind, bluish, flat and
blurred. Camera 3 stands in a park and sees people pass from the side in warm light. The pixels of
camera 2 are low in resolution as captured; there is no sharp original of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from harness_datasets.synthped_canvas import RGB, Array, Canvas, View
from harness_datasets.synthped_figure import Pose, figure
from harness_datasets.synthped_look import Look
from harness_datasets.synthped_scene import Scene, park, station, street


@dataclass(frozen=True, slots=True)
class Camera:
    """A place, a lens and a sensor.

    Attributes:
        scene: Where it hangs.
        heights: The smallest and the largest crop [pixels].
        aspect: The smallest and the largest width of a crop, relative to its height.
        fine: People are drawn at this multiple of the crop.
        yaws: Where people mostly face [radians]; each picture takes one of these.
        turn: How far they turn from it, at most [radians].
        pitch: How far it looks down [radians].
        light: The angle of the light to the right of the camera [radians].
        ambient: The part of the light that has no direction.
        sun: Strength of the long shadow on the ground, 0 to 1; it falls away from the light.
        gain: What the sensor makes of red, green and blue.
        saturation: How much of the colours is left; 1 is all.
        haze: How much of `gain`'s grey lies over everything.
        gamma: Above 1 darkens the middle tones.
        exposure: By how much the brightness of pictures differs [relative].
        blur: Of the lens, standard deviation [pixels of the crop].
        noise: Of the sensor, standard deviation [fraction of full scale].
        quality: Of the JPEG compression on the way.
    """

    scene: Scene
    heights: tuple[int, int]
    aspect: tuple[float, float]
    fine: float
    yaws: tuple[float, ...]
    turn: float
    pitch: float
    light: float
    ambient: float
    sun: float
    gain: RGB
    saturation: float
    haze: float
    gamma: float
    exposure: float
    blur: float
    noise: float
    quality: int


CAMERAS: Mapping[int, Camera] = {
    1: Camera(
        scene=station(), heights=(128, 144), aspect=(0.36, 0.42), fine=1.5,
        yaws=(0.0,), turn=0.75, pitch=0.22, light=-0.7, ambient=0.55, sun=0.0,
        gain=(1.05, 1.0, 0.90), saturation=0.95, haze=0.03, gamma=1.0, exposure=0.08,
        blur=0.45, noise=0.012, quality=88,
    ),
    2: Camera(
        scene=street(), heights=(32, 48), aspect=(0.36, 0.42), fine=3.0,
        yaws=(np.pi, np.pi, 0.0), turn=0.75, pitch=0.12, light=0.5, ambient=0.70, sun=0.15,
        gain=(0.95, 1.0, 1.05), saturation=0.85, haze=0.05, gamma=0.95, exposure=0.06,
        blur=0.80, noise=0.016, quality=75,
    ),
    3: Camera(
        scene=park(), heights=(128, 144), aspect=(0.42, 0.48), fine=1.5,
        yaws=(1.15, -1.15), turn=0.55, pitch=0.16, light=1.0, ambient=0.45, sun=0.55,
        gain=(1.08, 1.01, 0.88), saturation=1.05, haze=0.0, gamma=1.05, exposure=0.08,
        blur=0.6, noise=0.014, quality=85,
    ),
}  # fmt: skip


def photograph(camera: Camera, look: Look, rng: np.random.Generator) -> Image.Image:
    """Return a picture of a person as one camera crops it, RGB; `rng` draws all that varies."""
    height = int(rng.integers(camera.heights[0], camera.heights[1] + 1))
    width = round(height * rng.uniform(*camera.aspect))
    size = round(height * camera.fine), round(width * camera.fine)
    foot = size[1] * rng.uniform(0.45, 0.55), size[0] * rng.uniform(0.955, 0.98)
    scale = size[0] * rng.uniform(0.89, 0.93) * look.height**0.6
    canvas = Canvas(*size)
    canvas.draw_all(figure(look, _pose(rng)), _view(camera, foot, scale, rng))
    row = rng.uniform(camera.scene.wall_row + 25, camera.scene.size[0] - 12)
    behind = camera.scene.cut(row, rng.random(), foot, scale, size)
    behind *= _ground_light(camera, canvas, foot)[..., None]
    seen = behind * (1 - canvas.cover)[..., None] + canvas.colour
    return _develop(camera, seen, (width, height), rng)


def _pose(rng: np.random.Generator) -> Pose:
    """Return a stance: three of four people walk, the fourth stands."""
    stride = rng.uniform(0.22, 0.42) if rng.random() < 0.75 else rng.uniform(0.02, 0.08)
    return Pose(rng.uniform(0, 2 * np.pi), stride, rng.uniform(0.1, 0.5))


def _view(
    camera: Camera, foot: tuple[float, float], scale: float, rng: np.random.Generator
) -> View:
    facing = camera.yaws[int(rng.integers(len(camera.yaws)))]
    return View(
        yaw=facing + rng.uniform(-camera.turn, camera.turn),
        pitch=camera.pitch,
        scale=scale,
        foot=foot,
        light=(float(np.sin(camera.light)), float(np.cos(camera.light))),
        ambient=camera.ambient,
        crease=(rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)),
    )


def _ground_light(camera: Camera, canvas: Canvas, foot: tuple[float, float]) -> Array:
    """Return how much light reaches the ground around a person, (h, w), 0 to 1."""
    reach = 0.01 * canvas.cover.shape[0]
    light = 1 - 0.65 * _cast(canvas, foot, rise=0.05, lean=0.0, blur=1.5 * reach)
    if camera.sun:
        lean = -0.9 * float(np.sin(camera.light))
        light *= 1 - camera.sun * _cast(canvas, foot, rise=0.28, lean=lean, blur=0.8 * reach)
    return light


def _cast(
    canvas: Canvas, foot: tuple[float, float], rise: float, lean: float, blur: float
) -> Array:
    """Return the shadow of a figure on the ground, 0 to 1: its outline laid down flat.

    A point at height u above the foot falls on the ground `lean` u to the right and `rise` u above
    the foot in the picture.
    """
    slope = lean / rise
    outline = Image.fromarray(np.uint8(255 * np.clip(canvas.cover, 0, 1)))
    back = (1.0, slope, -slope * foot[1], 0.0, 1 / rise, foot[1] * (1 - 1 / rise))
    flat = outline.transform(outline.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
    return np.asarray(flat.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255


def _develop(
    camera: Camera, seen: Array, size: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """Return what sensor, lens and compression make of a scene; `size` is (width, height)."""
    gain = np.array(camera.gain, np.float32) * np.float32(1 + rng.uniform(-1, 1) * camera.exposure)
    grey = seen.mean(axis=2, keepdims=True)
    light = (grey + camera.saturation * (seen - grey)) * gain
    light = light * (1 - camera.haze) + camera.haze * 0.75 * gain
    fine = Image.fromarray(np.uint8(255 * np.clip(light, 0, 1) ** camera.gamma))
    small = fine.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(camera.blur))
    noise = rng.normal(0, 255 * camera.noise, (size[1], size[0], 3))
    noisy = Image.fromarray(np.uint8(np.clip(np.asarray(small) + noise, 0, 255)))
    sent = io.BytesIO()
    noisy.save(sent, "JPEG", quality=camera.quality)
    return Image.open(sent).convert("RGB")
