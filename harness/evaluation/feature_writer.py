"""Write a file of features while they are made: any number of images, one batch in memory.

What comes out is the `.npz` that `harness.evaluation.feature_file` reads.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Features = npt.NDArray[np.float32]


class FeatureWriter:
    """Collects rows of features on disk, beside the file that they will stand in.

    Use it as a context: what was collected is removed at its end, and the file is there whole or
    not at all.

    Args:
        path: The `.npz` file.

    Raises:
        UsageError: On entering, if its folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, tuple[IO[bytes], tuple[int, int]]] = {}

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._folder = TemporaryDirectory(dir=self._path.parent, prefix=f".{self._path.name}.")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for stream, _shape in self._rows.values():
            with suppress(OSError):  # what a full disk did not take is not wanted any more
                stream.close()
        self._folder.cleanup()

    @property
    def dimensions(self) -> int:
        """d, the length of a row; 0 before the first."""
        return max((d for _stream, (_count, d) in self._rows.values()), default=0)

    def append(self, name: str, rows: Features) -> None:
        """Add rows, (n, d), to the array of that name; the first rows decide d.

        Raises:
            UsageError: If the disk is full.
        """
        if name not in self._rows:
            collected = Path(self._folder.name) / str(len(self._rows))
            self._rows[name] = collected.open("w+b"), (0, rows.shape[1])
        stream, (count, d) = self._rows[name]
        try:
            stream.write(np.ascontiguousarray(rows, dtype="<f4").reshape(-1, d).tobytes())
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._rows[name] = stream, (count + len(rows), d)

    def finish(self, others: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write the file: the collected rows, and further arrays, by name.

        Raises:
            UsageError: If the file cannot be written.
        """
        partial = Path(self._folder.name) / "whole.npz"
        try:
            with zipfile.ZipFile(partial, "w") as archive:
                for name, (stream, shape) in self._rows.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                        np.lib.format.write_array_header_1_0(member, header)
                        stream.seek(0)
                        shutil.copyfileobj(stream, member)
                for name, array in others.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            os.replace(partial, self._path)
        except OSError as error:
            raise _unwritable(self._path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {error.strerror}.",
        "Give a file that you may write, on a disk with space left.",
    )
