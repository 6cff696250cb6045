"""A method and its graph side by side on test images: the features of both, and their ranks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt
import torch

from harness.data.images import ImageBank
from harness.errors import UnknownName
from harness.evaluation.extract import Features, extract, make_batch
from harness.evaluation.inputs import Side
from harness.evaluation.parity import Gap, Parity, Sides, compare_features, compare_ranks
from harness.pixels import Size
from harness.run.conditions import Conditions, Probe
from harness.run.graph import OUTPUT, GraphMethod
from harness.run.held_out import HeldOut, has_match, sample
from harness.run.progress import RunProgress
from harness.types import Method, Record
from harness.types.method import Role

BATCHES = (1, 7, 64)  # images: one alone, an odd number, that of an extraction
PROBED = 4  # images of each kind, to see how a method treats them
ROLES: tuple[Role, Role] = ("query", "gallery")
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Compared:
    """The images on which a method is compared with its graph.

    Attributes:
        held_out: Where they come from.
        records: Those of the query and those of the gallery.
        bank: Their pixels.
    """

    held_out: HeldOut
    records: dict[Role, tuple[Record, ...]]
    bank: ImageBank

    @property
    def count(self) -> int:
        """How many images there are."""
        return sum(map(len, self.records.values()))

    def probes(self) -> dict[Conditions, Probe]:
        """Return some images of each kind there is."""
        kinds = Counter(Conditions(role, r.r) for role in ROLES for r in self.records[role])
        return {
            kind: Probe(make_batch(self._of_kind(kind)[:PROBED], self.bank, kind.role, CPU), images)
            for kind, images in kinds.items()
        }

    def _of_kind(self, kind: Conditions) -> list[Record]:
        return [record for record in self.records[kind.role] if record.r == kind.r]


def gather(held_out: HeldOut, images: int, size: Size, progress: RunProgress) -> Compared:
    """Return at most so many test images, decoded for an input of that size.

    Raises:
        DataError: If one cannot be read.
    """
    split = sample(held_out.split, images)
    bank = held_out.bank([*split.query, *split.gallery], size)
    with progress.bar("Reading images", bank.files) as advance:
        bank.fill(advance)
    return Compared(held_out, {"query": split.query, "gallery": split.gallery}, bank)


def check_feature(method: Method, feature: str, compared: Compared, key: str) -> None:
    """Refuse a feature that a method does not return.

    Raises:
        UnknownName: If there is none of that name.
    """
    batch = next(iter(compared.probes().values())).batch
    with torch.inference_mode():
        known = method.embed(batch)
    if feature not in known:
        raise UnknownName(f"feature of {key!r}", feature, known)


@dataclass(frozen=True, slots=True)
class Rival:
    """A method with a graph that is to take its place, both on the CPU in float32.

    Attributes:
        method: The method.
        feature: The feature that the graph returns.
        graph: The graph.
        served: The kinds of images that it is right for.
    """

    method: Method
    feature: str
    graph: GraphMethod
    served: Collection[Conditions]

    def serves(self, role: Role, records: Sequence[Record]) -> npt.NDArray[np.bool_]:
        """Return which images of a role the graph is right for."""
        return np.array([Conditions(role, record.r) in self.served for record in records])


def compare(rival: Rival, compared: Compared, headline: str, progress: RunProgress) -> Parity:
    """Return how the graph agrees with the method.

    Images that the graph is not made for keep the method's features in the ranking.

    Args:
        rival: The two.
        compared: The images.
        headline: The full name of the CMC whose rank-1 is compared.
        progress: Bars.
    """
    own: dict[Role, Features] = {}
    rows: dict[Role, Features] = {}
    with progress.bar("Comparing features", 2 * compared.count) as advance:
        for role in ROLES:
            own[role] = _embed(rival.method, rival.feature, role, compared, advance)
            rows[role] = _embed(rival.graph, OUTPUT, role, compared, advance)
    fits = {role: rival.serves(role, compared.records[role]) for role in ROLES}
    gap = compare_features(
        np.concatenate([own[role][fits[role]] for role in ROLES]),
        np.concatenate([rows[role][fits[role]] for role in ROLES]),
    )
    placed = {role: np.where(fits[role][:, None], rows[role], own[role]) for role in ROLES}
    query, gallery = (compared.records[role] for role in ROLES)
    parity = Parity(gap, _compare_batches(rival, compared), len(query), len(gallery))
    if not has_match(query, gallery) or not math.isfinite(gap.largest):
        return parity  # there is nothing to rank, or nothing to rank by
    mean_ap, rank1 = compare_ranks(
        _sides(own, compared),
        _sides(placed, compared),
        distance=rival.method.distance,
        headline=headline,
    )
    return replace(parity, mean_ap=mean_ap, rank1=rank1)


def _embed(
    method: Method, feature: str, role: Role, compared: Compared, advance: Callable[[int], None]
) -> Features:
    return extract(method, compared.records[role], compared.bank, role, CPU, advance)[feature]


def _compare_batches(rival: Rival, compared: Compared) -> dict[int, Gap]:
    """Return the gap of the first images that are served, in one batch each of several sizes."""
    gaps = {}
    for size in BATCHES:
        ours, theirs = [], []
        for role in ROLES:
            records = compared.records[role]
            served = [r for r, fit in zip(records, rival.serves(role, records), strict=True) if fit]
            if served:
                some = list(islice(cycle(served), size))
                batch = make_batch(some, compared.bank, role, CPU)
                with torch.inference_mode():
                    ours.append(rival.method.embed(batch)[rival.feature].float().numpy())
                    theirs.append(rival.graph.embed(batch)[OUTPUT].numpy())
        gaps[size] = compare_features(np.concatenate(ours), np.concatenate(theirs))
    return gaps


def _sides(features: Mapping[Role, Features], compared: Compared) -> Sides:
    query, gallery = (
        Side(
            features[role],
            np.array([record.pid for record in compared.records[role]]),
            np.array([record.camid for record in compared.records[role]]),
        )
        for role in ROLES
    )
    return query, gallery
