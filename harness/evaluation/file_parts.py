"""The parts of a file of features: labels, features, distances, each checked by itself.

Errors name the array as the file does, so that whoever wrote it finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.errors import DataError
from harness.evaluation.archive import Archive, Array
from harness.evaluation.inputs import Labels

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.floating]

_ROWS = 4096  # checked at a time


@dataclass(frozen=True, slots=True)
class Parts:
    """Takes the parts out of an archive.

    Every method raises DataError where the part is not what it should be.

    Attributes:
        archive: What was read.
        names: What the archive calls each part.
    """

    archive: Archive
    names: Mapping[str, str]

    def has(self, part: str) -> bool:
        """Return whether the archive has a part."""
        return self.names[part] in self.archive.arrays

    def labels(self, side: str) -> Labels:
        """Return identities and cameras of a side, one of each for an image."""
        pids, camids = self._whole(f"{side}_ids"), self._whole(f"{side}_cams")
        if len(pids) != len(camids):
            raise DataError(
                f"{self._called(f'{side}_ids')} has {len(pids)} values, "
                f"{self.names[f'{side}_cams']} {len(camids)}.",
                "Give one identity and one camera for each image.",
            )
        if not len(pids):
            raise DataError(
                f"{self._called(f'{side}_ids')} is empty.", "Give at least one image on each side."
            )
        negative = np.flatnonzero(camids < 0)
        if len(negative):
            raise DataError(
                f"{self._called(f'{side}_cams')} has the negative camera "
                f"{camids[negative[0]]} in place {negative[0]}, and {len(negative)} in all.",
                "Number cameras from 0; where there are none, give zeros and `--rule no-camera`.",
            )
        return Labels(pids, camids)

    def features(self, side: str, labels: Labels) -> Float:
        """Return the features of a side, a row for each image."""
        features = self._finite(f"{side}_features")
        if len(features) != len(labels.pids):
            raise DataError(
                f"{self._called(f'{side}_features')} has {len(features)} rows, "
                f"{self.names[f'{side}_ids']} {len(labels.pids)} values.",
                "Give one row of features for each image.",
            )
        return features

    def distances(self, queries: int, gallery: int) -> Float:
        """Return the distance matrix."""
        matrix = self._finite("distances")
        if matrix.shape != (queries, gallery):
            turned = matrix.shape == (gallery, queries)
            raise DataError(
                f"{self._called('distances')} has the shape {matrix.shape}, but there are "
                f"{queries} queries and {gallery} gallery images.",
                "Transpose it: queries are rows." if turned else "Give a row for each query.",
            )
        return matrix

    def resolutions(self, queries: int) -> tuple[int | None, ...] | None:
        """Return the down-sampling rate of each query, where the file tells it; NaN is None."""
        if not self.has("query_resolutions"):
            return None
        rates = self._array("query_resolutions").ravel()
        numbers = rates.dtype.kind in "iuf" and len(rates) == queries
        if not numbers or not (np.isnan(rates) | (rates >= 1) & _whole(rates)).all():
            raise DataError(
                f"{self._called('query_resolutions')} is not a whole number from 1 for each of the "
                f"{queries} queries.",
                "Give the down-sampling rate of each query: 1 for full resolution, NaN where it is "
                "not known.",
            )
        return tuple(None if np.isnan(rate) else int(rate) for rate in rates)

    def check_dimensions(self, one: str, other: str) -> None:
        """Refuse two sides whose features differ in length."""
        d, e = self._array(one).shape[1], self._array(other).shape[1]
        if d != e:
            raise DataError(
                f"{self._called(one)} has {d} dimensions, {self.names[other]} {e}.",
                "Extract both with the same model and feature.",
            )

    def _called(self, part: str) -> str:
        return f"{self.names[part]} of {self.archive.path.name}"

    def _array(self, part: str) -> Array:
        return self.archive.arrays[self.names[part]]

    def _whole(self, part: str) -> Int:
        """Return a vector of whole numbers; in a `.mat` they may be doubles, as MATLAB has them."""
        values = _vector(self._array(part))
        if values is None:
            raise DataError(
                f"{self._called(part)} has the shape {self._array(part).shape}.",
                "Give a vector: one number for each image.",
            )
        matlab = self.archive.path.suffix.lower() == ".mat" and values.dtype.kind == "f"
        whole = matlab and bool(_whole(values).all())
        if values.dtype.kind not in "iu" and not whole:
            raise DataError(
                f"{self._called(part)} holds {values.dtype.name} values, not whole numbers.",
                "Number identities and cameras, and save them as integers: `.astype(int)`.",
            )
        return values.astype(np.int64)

    def _finite(self, part: str) -> Float:
        """Return a matrix of finite numbers, float16, float32 or float64."""
        array = self._array(part)
        if array.ndim != 2 or array.dtype.kind not in "iuf":
            raise DataError(
                f"{self._called(part)} is an array of {array.dtype.name} with the shape "
                f"{array.shape}.",
                "Give a matrix of numbers: a row for each image.",
            )
        if not array.size:
            raise DataError(
                f"{self._called(part)} is empty: its shape is {array.shape}.",
                "Give at least one image on each side, with at least one number.",
            )
        odd = sum(
            int(np.count_nonzero(~np.isfinite(array[at : at + _ROWS]).all(axis=1)))
            for at in range(0, len(array), _ROWS)
        )
        if odd:
            raise DataError(
                f"{self._called(part)} has NaN or infinity in {odd} of {len(array)} rows.",
                "Extract these images again, or leave them out: a number from them would be wrong.",
            )
        return _native(array)


def _whole(values: Array) -> npt.NDArray[np.bool_]:
    """Return which numbers are finite and whole."""
    return np.asarray(np.isfinite(values) & (values == np.round(values)))


def _vector(array: Array) -> Array | None:
    """Return a vector, which may be written as one row or one column; None for a matrix."""
    return array.ravel() if array.ndim and array.size in (0, max(array.shape)) else None


def _native(array: Array) -> Float:
    """Return numbers as float16, float32 or float64 of this machine."""
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return np.ascontiguousarray(array, dtype=np.float64)
