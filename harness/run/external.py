"""Keep the numbers of a file: under a data set and a name, external and unverified."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.loader import Registry
from harness.run.file_report import FileReport
from harness.store import ExternalDraft, MetricValue, Store


@dataclass(frozen=True, slots=True)
class Kept:
    """Numbers that were stored.

    Attributes:
        id: Of the entry.
        dataset: Key of the data set.
        name: What they are shown as.
        note: Which of several entries of this name the page shows, a sentence; None if it is alone.
    """

    id: str
    dataset: str
    name: str
    note: str | None


def check_entry(
    dataset: str | None, name: str | None, registry: Registry, *, wanted: bool
) -> tuple[str, str] | None:
    """Return the data set and the name that numbers are to be kept under; None if not wanted.

    Raises:
        UsageError: If one of the two is missing or empty, or is given and nothing is to be kept.
        UnknownName: If there is no such data set.
    """
    for option, given in (("--dataset", dataset), ("--name", name)):
        if not wanted and given is not None:
            raise UsageError(
                f"`{option}` is for `--store`, which is not given.",
                f"Add `--store` to keep the numbers, or drop `{option}`.",
            )
        if wanted and not (given and given.strip()):
            raise UsageError(
                f"`--store` needs `{option}`.",
                "Say which data set the file is of and what to show it as: "
                '`--store --dataset market1501 --name "Their network"`.',
            )
    if dataset is None or name is None:
        return None
    return registry.dataset(dataset).key, name.strip()


def keep(report: FileReport, store: Store, *, dataset: str, name: str) -> Kept:
    """Store the numbers of a file and say where they are.

    Args:
        report: The numbers.
        store: Where to keep them.
        dataset: Key of the data set.
        name: What they are shown as.

    Raises:
        StoreError: If the database cannot be written.
    """
    draft = ExternalDraft(
        dataset=dataset,
        name=name,
        file=report.path.name,
        sha256=_sha256(report.path),
        settings=report.choices.as_json(),
        headline=report.choices.rule.headline,
        queries=report.queries,
        queries_without_match=report.queries_without_match,
        gallery=report.gallery,
        metrics=tuple(
            MetricValue(one.metric, one.k, one.value, one.note) for one in report.metrics
        ),
    )
    entry = store.externals.add(draft)
    return Kept(entry, dataset, name, _find_note(store, draft, entry))


def _find_note(store: Store, draft: ExternalDraft, entry: str) -> str | None:
    """Return which of the entries of one name and one way of evaluating is shown, the newest."""
    alike = [
        other
        for other in store.externals.where(draft.dataset)
        if other.name == draft.name and dict(other.settings) == dict(draft.settings)
    ]
    if len(alike) == 1:
        return None
    *_, previous, newest = alike
    shown = (
        f"On the page it replaces {previous.file} of {previous.created[:10]}"
        if newest.id == entry
        else f"The page shows {newest.file} of {newest.created[:10]}, which is newer"
    )
    return f"{shown}: one name, evaluated alike. Give another `--name` to show both."


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
