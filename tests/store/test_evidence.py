"""The codec of evidence."""

from __future__ import annotations

import dataclasses
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import IntegrityError, StoreError
from harness.store.evidence import decode, encode
from harness.types import Evidence
from tests.store.filler import evidence


def assert_equal(left: Evidence, right: Evidence) -> None:
    assert left.measured.keys() == right.measured.keys()
    one, other = arrays_of(left), arrays_of(right)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def arrays_of(given_: Evidence) -> dict[str, np.ndarray]:
    """Return all arrays by name, those that were measured on images among them."""
    names = {field.name for field in dataclasses.fields(Evidence)} - {"measured"}
    return {name: getattr(given_, name) for name in sorted(names)} | dict(given_.measured)


def measured(given_: Evidence) -> Evidence:
    """Return evidence with two metrics of images, one of them with gaps."""
    values = np.linspace(20.0, 31.7, given_.queries)
    gaps = np.where(np.arange(given_.queries) % 2, np.nan, values)
    return dataclasses.replace(given_, measured={"psnr@1": values, "über@12": gaps})


class TestRoundTrip:
    @settings(deadline=None, max_examples=50)
    @given(queries=st.integers(0, 12), seed=st.integers(0, 1000))
    def test_lossless(self, queries, seed):
        """Whatever is encoded comes back with the same types, values and NaN."""
        given_ = evidence(queries, seed)

        assert_equal(given_, decode(encode(given_)))

    @settings(deadline=None, max_examples=20)
    @given(queries=st.integers(0, 12), seed=st.integers(0, 1000))
    def test_measured(self, queries, seed):
        """What was measured on images comes back beside the ranks, with its gaps."""
        given_ = measured(evidence(queries, seed))

        assert_equal(given_, decode(encode(given_)))

    @pytest.mark.parametrize("value", [0, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, -1])
    def test_integers_at_the_edges_of_types(self, value):
        """Integers at the edge of each stored type survive."""
        given_ = evidence()
        nearer = np.full_like(given_.nearer, value)
        given_ = dataclasses.replace(given_, nearer=nearer)

        assert_equal(given_, decode(encode(given_)))

    @pytest.mark.parametrize("value", [1 / 3, 1e300, np.inf, np.nan, 0.5])
    def test_floats(self, value):
        """A float that does not fit in 32 bits keeps its 64."""
        given_ = evidence()
        given_ = dataclasses.replace(
            given_, single_reciprocal=np.full_like(given_.single_reciprocal, value)
        )

        assert_equal(given_, decode(encode(given_)))

    def test_known_bytes(self):
        """The format is as documented, byte for byte."""
        given_ = Evidence(
            offsets=np.array([0, 1]),
            nearer=np.array([300]),
            equal=np.array([0]),
            valid=np.array([2]),
            identities=np.array([2]),
            top_index=np.array([[1, -1]]),
            top_distance=np.array([[0.5, np.nan]], np.float32),
            single_cmc=np.array([[0.0, 1.0]]),
            single_reciprocal=np.array([1 / 3]),
        )
        blob = encode(given_)

        # Types: 0 u1, 1 <u2, 2 <i4, 4 <f4, 5 <f8; sizes: 1 query, 1 match, 2 in the top, 2 ranks.
        expected = b"".join(
            [
                struct.pack("<4I", 1, 1, 2, 2),
                struct.pack("<BB", 0, 1),
                struct.pack("<BH", 1, 300),
                struct.pack("<BB", 0, 0),
                struct.pack("<BB", 0, 2),
                struct.pack("<BB", 0, 2),
                struct.pack("<B2i", 2, 1, -1),
                struct.pack("<B2f", 4, 0.5, np.nan),
                struct.pack("<B2f", 4, 0.0, 1.0),
                struct.pack("<Bd", 5, 1 / 3),
            ]
        )
        assert blob[0] == 1
        assert zlib.decompress(blob[1:]) == expected

    def test_known_bytes_of_what_was_measured(self):
        """Each metric follows the ranks: length of its name, name, type, values."""
        plain = evidence(2)
        given_ = dataclasses.replace(plain, measured={"psnr@1": np.array([20.5, np.nan])})
        ranks = zlib.decompress(encode(plain)[1:])

        assert encode(given_)[0] == 2
        added = struct.pack("<B6sB2f", 6, b"psnr@1", 4, 20.5, np.nan)
        assert zlib.decompress(encode(given_)[1:]) == ranks + added

    def test_compact(self):
        """Evidence of 1,000 queries takes less than a third of its size in memory."""
        given_ = evidence(1000)
        given_ = dataclasses.replace(given_, single_cmc=np.round(given_.single_cmc))
        size = sum(array.nbytes for array in arrays_of(given_).values())

        assert len(encode(given_)) < size / 3


class TestRefused:
    def test_newer_format(self):
        """Bytes of a newer version are refused with the advice to update."""
        with pytest.raises(StoreError, match=r"format 03; this version reads 01 and 02.*upgr"):
            decode(b"\x03" + encode(evidence())[1:])

    def test_empty(self):
        """No bytes are no evidence."""
        with pytest.raises(StoreError, match="format none"):
            decode(b"")

    @pytest.mark.parametrize(
        "damage",
        [
            lambda blob: blob[:-9],
            lambda blob: blob[:1] + zlib.compress(zlib.decompress(blob[1:])[:-3]),
            lambda blob: blob[:1] + zlib.compress(zlib.decompress(blob[1:]) + b"x"),
            lambda blob: blob[:1] + zlib.compress(zlib.decompress(blob[1:])[:16]),
            lambda blob: blob[:1] + zlib.compress(b"short"),
            lambda blob: (
                blob[:1]
                + zlib.compress(
                    zlib.decompress(blob[1:])[:16] + b"\xff" + zlib.decompress(blob[1:])[17:]
                )
            ),
            lambda blob: (
                blob[:1]
                + zlib.compress(
                    zlib.decompress(blob[1:])[:17] + b"\x63" + zlib.decompress(blob[1:])[18:]
                )
            ),
        ],
        ids=["cut", "cut inside", "left over", "header only", "no header", "type", "counts"],
    )
    @pytest.mark.parametrize("change", [lambda given_: given_, measured], ids=["ranks", "measured"])
    def test_damaged(self, damage, change):
        """Damaged bytes are an integrity error, never wrong evidence."""
        with pytest.raises(IntegrityError, match=r"Evidence is damaged: .*score anew"):
            decode(damage(encode(change(evidence()))))
