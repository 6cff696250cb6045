"""Reads, degrades and resizes images with PIL, on uint8, the same on every machine.

This is the one place where a test set loses resolution. It has no torch; what training does on a
device is elsewhere.

Every image here is an RGB array of uint8, (H, W, 3). PIL's resampling of 8-bit images works in
integers, so its result depends on neither processor nor thread count. A filter that reduces is
widened by the factor of reduction (antialiasing). Max-pooling is numpy's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from harness.errors import DataError
from harness.specs.protocol import Down

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]  # height and width [pixels]

SMALLEST_SIDE = 4  # pixels; below this nothing of a person is left

FILTERS: dict[Down, Image.Resampling] = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


def read_image(path: Path) -> Pixels:
    """Return the image of a file as RGB, (H, W, 3).

    Raises:
        DataError: If the file is missing, empty, cut short or not an image.
    """
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    # PIL reports a broken file by whichever of these its decoder meets first.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} cannot be read as an image: {_reason(path, error)}.",
            "Replace it by a good copy; `harness data check` names the first file that differs.",
        ) from error


def degrade(image: Pixels, r: int, *, down: Down = "bicubic", size: Size | None = None) -> Pixels:
    """Return the image reduced r times, of `reduced_size`; it is not enlarged again.

    Args:
        image: (H, W, 3).
        r: Down-sampling rate; 1 returns the image itself.
        down: The filter. `maxpool` takes the largest value of each r x r block and drops what is
            left over at the lower and right border.
        size: Height and width to which it is brought before it is reduced; None is its own.

    Raises:
        DataError: If r is below 1, or leaves less than 4 pixels on a side.
    """
    if r < 1:
        raise DataError(
            f"A down-sampling rate of {r} is not possible.", "Give a whole number from 1."
        )
    if r == 1:
        return image
    given = image if size is None else resize(image, *size)
    height, width = reduced_size(given.shape[0], given.shape[1], r, down)
    if min(height, width) < SMALLEST_SIDE:
        raise DataError(
            f"An image of {given.shape[0]} x {given.shape[1]} pixels down-sampled {r} times "
            f"has {height} x {width}, and less than {SMALLEST_SIDE} on a side is refused.",
            "Use a smaller rate, or leave this image out.",
        )
    if down == "maxpool":
        return _max_pool(given, height, width, r)
    return _resample(given, height, width, FILTERS[down])


def reduced_size(height: int, width: int, r: int, down: Down) -> Size:
    """Return height and width after a reduction r times: rounded, or down with `maxpool`."""
    if down == "maxpool":
        return height // r, width // r
    return round(height / r), round(width / r)


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """Return the image at another size, bilinear, (height, width, 3)."""
    return _resample(image, height, width, Image.Resampling.BILINEAR)


def _resample(image: Pixels, height: int, width: int, how: Image.Resampling) -> Pixels:
    return np.array(Image.fromarray(image).resize((width, height), how))


def _max_pool(image: Pixels, height: int, width: int, r: int) -> Pixels:
    blocks = image[: height * r, : width * r].reshape(height, r, width, r, 3)
    return np.array(blocks.max(axis=(1, 3)))


def _reason(path: Path, error: Exception) -> str:
    if not path.exists():
        return "there is no such file"
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image of a known format"
    return str(error).rstrip(".")
