"""The promises of `harness.data.listing`: what is written is read again, and nothing else."""

from __future__ import annotations

import re

import pytest

from harness.data.listing import Listed, read_listed, read_listing, write_listing
from harness.errors import DataError
from harness.types import Record

LISTED = (
    Listed(Record("a/b, c.png", "a/b, c.png", 12, 1, subset="query"), "f" * 64),
    Listed(Record("d.png", "d.png", -1, 3, r=None), None),
)


def test_what_is_written_is_read_again(tmp_path):
    """A listing holds records and hashes as they are, and is sorted by path."""
    file = tmp_path / "records.csv"
    file.write_text(write_listing(LISTED[::-1]))

    assert read_listed(file) == LISTED
    assert read_listing(file) == tuple(one.record for one in LISTED)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png,anna,1", "line 2: pid is 'anna'. Write a whole number from -1."),
        ("a.png,-2,1", "line 2: pid is '-2'. Write a whole number from -1."),
        ("a.png,1,0", "line 2: camid is '0'. Write a whole number from 1."),
    ],
)
def test_a_listing_has_numbers(tmp_path, row, message):
    """Names are numbered when a data set is added; in its listing they are an error."""
    file = tmp_path / "records.csv"
    file.write_text(f"path,pid,camid\n{row}\n")
    with pytest.raises(DataError, match=re.escape(message)):
        read_listing(file)
