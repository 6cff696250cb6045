"""Embeds records with a method: no gradient, eval mode, float32 unless asked otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.data.images import ImageBank, to_unit_range
from harness.errors import PluginError
from harness.types import EmbedBatch, Method, Record
from harness.types.method import Role

BATCH = 64  # images; the result does not depend on it

Features = npt.NDArray[np.float32]


def extract(
    method: Method,
    records: Sequence[Record],
    bank: ImageBank,
    role: Role,
    device: torch.device,
    advance: Callable[[int], None] = lambda _n: None,
) -> dict[str, Features]:
    """Return the named features of records, each (len(records), d), in their order.

    Args:
        method: On the device; its networks are put into eval mode.
        records: What to embed; neither identity nor camera reaches the method.
        bank: Their images, decoded.
        role: `query` or `gallery`.
        device: Where the method is.
        advance: Called with the number of images after each batch.

    Raises:
        PluginError: If `embed` returns something else than one row for each image.
    """
    for network in method.networks.values():
        network.eval()
    parts: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for start in range(0, len(records), BATCH):
            chunk = records[start : start + BATCH]
            for name, rows in method.embed(make_batch(chunk, bank, role, device)).items():
                _check(name, rows, len(chunk))
                parts.setdefault(name, []).append(rows.float().cpu())
            advance(len(chunk))
    return {name: torch.cat(rows).numpy() for name, rows in parts.items()}


def make_batch(
    records: Sequence[Record], bank: ImageBank, role: Role, device: torch.device
) -> EmbedBatch:
    """Return what a method sees of some records."""
    return EmbedBatch(
        pixels=to_unit_range(bank.batch(records), device),
        native_size=torch.tensor([bank.native_size(record) for record in records]),
        r=[record.r for record in records],
        role=role,
    )


def _check(name: str, rows: Tensor, images: int) -> None:
    if rows.ndim != 2 or len(rows) != images:
        raise PluginError(
            f"`embed` returned {name!r} of shape {tuple(rows.shape)} for {images} images.",
            "Return one row for each image: (N, d).",
        )
