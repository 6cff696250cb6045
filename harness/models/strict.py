"""Loading by name, strictly: every tensor has its place, or the report says which have not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from torch import Tensor

from harness.errors import WeightsError

SHOWN = 5  # keys of each kind in a report
COUNTER = "num_batches_tracked"  # of batch normalisation; older files lack it, and nothing reads it


def fitted(
    given: Mapping[str, Tensor], own: Mapping[str, Tensor], *, title: str, advice: str
) -> dict[str, Tensor]:
    """Return given tensors in the types of one's own, if they fit: the same keys and shapes.

    Args:
        given: What is to be loaded, by key.
        own: What there is a place for, by key.
        title: What is loaded into what ("The weights w.pth do not fit this network").
        advice: What to do where a key does not seem to be misspelt.

    Raises:
        WeightsError: If keys are missing, unexpected or of another shape; all are counted, and for
            a missing one an unexpected one of like name and shape is offered.
    """
    given = {key: value for key, value in own.items() if key.endswith(COUNTER)} | dict(given)
    missing = sorted(own.keys() - given.keys())
    unexpected = sorted(given.keys() - own.keys())
    shapes = sorted(
        f"{key} {tuple(given[key].shape)} for {tuple(own[key].shape)}"
        for key in own.keys() & given.keys()
        if own[key].shape != given[key].shape
    )
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    if any(kinds.values()):
        listed = "; ".join(_shown(kind, keys) for kind, keys in kinds.items() if keys)
        alike = _renamed({k: own[k] for k in missing}, {k: given[k] for k in unexpected})
        raise WeightsError(f"{title}: {listed}.", f"{alike}{advice}")
    return {key: given[key].to(value.dtype) for key, value in own.items()}


def _shown(kind: str, keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{len(keys)} {kind} ({', '.join(keys[:SHOWN])}{more})"


def _renamed(missing: Mapping[str, Tensor], unexpected: Mapping[str, Tensor]) -> str:
    """Return a question for the first missing key that an unexpected one is nearly the name of."""
    for key, place in missing.items():
        same_shape = [name for name, value in unexpected.items() if value.shape == place.shape]
        for name in difflib.get_close_matches(key, same_shape, n=1, cutoff=0.6):
            return f"{key} is missing; is it what the file calls {name}? Rename it there. "
    return ""
