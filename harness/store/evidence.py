"""Evidence as bytes: lossless, compact, the same on every machine.

    byte 0      version of the format: 2 where something was measured on images, 1 otherwise
    the rest    zlib: four little-endian uint32 (Q queries, M matches, T columns of the top list,
                R ranks), then the arrays in the order of `_SHAPES`, each as one byte for its type
                (the place in `_TYPES`) and its values, little-endian, row by row
    version 2   after these, for each measured metric by name: one byte for the length of its name,
                the name in UTF-8, and its Q values as an array

Each array has the smallest type that holds all its values exactly. The offsets are stored as
their differences, the number of matches of each query.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import IntegrityError, StoreError
from harness.types import Evidence

RANKED, MEASURED = 1, 2
"""The versions of the format."""

_HEADER = struct.Struct("<4I")
_TYPES = ("u1", "<u2", "<i4", "<i8", "<f4", "<f8")
_INTEGERS, _FLOATS = slice(0, 4), slice(4, 6)
_SHAPES = {  # by the names of the header's four sizes
    "matches": "Q",
    "nearer": "M",
    "equal": "M",
    "valid": "Q",
    "identities": "Q",
    "top_index": "QT",
    "top_distance": "QT",
    "single_cmc": "QR",
    "single_reciprocal": "Q",
}


def encode(evidence: Evidence) -> bytes:
    """Return evidence as bytes."""
    sizes = (
        evidence.queries,
        len(evidence.nearer),
        evidence.top_index.shape[1],
        evidence.single_cmc.shape[1],
    )
    parts = [_HEADER.pack(*sizes)]
    for name in _SHAPES:
        array = np.diff(evidence.offsets) if name == "matches" else getattr(evidence, name)
        parts.extend(_packed(array))
    for name in sorted(evidence.measured):
        label = name.encode()
        parts += [bytes([len(label)]), label, *_packed(evidence.measured[name])]
    version = MEASURED if evidence.measured else RANKED
    return bytes([version]) + zlib.compress(b"".join(parts), 9)


def decode(blob: bytes) -> Evidence:
    """Return the evidence that `encode` made bytes of.

    Raises:
        StoreError: If a newer version wrote it.
        IntegrityError: If the bytes are damaged.
    """
    if blob[:1] not in (bytes([RANKED]), bytes([MEASURED])):
        raise StoreError(
            f"Evidence has format {blob[:1].hex() or 'none'}; this version reads 01 and 02.",
            "Run `pip install --upgrade reid-harness`.",
        )
    try:
        arrays = _unpacked(zlib.decompress(blob[1:]), has_measured=blob[0] == MEASURED)
    except (zlib.error, struct.error, ValueError, IndexError, OverflowError) as error:
        raise IntegrityError(
            f"Evidence is damaged: {error}.", "Import the bundle of its run again, or score anew."
        ) from error
    offsets = np.concatenate([[0], np.cumsum(arrays.pop("matches"))])
    return Evidence(offsets=offsets, **arrays)


def _packed(array: npt.NDArray[np.generic]) -> Iterator[bytes]:
    floats = array.dtype.kind == "f"
    for name in _TYPES[_FLOATS if floats else _INTEGERS]:
        with np.errstate(over="ignore"):
            narrow = array.astype(name)
        if np.array_equal(narrow, array, equal_nan=floats):
            break
    yield bytes([_TYPES.index(name)])
    yield narrow.tobytes()


def _unpacked(payload: bytes, *, has_measured: bool) -> dict[str, Any]:
    """Return the arrays by name, and under `measured` those of metrics."""
    sizes = dict(zip("QMTR", _HEADER.unpack_from(payload), strict=True))
    arrays: dict[str, Any] = {}
    at = _HEADER.size
    for name, axes in _SHAPES.items():
        stored, at = _array(payload, at, [sizes[axis] for axis in axes])
        arrays[name] = stored.astype(_wide(name, stored.dtype))
    if arrays["matches"].sum() != sizes["M"]:
        raise ValueError(f"{arrays['matches'].sum()} matches of the queries, {sizes['M']} in all")
    arrays["measured"] = {}
    while has_measured and at < len(payload):
        start = at + 1
        at = start + payload[at]
        name = payload[start:at].decode()
        stored, at = _array(payload, at, [sizes["Q"]])
        arrays["measured"][name] = stored.astype(np.float64)
    if at != len(payload):
        raise ValueError(f"{len(payload) - at} bytes are left over")
    return arrays


def _array(payload: bytes, at: int, shape: list[int]) -> tuple[npt.NDArray[np.generic], int]:
    """Return the array that begins at a place, and where the next begins."""
    stored = np.dtype(_TYPES[payload[at]])
    array = np.frombuffer(payload, stored, math.prod(shape), at + 1).reshape(shape)
    return array, at + 1 + array.nbytes


def _wide(name: str, stored: np.dtype[np.generic]) -> type[np.generic]:
    if name == "top_distance":
        return np.float32 if stored.itemsize == 4 else np.float64
    return np.float64 if name.startswith("single") else np.int64
