"""The runs of a baseline: written as a bundle without losses, read into a store of their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.store import Store

_LOSSES = '{"type":"losses"'


@contextmanager
def store_of(*bundles: Sequence[str], name: str) -> Iterator[Store]:
    """Give a store with the runs of bundles, for as long as the block takes.

    Args:
        bundles: The lines of each; one without lines adds nothing.
        name: What they are called in errors.

    Raises:
        DataError: If one is damaged.
        IntegrityError: If two of them contradict each other.
    """
    with tempfile.TemporaryDirectory(prefix="reid-harness-") as folder:
        home = Path(folder)
        with Store.open(f"sqlite:///{home / 'baseline.sqlite'}", home=home) as store:
            for lines in bundles:
                if lines:
                    store.import_(lines, name=name)
            yield store


def bundle_of(store: Store, run_ids: Sequence[str]) -> tuple[str, ...]:
    """Return runs as the lines of a bundle, without the losses of their trainings."""
    lines = [line for line in store.export(run_ids) if not line.startswith(_LOSSES)]
    end = {"type": "end", "objects": len(lines) - 2}  # all but the header and the end
    return (*lines[:-1], json.dumps(end, separators=(",", ":")))
