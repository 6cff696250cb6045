"""The card of `synthped`, cheap to import: what it is, and where its code lies."""

from __future__ import annotations

from harness import Counts, DatasetCard, DatasetSpec

SYNTHPED = DatasetSpec(
    card=DatasetCard(
        key="synthped",
        title="synthped",
        summary=(
            "Pedestrians drawn procedurally, so that nothing need be fetched: 64 identities differ "
            "in clothing, build, bag and hair; three cameras in viewpoint, light, colour cast, "
            "background, blur and resolution. Camera 2 is far away and captures low resolution."
        ),
        citation="reid-harness, the embedded data set: plugins/harness_datasets/synthped.py",
        year=2025,
        licence="Apache-2.0, as the harness; no person is shown.",
        status="available",
        how_to_get="Nothing to get: it is drawn on first use, within seconds.",
        folders=("synthped",),
        expected=Counts(images=768, identities=64, cameras=3),
        notes=(
            "It tells whether a method trains and whether a protocol holds together; "
            "it says nothing about how methods rank on photographs.",
        ),
    ),
    read="harness_datasets.synthped:read",
    protocol="synthped",
    generate="harness_datasets.synthped:generate",
    rule="synthped@1",
)
