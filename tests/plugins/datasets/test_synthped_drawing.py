"""The pedestrians of `synthped` obey geometry: tubes, perspective, gait, light."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pixels import read_image
from harness_datasets.synthped import read
from harness_datasets.synthped_camera import CAMERAS
from harness_datasets.synthped_canvas import (
    RGB,
    Array,
    Canvas,
    Tube,
    View,
    band,
    lines,
    patch,
    plain,
    rings,
    wrapped,
)
from harness_datasets.synthped_figure import Pose, figure
from harness_datasets.synthped_look import BAGS, BOTTOMS, HAIRS, HATS, TOPS, Look, look_of

RED: RGB = (1.0, 0.0, 0.0)
WHITE: RGB = (1.0, 1.0, 1.0)
VIEW = View(
    yaw=0, pitch=0, scale=100, foot=(50, 110), light=(0, 1), ambient=1, crease=(0, 0)
)  # fmt: skip
# 1 unit is 100 pixels; the point (0, 0, 0) falls on (50, 110); light from everywhere


def drawn(*tubes: Tube, view: View = VIEW) -> Canvas:
    canvas = Canvas(120, 100)
    canvas.draw_all(list(tubes), view)
    return canvas


def column_of(red: Array) -> float:
    """Return the mean column of what is red and not white."""
    weight = (red[..., 0] - red[..., 1]).sum(axis=0)
    return float((weight * np.arange(len(weight))).sum() / weight.sum())


def test_the_area_of_a_tube() -> None:
    """A cut tube covers a rectangle, a round one two half discs more."""
    # half-width 0.1 -> 10 px, length 0.6 -> 60 px: 20 x 60 = 1200; round ends add pi x 10^2 = 314
    cut = Tube((0, 0.8, 0), (0, 0.2, 0), (0.1, 0.1), plain(WHITE), flat=True)
    assert drawn(cut).cover.sum() == pytest.approx(1200, rel=0.02)
    assert drawn(replace(cut, flat=False)).cover.sum() == pytest.approx(1514, rel=0.02)


def test_a_tube_is_what_lies_within_its_half_width() -> None:
    """The coverage equals, pixel by pixel, the distance to the axis computed in a loop."""
    tube = Tube((-0.2, 0.8, 0), (0.25, 0.3, 0), (0.08, 0.08), plain(WHITE))
    cover = drawn(tube).cover
    ax, ay, bx, by = 30.0, 30.0, 75.0, 80.0  # the ends in pixels
    for y in range(0, 120, 3):
        for x in range(0, 100, 3):
            t = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
            t = min(max(t, 0), 1)
            distance = math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) - 8
            assert cover[y, x] == pytest.approx(min(max(0.5 - distance, 0), 1), abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 64), st.floats(-math.pi, math.pi), st.floats(0, 0.3))
def test_coverage_stays_between_0_and_1(pid: int, yaw: float, pitch: float) -> None:
    """Whoever is drawn from wherever, a pixel is never covered more than wholly."""
    parts = figure(look_of(pid), Pose(phase=1.0, stride=0.3, elbow=0.3))
    cover = drawn(*parts, view=replace(VIEW, yaw=yaw, pitch=pitch)).cover
    assert cover.min() >= 0
    assert cover.max() <= 1 + 1e-5
    assert cover.max() > 0.99


def test_a_patch_in_front_turns_with_the_body() -> None:
    """It is in the middle from the front, to the right when facing right, and gone from behind."""
    tube = Tube((0, 0.8, 0), (0, 0.2, 0), (0.2, 0.2), patch(plain(WHITE), RED, (0, 1), (0, 0.3)))
    assert column_of(drawn(tube).colour) == pytest.approx(50, abs=1)
    # a point on a cylinder of 20 px turned by 0.6 rad moves by 20 sin 0.6 = 11.3 px
    turned = drawn(tube, view=replace(VIEW, yaw=0.6)).colour
    assert column_of(turned) == pytest.approx(50 + 11.3, abs=1)
    behind = drawn(tube, view=replace(VIEW, yaw=math.pi)).colour
    assert np.allclose(behind[..., 0], behind[..., 1])


def test_a_flat_body_is_narrower_from_the_side() -> None:
    """A tube of depth 0.5 shows half its width at a right angle."""
    tube = Tube((0, 0.8, 0), (0, 0.2, 0), (0.2, 0.2), plain(WHITE), depth=0.5, flat=True)
    front, side = drawn(tube), drawn(tube, view=replace(VIEW, yaw=math.pi / 2))
    assert side.cover.sum() == pytest.approx(front.cover.sum() / 2, rel=0.03)


def test_the_nearer_part_hides_the_farther_one() -> None:
    """A rucksack covers the back from behind and is hidden from the front."""
    back = Tube((0, 0.8, -0.1), (0, 0.2, -0.1), (0.1, 0.1), plain(RED), flat=True)
    body = Tube((0, 0.8, 0), (0, 0.2, 0), (0.1, 0.1), plain(WHITE), flat=True)
    assert drawn(back, body).colour[60, 50, 1] == pytest.approx(1)
    from_behind = drawn(back, body, view=replace(VIEW, yaw=math.pi))
    assert from_behind.colour[60, 50, 1] == pytest.approx(0)


def test_the_lit_side_is_brighter() -> None:
    """Light from the right makes the right side of a limb brighter than the left."""
    tube = Tube((0, 0.8, 0), (0, 0.2, 0), (0.2, 0.2), plain(WHITE), flat=True)
    lit = drawn(tube, view=replace(VIEW, light=(0.8, 0.6), ambient=0.4)).colour[..., 0]
    assert lit[60, 62] > lit[60, 38] + 0.2


def test_a_part_outside_the_picture_is_left_out() -> None:
    """What lies beyond the edge changes nothing."""
    assert drawn(Tube((9, 0.8, 0), (9, 0.2, 0), (0.1, 0.1), plain(RED))).cover.sum() == 0


def test_patterns_share_the_cloth() -> None:
    """Rings and stripes take about half of the cloth, a band what it is told."""
    tube = Tube((0, 0.8, 0), (0, 0.2, 0), (0.2, 0.2), plain(WHITE), flat=True)
    for texture, share in (
        (rings(plain(WHITE), RED, 5.0), 0.5),
        (lines(plain(WHITE), RED, 24.0), 0.5),
        (band(plain(WHITE), RED, (0.25, 0.5)), 0.25),
    ):
        canvas = drawn(replace(tube, texture=texture))
        red = (canvas.colour[..., 0] - canvas.colour[..., 1]).sum() / canvas.cover.sum()
        assert red == pytest.approx(share, abs=0.06)


@given(st.floats(-20, 20))
def test_wrapping_keeps_the_direction(angle: float) -> None:
    """A wrapped angle lies in a full turn about 0 and points the same way."""
    turned = float(wrapped(np.array([angle], np.float64))[0])
    assert -math.pi - 1e-6 <= turned <= math.pi + 1e-6
    assert math.cos(turned) == pytest.approx(math.cos(angle), abs=1e-5)
    assert math.sin(turned) == pytest.approx(math.sin(angle), abs=1e-5)


@given(st.floats(0, 2 * math.pi), st.floats(0.0, 0.42), st.integers(1, 64))
@settings(deadline=None)
def test_the_lower_foot_stands_on_the_ground(phase: float, stride: float, pid: int) -> None:
    """At any moment of a stride no foot is below the ground and one of them touches it."""
    look = replace(look_of(pid), bag="none")
    parts = figure(look, Pose(phase, stride, elbow=0.2))
    # the first three parts are shoe, shin and thigh of the left leg, the next three the right one's
    soles = [min(shoe.start[1], shoe.end[1]) for shoe in (parts[0], parts[3])]
    assert -0.03 < min(soles) < 0.04


def test_arms_swing_against_the_legs() -> None:
    """Where the left leg is in front, the left hand is behind and the right one in front."""
    look = replace(look_of(1), bag="none", top="shirt", bottom="trousers")
    parts = figure(look, Pose(phase=math.pi / 2, stride=0.4, elbow=0.0))
    left_knee, right_knee = parts[1].start, parts[4].start
    shoulders_to_hands = [tube for tube in parts if tube.widths[0] == 0.019]
    left_hand, right_hand = (tube.start for tube in shoulders_to_hands)
    assert left_knee[2] > 0 > right_knee[2]
    assert left_hand[2] < 0 < right_hand[2]


def test_every_garment_can_be_drawn() -> None:
    """Every choice of top, bottom, bag, hair and hat changes the picture."""
    base = replace(
        look_of(1), top="shirt", pattern="plain", bottom="trousers", bag="none", hair="short",
        hat="none", hair_colour="blond", bag_colour="red", second_colour="yellow",
    )  # fmt: skip
    view = replace(VIEW, yaw=2.4)

    pose = Pose(phase=1.0, stride=0.3, elbow=0.3)

    def picture(look: Look) -> bytes:
        return drawn(*figure(look, pose), view=view).colour.tobytes()

    for looks in (
        [replace(base, top=top) for top in TOPS],
        [replace(base, bottom=bottom) for bottom in BOTTOMS],
        [replace(base, bag=bag) for bag in BAGS],
        [replace(base, hair=hair) for hair in HAIRS],
        [replace(base, hat=hat) for hat in HATS],
    ):
        assert len({picture(look) for look in looks}) == len(looks)


def test_perspective_ties_floor_wall_and_person() -> None:
    """A person is as high as the camera's height above the ground says at the row of the feet."""
    for camera in CAMERAS.values():
        scene = camera.scene
        # at one lens height below the horizon, a metre is as many pixels as there are to a row
        assert scene.body_pixels(scene.horizon + scene.lens * 100) == pytest.approx(172)
        # someone who leans on the wall is BODY / wall x focal high
        assert scene.body_pixels(scene.wall_row) == pytest.approx(1.72 * scene.focal / scene.wall)
        assert scene.horizon < scene.wall_row < scene.size[0]


@pytest.mark.parametrize("x", [0.0, 0.5, 1.0])
def test_a_cut_stays_within_the_scene(x: float) -> None:
    """At both ends the piece is full and has colours from 0 to 1."""
    for camera in CAMERAS.values():
        scene = camera.scene
        piece = scene.cut(scene.size[0] - 12, x, foot=(30, 130), body=120, size=(136, 60))
        assert piece.shape == (136, 60, 3)
        assert 0 <= piece.min() < piece.max() <= 1


def test_each_camera_has_its_cast(synthped: Path) -> None:
    """The far camera is bluer than the other two."""
    pixels: dict[int, list[Array]] = {1: [], 2: [], 3: []}
    for record in read(synthped):
        pixels[record.camid].append(read_image(synthped / record.path).reshape(-1, 3) / 255)
    blue = {c: np.mean([(p[:, 2] - p[:, 0]).mean() for p in pixels[c]]) for c in pixels}
    assert blue[2] > blue[1] + 0.03
    assert blue[2] > blue[3] + 0.03
