"""The checks of a data set; all but the first look at the copy on this machine."""

from __future__ import annotations

from harness.testing.check import Check

_LOOK = "harness.testing.checks.datasets"

DATASETS = (
    Check(
        name="card",
        kind="dataset",
        promise="Its card says what it is, who made it, under which licence, how to get it, and "
        "how much a complete copy has; its addresses lead to functions.",
        mend="Complete the DatasetCard, or correct the address in the DatasetSpec.",
        address=f"{_LOOK}:card_is_complete",
    ),
    Check(
        name="reads",
        kind="dataset",
        promise="Its reader reads the copy on this machine, and finds what its card expects.",
        mend="Correct the reader, or `expected` in the card; `harness data check` says what a copy "
        "lacks.",
        address=f"{_LOOK}:reads",
    ),
    Check(
        name="record-ids",
        kind="dataset",
        promise="Ids are unique, and the reader gives the same records in the same order again.",
        mend="Make the id of what tells images apart, and sort what the folder lists.",
        address=f"{_LOOK}:ids_are_unique",
    ),
    Check(
        name="record-paths",
        kind="dataset",
        promise="Every path is relative to the folder of the data set, and leads to a file there.",
        mend="Return `path.relative_to(root).as_posix()`.",
        address=f"{_LOOK}:paths_are_relative",
    ),
    Check(
        name="record-labels",
        kind="dataset",
        promise="Identities are -1 (junk), 0 (distractor) or more, cameras count from 1, "
        "resolutions and originals are as `harness.Record` says.",
        mend="Map the data set's own numbers to these in the reader.",
        address=f"{_LOOK}:labels_are_valid",
    ),
    Check(
        name="images-decode",
        kind="dataset",
        promise="Its images can be decoded.",
        mend="Leave what is no image out of the records, or replace the broken file.",
        address=f"{_LOOK}:images_decode",
    ),
    Check(
        name="protocol",
        kind="dataset",
        promise="Its default protocol exists, is for it, and divides its records into training, "
        "query and gallery, none of them empty.",
        mend="Register the protocol with `register_protocols`, or correct its cameras, subsets and "
        "identity lists.",
        address=f"{_LOOK}:protocol_applies",
    ),
    Check(
        name="sides-apart",
        kind="dataset",
        promise="No identity and no file is both trained on and tested in a split.",
        mend="Give a file to one identity only, and an identity to one side.",
        address=f"{_LOOK}:sides_are_apart",
    ),
    Check(
        name="queries-match",
        kind="dataset",
        promise="Every query has a match by another camera in the gallery, or card or protocol "
        'says that some are "without a match".',
        mend="Leave those queries out of the protocol, or say in its `source` or in the card's "
        '`notes` how many are "without a match".',
        address=f"{_LOOK}:queries_have_a_match",
    ),
)
