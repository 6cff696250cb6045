"""A method with a small data set in this process: what the checks of features and training use.

Images are some of `synthped`, at the size of the recipe `tiny`: its training identities to train
on, and a few of its test images in every resolution that a method can meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.data.catalogue import load
from harness.data.images import ImageBank
from harness.data.protocol import resolve as apply_protocol
from harness.evaluation.extract import make_batch
from harness.loader import Registry, resolve
from harness.settings import Settings
from harness.specs import all_protocols
from harness.testing.check import Blocked
from harness.training.device import seed_everything
from harness.types import EmbedBatch, FitContext, Method, MethodConfig, MethodSpec, Recipe, Record
from harness.types.method import Role

DATASET = "synthped"
RECIPES = ("tiny", "smoke")  # the first that the method has
STRIDE = 16  # of the test images, one in so many is looked at
RATES = (1, 2, 3, 4)
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Bench:
    """A method and what it is tried on.

    Attributes:
        spec: The method.
        recipe: The training configuration.
        config: Its settings.
        root: The folder of the images.
        bank: The images, decoded.
        train: Records to train on.
        queries: Records to query: of native low resolution, as captured, and degraded.
        gallery: Records to search.
    """

    spec: MethodSpec
    recipe: Recipe
    config: MethodConfig
    root: Path
    bank: ImageBank
    train: Sequence[Record]
    queries: Sequence[Record]
    gallery: Sequence[Record]

    @classmethod
    def of(cls, spec: MethodSpec, registry: Registry) -> Bench:
        """Return the bench of a method, its images decoded.

        Raises:
            Blocked: If the method has no recipe that its config takes.
        """
        recipe = next((spec.recipes[name] for name in RECIPES if name in spec.recipes), None)
        try:
            config = spec.config.model_validate(recipe.values) if recipe else None
        except ValueError:
            config = None
        if recipe is None or config is None:
            raise Blocked("it has no recipe to try it with: see `recipes`")
        dataset = registry.dataset(DATASET)
        root, records = load(dataset, Settings.from_environment())
        rules = all_protocols(registry.protocols)[dataset.protocol]
        split = apply_protocol(rules, records, manifest="").split(0)
        queries, gallery = split.query[::STRIDE], split.gallery[::STRIDE]
        queries = (*queries, *_in_every_resolution(split.gallery[1::STRIDE]))
        bank = _decode(root, (*split.train, *queries, *gallery), (config.height, config.width))
        return cls(spec, recipe, config, root, bank, split.train, queries, gallery)

    @cached_property
    def repeats(self) -> bool:
        """Whether the same images give the same bits when they are embedded twice."""
        method = self.build()
        runs = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            runs.append(self.embed(method, self.queries, "query"))
        return all(same_bits(rows, runs[1][name]) for name, rows in runs[0].items())

    @property
    def context(self) -> FitContext:
        """What the method knows of its training records."""
        return FitContext(
            identities=len({record.pid for record in self.train}),
            images=len(self.train),
            cameras=len({record.camid for record in self.train}),
        )

    def construct(self, seed: int = 0) -> Method:
        """Return the method as it is before training; raises whatever it raises."""
        seed_everything(seed)
        factory = resolve(self.spec.method, needed_by=f"method {self.spec.key!r}")
        method: Method = factory(self.config, self.context)
        for network in method.networks.values():
            network.to(memory_format=torch.channels_last)
        return method

    def build(self, seed: int = 0) -> Method:
        """Return the method as it is before training.

        Raises:
            Blocked: If it cannot be built, which is another check's to tell.
        """
        try:
            return self.construct(seed)
        except Exception as error:
            raise Blocked("it cannot be built: see `builds`") from error

    def batch(self, records: Sequence[Record], role: Role) -> EmbedBatch:
        """Return what the method sees of some records."""
        return make_batch(records, self.bank, role, CPU)

    def embed(
        self, method: Method, records: Sequence[Record], role: Role, size: int | None = None
    ) -> dict[str, Tensor]:
        """Return the features of records, by name, each (N, d).

        Args:
            method: A method of this bench.
            records: What to embed.
            role: Of all of them.
            size: Images in a batch; None puts all into one.

        Raises:
            Blocked: If they are no features, which is another check's to tell.
        """
        step = size or len(records)
        chunks = [records[start : start + step] for start in range(0, len(records), step)]
        try:
            features = embed(method, [self.batch(chunk, role) for chunk in chunks])
        except Exception as error:
            raise Blocked("`embed` fails: see `finite-features`") from error
        if not features or any(find_fault(rows, len(records)) for rows in features.values()):
            raise Blocked("its features cannot be used: see `finite-features`")
        return features


def embed(method: Method, batches: Iterable[EmbedBatch]) -> dict[str, Tensor]:
    """Return what `embed` makes of batches, one after another, as the harness calls it."""
    evaluating(method)
    parts: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for batch in batches:
            for name, rows in method.embed(batch).items():
                parts.setdefault(name, []).append(rows)
    return {name: torch.cat(rows) for name, rows in parts.items()}


def evaluating(method: Method) -> Method:
    """Put all networks of a method into eval mode, as the harness does, and return it."""
    for network in method.networks.values():
        network.eval()
    return method


def find_fault(rows: Tensor, images: int) -> str | None:
    """Return why a tensor is not the features of so many images, or None."""
    if rows.ndim != 2 or len(rows) != images:
        return f"of shape {tuple(rows.shape)} for {images} images"
    if not rows.is_floating_point():
        return f"of type {rows.dtype}"
    broken = int((~rows.isfinite()).any(dim=1).sum())
    return f"not finite for {broken} of {images} images" if broken else None


def snapshot(method: Method) -> dict[str, Tensor]:
    """Return a copy of every parameter and buffer of a method, by `network.name`."""
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in method.networks.items()
        for key, value in network.state_dict().items()
    }


def find_changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    """Return the names whose bits differ between two snapshots."""
    return [name for name, value in after.items() if not same_bits(value, before[name])]


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors hold the same bytes."""
    return a.shape == b.shape and bool(torch.equal(_bytes(a), _bytes(b)))


def relative_gap(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """Return the largest distance of two rows, as a share of the length of the first of them.

    Args:
        a: Features by name, each (N, d).
        b: The same from elsewhere.
    """
    gaps = []
    for name in a:
        rows, others = a[name].detach().double(), b[name].detach().double()
        gaps.append((rows - others).norm(dim=1) / rows.norm(dim=1).clamp(min=1e-12))
    return float(torch.cat(gaps).max())


@lru_cache(maxsize=2)
def _decode(root: Path, records: tuple[Record, ...], size: tuple[int, int]) -> ImageBank:
    """Return the images of records, decoded once for all methods of one input size."""
    bank = ImageBank(root, records, size)
    bank.fill()
    return bank


def _bytes(value: Tensor) -> Any:
    return value.detach().contiguous().flatten().view(torch.uint8)


def _in_every_resolution(records: Sequence[Record]) -> list[Record]:
    """Return images of high resolution as they are and degraded, in turn."""
    turns = [RATES[i % len(RATES)] for i in range(len(records))]
    return [
        record if r == 1 else replace(record, id=f"{record.id}@r{r}", r=r, hr_id=record.id)
        for record, r in zip(records, turns, strict=True)
    ]
