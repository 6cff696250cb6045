"""A feature file as a side of the gate: ranked anew, with all that its numbers are made under."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from harness.gate.entries import FeatureEntry, FeatureEvidence
from harness.gate.sides import Side, SideTrial, bits_depend_on

if TYPE_CHECKING:
    from harness.evaluation.feature_file import FeatureFile
    from harness.run.file_request import Choices, FileRequest


@dataclass(frozen=True, slots=True)
class RankedFile:
    """A feature file that was ranked.

    Attributes:
        sha256: Of its bytes.
        labels: Hash of whose images it has, of which cameras.
        choices: What it was ranked under.
        queries: How many.
        gallery: How many.
        side: What it left of each query.
    """

    sha256: str
    labels: str
    choices: Choices
    queries: int
    gallery: int
    side: Side


def rank_file(request: FileRequest) -> RankedFile:
    """Rank a feature file.

    Args:
        request: The file, with rule, distance and re-ranking.

    Raises:
        DataError: If the file cannot be read or ranked.
        UsageError: If an option is unknown, or contradicts another or the file.
    """
    from harness.evaluation.feature_file import load_feature_file
    from harness.run.file_request import choose
    from harness.run.file_source import open_source

    file = load_feature_file(request.file)
    choices = choose(request, has_features=file.features is not None)
    evidence, _ = open_source(file, choices).rank()
    sha256, labels = _hash_file(request.file), _hash_labels(file)
    trial = SideTrial(
        split=0,
        seed=0,
        protocol_id=protocol_of(labels, choices.rule.key, choices.distance, request.rerank),
        model=sha256,
        environment={} if request.rerank is None else _environment(),
        evidence=evidence,
        pids=tuple(map(int, file.query.pids)),
    )
    return RankedFile(
        sha256=sha256,
        labels=labels,
        choices=choices,
        queries=evidence.queries,
        gallery=len(file.gallery.pids),
        side=_side(request.file.name, choices.rule.headline, trial, request.rerank),
    )


def stored_side(entry: FeatureEntry, left: FeatureEvidence) -> Side:
    """Return a feature file as it was accepted.

    Raises:
        IntegrityError: If its evidence is damaged.
    """
    from harness.definitions.rules import find_rule
    from harness.store.evidence import decode

    trial = SideTrial(
        split=0,
        seed=0,
        protocol_id=protocol_of(entry.labels, entry.rule, entry.distance, entry.rerank),
        model=entry.sha256,
        environment=left.environment,
        evidence=decode(base64.b64decode(left.evidence)),
        pids=left.pids,
    )
    return _side(PurePath(entry.name).name, find_rule(entry.rule).headline, trial, entry.rerank)


def evidence_line(name: str, side: Side) -> FeatureEvidence:
    """Return what a feature file left, as a line of a baseline."""
    from harness.store.evidence import encode

    (trial,) = side.trials
    packed = base64.b64encode(encode(trial.evidence)).decode()
    return FeatureEvidence(
        name=name, pids=tuple(trial.pids), evidence=packed, environment=trial.environment
    )


def name_of(file: Path, folder: Path) -> str:
    """Return the name of a feature file in the baselines of a folder: its path from there."""
    return PurePath(os.path.relpath(file.absolute(), folder.absolute())).as_posix()


def protocol_of(labels: str, rule: str, distance: str | None, rerank: str | None) -> str:
    """Return what must be equal for two feature files to be comparable."""
    return "/".join((rule, distance or "distances", rerank or "no re-ranking", labels))


def _environment() -> dict[str, Any]:
    """Return what the bits of a re-ranking may depend on: it is computed on the processor."""
    from harness.run.environment import describe_environment
    from harness.training.device import cpu_name

    return bits_depend_on({"type": "cpu", "name": cpu_name()}, describe_environment())


def _side(name: str, headline: str, trial: SideTrial, rerank: str | None) -> Side:
    """Return the side of one file: its ranks are the same everywhere, unless re-ranked."""
    return Side(
        dataset=name,
        headline=headline,
        code={},
        trained=False,
        exact=rerank is None,
        trials=(trial,),
    )


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash_labels(file: FeatureFile) -> str:
    sides = (file.query.pids, file.query.camids, file.gallery.pids, file.gallery.camids)
    return hashlib.sha256(repr([side.tolist() for side in sides]).encode()).hexdigest()
