"""Restores queries with a method, measures each against its original, and keeps a sample.

Axes: Q queries of a split, N images of a batch, H x W pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.data.images import ImageBank, to_unit_range
from harness.errors import HarnessError, PluginError, TrainingError
from harness.evaluation.extract import BATCH, make_batch
from harness.types import Method, Record, RestoredBatch, Restores

Formula = Callable[[RestoredBatch], Tensor]

ROUNDING = 1e-3  # how far outside [0, 1] an image may be, in half precision


@dataclass
class Restoration:
    """What restoring the queries of a split gave.

    Attributes:
        values: By metric, one value of each query, (Q,); NaN where there is no original, or where
            the metric cannot be computed on this machine.
        problems: By metric, why it cannot be.
        kept: By index of the query, its restored image as uint8, (H, W, 3).
    """

    values: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    problems: dict[str, HarnessError] = field(default_factory=dict)
    kept: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)


def find_originals(queries: Iterable[Record], records: Iterable[Record]) -> dict[str, Record]:
    """Return the high-resolution original of each query that has one, by the query's id.

    Args:
        queries: Of a split.
        records: All of the data set, the originals among them.
    """
    known = {record.id: record for record in records}
    return {
        query.id: replace(known[query.hr_id], r=1) for query in queries if query.hr_id is not None
    }


@dataclass(frozen=True)
class Restorer:
    """Restores and measures.

    Attributes:
        method: On the device, built and trained; it is a `Restores`.
        bank: The images of queries and originals, decoded.
        originals: As `find_originals` returns them.
        formulas: Of the metrics of input RESTORED, by full name.
        device: Where the method is.
    """

    method: Method
    bank: ImageBank
    originals: Mapping[str, Record]
    formulas: Mapping[str, Formula]
    device: torch.device

    def restore(
        self,
        queries: Sequence[Record],
        keep: Iterable[int],
        advance: Callable[[int], None] = lambda _n: None,
    ) -> Restoration:
        """Restore the queries that lost resolution, and measure those that have an original.

        Args:
            queries: Of one split.
            keep: Indices of those whose restored image is wanted.
            advance: Called with the number of images after each batch.

        Raises:
            PluginError: If `restore` returns something else than images of the size it was given.
            TrainingError: If it returns NaN or infinity.
        """
        result = Restoration()
        for name in self.formulas:
            result.values[name] = np.full(len(queries), np.nan)
        wanted = set(keep)
        lost = [i for i, query in enumerate(queries) if query.r != 1]
        for network in self.method.networks.values():
            network.eval()
        with torch.inference_mode():
            for start in range(0, len(lost), BATCH):
                places = lost[start : start + BATCH]
                lr, restored = self._restore([queries[i] for i in places])
                images = zip(places, restored, strict=True)
                result.kept |= {i: to_bytes(image) for i, image in images if i in wanted}
                self._measure(queries, places, (lr, restored), result)
                advance(len(places))
        return result

    def _restore(self, records: Sequence[Record]) -> tuple[Tensor, Tensor]:
        """Return the input and the restored images, each (N, 3, H, W)."""
        assert isinstance(self.method, Restores)
        batch = make_batch(records, self.bank, "query", self.device)
        return batch.pixels, _checked(self.method.restore(batch), batch.pixels)

    def _measure(
        self,
        queries: Sequence[Record],
        places: Sequence[int],
        images: tuple[Tensor, Tensor],
        result: Restoration,
    ) -> None:
        """Add the values of the queries of a batch that have an original."""
        rows = [n for n, i in enumerate(places) if queries[i].id in self.originals]
        if not rows:
            return
        originals = [self.originals[queries[places[n]].id] for n in rows]
        hr = to_unit_range(self.bank.batch(originals), self.device)
        triple = RestoredBatch(lr=images[0][rows], restored=images[1][rows], hr=hr)
        at = [places[n] for n in rows]
        for name, formula in self.formulas.items():
            if name in result.problems:
                continue
            try:
                values = formula(triple)
            except HarnessError as error:
                result.problems[name] = error
                result.values[name][:] = np.nan
                continue
            result.values[name][at] = _checked_values(name, values, len(rows))


def to_bytes(image: Tensor) -> npt.NDArray[np.uint8]:
    """Return an image (3, H, W) in [0, 1] as uint8, (H, W, 3), rounded."""
    return image.mul(255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()


def _checked(restored: Tensor, pixels: Tensor) -> Tensor:
    """Return restored images as float32 in [0, 1], or refuse them."""
    if restored.shape != pixels.shape:
        raise PluginError(
            f"`restore` returned images of shape {tuple(restored.shape)} for a batch of "
            f"{tuple(pixels.shape)}.",
            "Return one image of the network's size for each query: (N, 3, H, W).",
        )
    images = restored.float()
    if not images.isfinite().all():
        raise TrainingError(
            "The restored images hold NaN or infinity.",
            "The training diverged: lower the learning rate, or train in float32.",
        )
    low, high = float(images.min()), float(images.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise PluginError(
            f"`restore` returned values from {low:g} to {high:g}.", "Clamp the images to [0, 1]."
        )
    return images.clamp(0, 1)


def _checked_values(name: str, values: Tensor, images: int) -> npt.NDArray[np.float64]:
    if values.shape != (images,) or not values.isfinite().all():
        raise PluginError(
            f"The metric {name} returned {tuple(values.shape)} values for {images} images, "
            f"{int((~values.isfinite()).sum())} of them not finite.",
            "A metric of input RESTORED returns one finite value for each image.",
        )
    return values.double().cpu().numpy()
