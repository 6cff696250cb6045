"""P x K sampling: batches of P identities with K images each, resumable to the same draw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from harness.types import Record, Stream


class PKSampler:
    """Draws P x K batches from records.

    Identities come in shuffled passes, so that each is visited before any is visited again; the K
    images of an identity are drawn without replacement where it has K, with replacement where it
    has fewer.

    Args:
        records: To draw from.
        stream: P, K, which images, and the down-sampling rates.
        seed: Of the draws.

    Raises:
        ValueError: If fewer than P identities are left.
    """

    def __init__(self, records: Sequence[Record], stream: Stream, seed: int) -> None:
        self._stream = stream
        self._by_pid: dict[int, list[Record]] = defaultdict(list)
        for record in records:
            if _is_wanted(record, stream):
                self._by_pid[record.pid].append(record)
        self._pids = sorted(self._by_pid)
        if len(self._pids) < stream.identities:
            raise ValueError(
                f"a batch wants P = {stream.identities} identities, "
                f"the training records have {len(self._pids)}"
            )
        self._generator = torch.Generator().manual_seed(seed)
        self._queue: list[int] = []

    def draw(self) -> tuple[list[Record], list[int] | None]:
        """Return the next P x K records, and a rate for the copy of each or None."""
        records = [r for pid in self._next_identities() for r in self._images_of(pid)]
        rates = self._stream.rates
        if not rates:
            return records, None
        picks = torch.randint(len(rates), (len(records),), generator=self._generator)
        return records, [rates[i] for i in picks.tolist()]

    def state(self) -> dict[str, Any]:
        """Return the position, to be given to `restore`."""
        return {"generator": self._generator.get_state(), "queue": list(self._queue)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a position that `state` returned."""
        self._generator.set_state(state["generator"])
        self._queue = list(state["queue"])

    def _next_identities(self) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < self._stream.identities:
            if not self._queue:
                order = torch.randperm(len(self._pids), generator=self._generator)
                self._queue = [self._pids[i] for i in order.tolist()]
            at = next((i for i, p in enumerate(self._queue) if p not in chosen), None)
            if at is None:
                self._queue = []
                continue
            chosen.append(self._queue.pop(at))
        return chosen

    def _images_of(self, pid: int) -> list[Record]:
        images = self._by_pid[pid]
        k = self._stream.images
        if len(images) >= k:
            picks = torch.randperm(len(images), generator=self._generator)[:k]
        else:
            picks = torch.randint(len(images), (k,), generator=self._generator)
        return [images[i] for i in picks.tolist()]


def _is_wanted(record: Record, stream: Stream) -> bool:
    seen = stream.cameras is None or record.camid in stream.cameras
    return seen and (record.r == 1 or not stream.hr_only)
