"""Images decoded once, kept as uint8, and handed out as batches at network size.

Every file is decoded when the bank is filled, so that a broken one is found before training, not
in the middle of it. Degradation is on uint8 (`harness.pixels`), the same in training and in a test
set; what was made for an (image, rate) pair is kept while there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.pixels import SMALLEST_SIDE, Size, degrade, read_image, reduced_size, resize
from harness.specs.protocol import Down
from harness.types import Record

Pixels = npt.NDArray[np.uint8]

CACHE_BYTES = 4 * 2**30  # of resized images, beside the decoded ones


class ImageBank:
    """The decoded images of some records.

    Args:
        root: The data set's folder.
        records: Whose images; one file may serve several records.
        size: Height and width of the network's input [pixels].
        down: The filter that degrades.
        reduced_from: Height and width to which an image is brought before it is degraded; None is
            its own.
        cache_bytes: Room for resized images.
    """

    def __init__(
        self,
        root: Path,
        records: Sequence[Record],
        size: tuple[int, int],
        *,
        down: Down = "bicubic",
        reduced_from: Size | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.size = size
        self._down: Down = down
        self._reduced_from = reduced_from
        self._root = root
        self._paths = sorted({record.path for record in records})
        self._native: dict[str, Pixels] = {}
        self._resized: dict[tuple[str, int], Tensor] = {}
        self._room = cache_bytes // (3 * size[0] * size[1])

    @property
    def files(self) -> int:
        """Number of files to decode."""
        return len(self._paths)

    def fill(self, advance: Callable[[int], None] = lambda _n: None) -> None:
        """Decode every file, calling `advance(1)` after each.

        Raises:
            DataError: If a file is missing or is no image; it is named.
        """
        with ThreadPoolExecutor() as pool:
            images = pool.map(lambda path: read_image(self._root / path), self._paths)
            for path, image in zip(self._paths, images, strict=True):
                self._native[path] = image
                advance(1)

    def native_size(self, record: Record) -> tuple[int, int]:
        """Return height and width of a record's image as it is given to the method [pixels]."""
        if record.r is None or record.r == 1:
            height, width = self._native[record.path].shape[:2]
            return height, width
        return reduced_size(*self._undegraded_size(record.path), record.r, self._down)

    def batch(self, records: Sequence[Record], rates: Sequence[int] | None = None) -> Tensor:
        """Return a batch as uint8, (N, 3, H, W).

        Args:
            records: Which images. One whose `r` is 2 or more is degraded by it.
            rates: A down-sampling rate for each image, in place of the record's own.
        """
        given = [record.r or 1 for record in records] if rates is None else rates
        pairs = zip(records, given, strict=True)
        return torch.stack([self._at_size(record.path, rate) for record, rate in pairs])

    def possible_rates(self, records: Sequence[Record], rates: Sequence[int]) -> list[int]:
        """Return the rates, each lowered where it would leave less than 4 pixels on a side."""
        pairs = zip(records, rates, strict=True)
        return [min(rate, self._largest_rate(record.path)) for record, rate in pairs]

    def _degraded(self, path: str, rate: int) -> Pixels:
        return degrade(self._native[path], rate, down=self._down, size=self._reduced_from)

    def _largest_rate(self, path: str) -> int:
        return max(1, min(self._undegraded_size(path)) // SMALLEST_SIDE)

    def _undegraded_size(self, path: str) -> Size:
        height, width = self._native[path].shape[:2]
        return self._reduced_from or (height, width)

    def _at_size(self, path: str, rate: int) -> Tensor:
        key = (path, rate)
        if key in self._resized:
            return self._resized[key]
        image = resize(self._degraded(path, rate), *self.size)
        tensor = torch.from_numpy(image).permute(2, 0, 1).contiguous()
        if len(self._resized) < self._room:
            self._resized[key] = tensor
        return tensor


def to_unit_range(pixels: Tensor, device: torch.device) -> Tensor:
    """Return uint8 pixels on the device as float32 in [0, 1], channels last in memory."""
    moved = pixels.to(device, non_blocking=True).float().div_(255)
    return moved.contiguous(memory_format=torch.channels_last)
