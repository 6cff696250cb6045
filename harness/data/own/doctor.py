"""Says what is odd about a data set of the user's own, and what to change.

An error makes a number impossible or wrong; a warning makes it mean less than it seems; a note is
good to know. Each finding is one function in `people` or `pictures`.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.data.own import people, pictures
from harness.data.own.finding import Finding, Level
from harness.data.own.gather import Gathered
from harness.data.own.survey import Survey


def diagnose(gathered: Gathered, survey: Survey, *, single_camera: bool) -> list[Finding]:
    """Return all findings, errors first.

    Args:
        gathered: The records, and what was passed over.
        survey: Of their files.
        single_camera: Whether the user knows that there is one camera only.
    """
    records = gathered.records
    found = [
        pictures.broken(survey.broken),
        pictures.copies_of_several_people(records, survey.seen),
        people.both_sides(records),
        people.incomplete_subsets(records),
        people.one_camera(records, known=single_camera),
        people.too_few(records, single_camera=single_camera),
        people.unmatched(records, single_camera=single_camera),
        people.single_images(records),
        pictures.copies(records, survey.seen),
        pictures.tiny(survey.seen),
        pictures.passed_over(gathered),
        people.nobody(records),
        pictures.unlike_resolutions(records, survey.seen),
        pictures.numbered(gathered),
    ]
    order: Sequence[Level] = ("error", "warning", "note")
    return sorted(
        (finding for finding in found if finding), key=lambda finding: order.index(finding.level)
    )
