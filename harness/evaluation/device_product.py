"""Nearness by a float32 product on a GPU; counting stays on the processor.

The product is the same sum of d products, in the order of the device, with TensorFloat-32 off, so
the margin of `harness.evaluation.product` holds; what it leaves in doubt is looked at on the
processor. Ranks are those of any other device.

Axes: A queries of a block, B gallery images of a tile, G gallery images, d dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.evaluation.inputs import PreparedSide
from harness.evaluation.nearness import Fill
from harness.evaluation.product import Product, ProductBlock
from harness.types.method import Distance


class DeviceProduct(Product):
    """The nearness of two sides by their product on a device.

    Args:
        query: The images to search for.
        gallery: The images to search in.
        distance: `euclidean` or `cosine`.
        max_memory: Bytes of working memory, here and on the device.
        features: Of the gallery where they are on the device already, (G, d).
    """

    width = 16384  # a tile of this width keeps the device busy

    def __init__(
        self,
        query: PreparedSide,
        gallery: PreparedSide,
        distance: Distance,
        max_memory: int,
        features: Tensor,
    ) -> None:
        super().__init__(query, gallery, distance, max_memory)
        self._tensor = features.detach()
        self._factor = torch.from_numpy(self.gallery.factor)[:, None].to(features.device)
        self._shift = torch.from_numpy(self.gallery.shift).to(features.device)

    def open(self, queries: slice) -> DeviceBlock:
        """Return some queries, ready to be multiplied."""
        block = super().open(queries)
        features = torch.from_numpy(block.features).to(self._tensor.device)
        return DeviceBlock(
            self, block.reference, block.features, block.margin, block.fine_margin, features
        )

    def multiply(self, features: Tensor, part: slice) -> Tensor:
        """Return the products of some queries, (A, d), and a part of the gallery, (A, B)."""
        wide = self._tensor[part].double()
        centred = (wide * self._factor[part] - self._shift).float()
        with _full_precision():
            return features @ centred.T


@dataclass(frozen=True, slots=True)
class DeviceBlock(ProductBlock):
    """Some queries, also on the device, (A, d)."""

    on_device: Tensor

    def fill(self, part: slice) -> Fill:
        """Multiply on the device, whole, and return what copies rows from there."""
        assert isinstance(self.product, DeviceProduct)
        products = self.product.multiply(self.on_device, part)

        def fill(tile: npt.NDArray[np.floating], rows: tuple[int, int]) -> None:
            torch.from_numpy(tile[slice(*rows)]).copy_(products[slice(*rows)])

        return fill


@contextmanager
def _full_precision() -> Iterator[None]:
    """Multiply in float32 and nothing less, whatever the user chose for training."""
    chosen = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(chosen)
