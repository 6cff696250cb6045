"""Read the arrays of a file that another tool wrote: NumPy's `.npz` or MATLAB's `.mat`.

Nothing is ever unpickled, so a file cannot run code here.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.io
import scipy.sparse
from scipy.io.matlab import MatReadError

from harness.errors import DataError

Array = npt.NDArray[Any]

_BROKEN_NPZ = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # a password is needed, or a compression is not known
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_BROKEN_MAT = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    NameError,  # scipy's, of an array of a class that it does not know
    EOFError,
    zlib.error,
    MatReadError,
)


@dataclass(frozen=True, slots=True)
class Archive:
    """What a file holds.

    Attributes:
        path: Of the file.
        names: Of all that it holds, in its order.
        arrays: Those that were asked for and are there, by name.
    """

    path: Path
    names: tuple[str, ...]
    arrays: dict[str, Array]


def load_archive(path: Path, wanted: Collection[str]) -> Archive:
    """Return arrays of a file; those that are not there are left out.

    Args:
        path: An `.npz` or `.mat` file.
        wanted: Names of arrays; others are not read.

    Raises:
        DataError: If there is no such file, it is neither kind of archive, it is damaged, it does
            not fit into memory, or what was asked for is no array of plain values.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.", "Check the path.")
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise DataError(
            f"{path.name} ends in {path.suffix!r}, which is no kind of file that is read here."
            if path.suffix
            else f"{path.name} has no suffix that says what it is.",
            "Give an .npz file of numpy.savez, or a .mat file of scipy.io.savemat.",
        )
    try:
        archive = read(path, wanted)
    except MemoryError as error:
        raise DataError(
            f"{path.name} does not fit into memory: {_reason(error)}.",
            "Write it again where that is not its true size; otherwise in half precision.",
        ) from error
    for name, array in archive.arrays.items():
        _check_array(path, name, array)
    return archive


def _read_npz(path: Path, wanted: Collection[str]) -> Archive:
    name = ""
    arrays = {}
    try:
        with path.open("rb") as stream:
            opened = np.load(stream, allow_pickle=False)
            if isinstance(opened, np.ndarray):
                raise DataError(
                    f"{path.name} holds one array of shape {opened.shape}, without a name.",
                    "Write named arrays with numpy.savez.",
                )
            for name in opened.files:
                if name in wanted:
                    arrays[name] = opened[name]
            return Archive(path, tuple(opened.files), arrays)
    except _BROKEN_NPZ as error:
        if "Object arrays" in str(error):
            raise _objects(path, name) from error
        raise DataError(
            f"{path.name} is not an .npz file that can be read: {_reason(error)}.",
            "Write it again with numpy.savez; what was pickled is never read.",
        ) from error


def _read_mat(path: Path, wanted: Collection[str]) -> Archive:
    try:
        names = tuple(name for name, _shape, _kind in scipy.io.whosmat(path))
        arrays = scipy.io.loadmat(path, variable_names=[*wanted])
    except NotImplementedError as error:
        raise DataError(
            f"{path.name} is a .mat file of version 7.3, which is HDF5.",
            "Save it with `-v7` in MATLAB, or as an .npz with numpy.savez.",
        ) from error
    except _BROKEN_MAT as error:
        raise DataError(
            f"{path.name} is not a .mat file that can be read: {_reason(error)}.",
            "Write it again with scipy.io.savemat.",
        ) from error
    return Archive(path, names, {name: arrays[name] for name in wanted if name in arrays})


_READERS: dict[str, Callable[[Path, Collection[str]], Archive]] = {
    ".npz": _read_npz,
    ".mat": _read_mat,
}


def _check_array(path: Path, name: str, found: object) -> None:
    """Refuse what stands under the name of an array and is none of plain values."""
    if scipy.sparse.issparse(found):
        raise DataError(
            f"{name!r} of {path.name} is a sparse matrix.",
            f"Save it as a full one: `full({name})` in MATLAB, `.toarray()` in SciPy.",
        )
    if not isinstance(found, np.ndarray):
        raise DataError(
            f"{name!r} of {path.name} is no array of NumPy.",
            "Write it again with numpy.savez.",
        )
    if found.dtype.hasobject:
        raise _objects(path, name)


def _objects(path: Path, name: str) -> DataError:
    return DataError(
        f"{name!r} of {path.name} holds Python objects, which are pickled and never read.",
        "Save plain arrays of numbers, for example `numpy.stack(features)`.",
    )


def _reason(error: BaseException) -> str:
    """Return the first sentence of an error, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.partition(". ")[0].rstrip(".")
