"""Keep the numbers of a file: under a data set and a name, external and unverified."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import UsageError
from harness.loader import Registry
from harness.run.file_report import FileReport
from harness.store import ExternalDraft, MetricValue, Store


def check_entry(dataset: str | None, name: str | None, registry: Registry) -> tuple[str, str]:
    """Return the data set and the name that numbers are to be kept under.

    Raises:
        UsageError: If one of the two is missing or empty.
        UnknownName: If there is no such data set.
    """
    for option, given in (("--dataset", dataset), ("--name", name)):
        if not given or not given.strip():
            raise UsageError(
                f"`--store` needs `{option}`.",
                "Say which data set the file is of and what to show it as: "
                '`--store --dataset market1501 --name "Their network"`.',
            )
    assert dataset is not None
    assert name is not None
    return registry.dataset(dataset).key, name.strip()


def keep(report: FileReport, store: Store, *, dataset: str, name: str) -> str:
    """Store the numbers of a file and return the id of the entry.

    Args:
        report: The numbers.
        store: Where to keep them.
        dataset: Key of the data set.
        name: What they are shown as.
    """
    return store.externals.add(
        ExternalDraft(
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
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
