"""Asks, before any image is decoded, whether a data set has what a method cannot do without."""

from __future__ import annotations

from collections.abc import Sequence

from harness.data.protocol import Protocol
from harness.errors import DataError, UsageError
from harness.loader import Registry
from harness.specs import all_protocols
from harness.types import MethodSpec, Split, Trial


def check_needs(
    method: MethodSpec, protocol: Protocol, trials: Sequence[Trial], registry: Registry
) -> None:
    """Refuse a data set without the images that a method needs.

    Args:
        method: Whose `needs`.
        protocol: Applied to the records of the data set.
        trials: Whose splits are looked at.
        registry: Names the data sets to use in place of a refused one.

    Raises:
        UsageError: If the method restores queries of low resolution, and there is none.
        DataError: If the method is trained on pairs of high and low resolution, and a split has no
            image to make them from.
    """
    splits = [protocol.split(index) for index in sorted({trial.split for trial in trials})]
    if "lr-queries" in method.needs and not any(map(_has_lr_query, splits)):
        raise UsageError(
            f"{method.key!r} restores queries of low resolution, but all queries of "
            f"{protocol.spec.dataset} (protocol {protocol.spec.key}) are of high resolution.",
            f"Use a data set that has some: {_offer(registry)}.",
        )
    if "hr-pairs" in method.needs:
        for split in splits:
            _check_pairs(method, protocol, split)


def _has_lr_query(split: Split) -> bool:
    return any(record.r != 1 for record in split.query)


def _check_pairs(method: MethodSpec, protocol: Protocol, split: Split) -> None:
    if all(record.r != 1 for record in split.train):
        raise DataError(
            f"{method.key!r} is trained on pairs of high and low resolution, but none of the "
            f"{len(split.train)} training images of {protocol.spec.dataset}, split {split.index}, "
            "is of high resolution.",
            "Use a data set with training images of high resolution (r = 1).",
        )


def _offer(registry: Registry) -> str:
    """Name the data sets whose default protocol degrades queries.

    Where queries are of low resolution as captured, only reading the images could tell.
    """
    protocols = all_protocols(registry.protocols)
    keys = [
        spec.key
        for spec in registry.datasets.values()
        if spec.protocol in protocols and protocols[spec.protocol].degradation is not None
    ]
    if not keys:
        return "`harness data list` shows what there is"
    return " or ".join(f"`--dataset {key}`" for key in sorted(keys))
