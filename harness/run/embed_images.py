"""`harness embed`: the features of images by a registered model, in a file that can be evaluated.

Images are read, embedded and written batch by batch: of any number of them, one batch is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from harness.data.images import ImageBank
from harness.data.protocol import leaked
from harness.errors import DataError, UnknownName, UsageError, WeightsError
from harness.evaluation.extract import BATCH, extract
from harness.evaluation.feature_writer import FeatureWriter
from harness.loader import Registry, load_plugins
from harness.run.conditions import Conditions
from harness.run.embed_request import EmbedReport, EmbedRequest, check_request
from harness.run.embedder import Embedder, open_file, open_registered
from harness.run.held_out import HeldOut, open_held_out
from harness.run.image_files import compile_pattern, find_images, to_record
from harness.run.progress import RunProgress
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.training.device import choose_device
from harness.types import Record
from harness.types.method import Role

Fill = Callable[[Sequence[Record]], ImageBank]


@dataclass(frozen=True, slots=True)
class Part:
    """Images that are embedded in one role.

    Attributes:
        name: `query`, `gallery`, or `images` where they have no labels.
        role: The role.
        records: The images.
    """

    name: str
    role: Role
    records: Sequence[Record]

    @property
    def prefix(self) -> str:
        """What the names of its arrays begin with."""
        return "" if self.name == "images" else f"{self.name}_"


@dataclass(frozen=True, slots=True)
class Images:
    """What is embedded.

    Attributes:
        parts: One, or query and gallery.
        open_bank: Returns a bank, to be filled, of some of the records.
        held_out: The split of a data set that they are; None for files.
    """

    parts: Sequence[Part]
    open_bank: Fill
    held_out: HeldOut | None = None


def embed_images(request: EmbedRequest, progress: RunProgress) -> EmbedReport:
    """Embed images and write their features.

    Args:
        request: What is asked for.
        progress: Bars and notices.

    Raises:
        UsageError: If options contradict each other, or the file is there or cannot be written.
        DataError: If there is no image, one cannot be read, or its name says no identity.
        WeightsError: If the model was trained on the test identities of the split.
        HarnessError: If there is no such model, or it cannot be opened.
    """
    check_request(request)
    settings = Settings.from_environment()
    registry = load_plugins()
    embedder = _open(request, registry, settings)
    images = _gather(request, embedder, registry, settings, progress)
    kinds = {str(Conditions(part.role, r.r)) for part in images.parts for r in part.records}
    for kind in sorted(kinds.intersection(embedder.not_for)):
        progress.notice(f"{embedder.name} is not made for these images: {kind}.", style="yellow")
    with progress.live(), FeatureWriter(request.out) as writer:
        return _Embedding(request, embedder, images, writer, progress).run()


def _open(request: EmbedRequest, registry: Registry, settings: Settings) -> Embedder:
    """Return the model: a file where the name ends so, else a registered one."""
    if request.model.endswith(".onnx"):
        if request.device == "cuda" or request.precision != "float32":
            raise UsageError(
                "An ONNX file runs on the CPU in float32 here.",
                "Drop --device and --precision, or give the address of a registered model.",
            )
        return open_file(Path(request.model), request.feature)
    device = choose_device(request.device, request.precision)
    return open_registered(request.model, request.feature, registry, settings, device)


def _gather(
    request: EmbedRequest,
    embedder: Embedder,
    registry: Registry,
    settings: Settings,
    progress: RunProgress,
) -> Images:
    """Return what is to be embedded."""
    if request.dataset is not None:
        held_out = _open_split(request, embedder, registry, settings, progress)
        split = held_out.split
        return Images(
            parts=[Part("query", "query", split.query), Part("gallery", "gallery", split.gallery)],
            open_bank=lambda records: held_out.bank(records, embedder.size),
            held_out=held_out,
        )
    return Images(_parts(request), lambda records: ImageBank(Path(), records, embedder.size))


def _parts(request: EmbedRequest) -> list[Part]:
    """Return the images of files and folders."""
    r = None if request.low_resolution else 1
    if request.query is None or request.gallery is None:
        unlabelled = [to_record(image, r, None) for image in find_images(request.images)]
        return [Part("images", request.role, unlabelled)]
    pattern = compile_pattern(request.pattern)
    query, gallery = (
        [to_record(image, r, pattern) for image in find_images([folder])]
        for folder in (request.query, request.gallery)
    )
    for record in query:
        if record.pid <= 0:
            raise DataError(
                f"The query {record.path} has the identity {record.pid}, which stands for junk or "
                "a distractor.",
                "Number people from 1, or leave it out of the queries.",
            )
    return [Part("query", "query", query), Part("gallery", "gallery", gallery)]


def _open_split(
    request: EmbedRequest,
    embedder: Embedder,
    registry: Registry,
    settings: Settings,
    progress: RunProgress,
) -> HeldOut:
    """Return the split of a data set, after the model is known not to have seen its people."""
    training, dataset = embedder.training, str(request.dataset)
    own = training.split if training.dataset == dataset else 0
    index = own if request.split is None else request.split
    wanted = RunRequest(training.method, dataset, protocol=request.protocol)
    held_out = open_held_out(wanted, index, registry, settings, progress.notice)
    if not training.is_declared:
        progress.notice(f"{embedder.name} does not declare all that it was trained on.")
    origins = {key: spec.origin for key, spec in registry.datasets.items()}
    pids = leaked(held_out.split, training.trained_on or (), dataset, origins)
    if pids:
        raise WeightsError(
            f"{embedder.name} was trained on {len(pids)} of the test identities of split {index} "
            f"of {dataset} (the first is {pids[0]}).",
            "Give the `--split` that it was trained on, or the images as files.",
        )
    return held_out


@dataclass(slots=True)
class _Embedding:
    """Features on their way into a file."""

    request: EmbedRequest
    embedder: Embedder
    images: Images
    writer: FeatureWriter
    progress: RunProgress
    skipped: dict[str, str] = field(default_factory=dict)

    def run(self) -> EmbedReport:
        """Embed every part, write the file, and return the report."""
        kept = [(part, self._embed(part)) for part in self.images.parts]
        arrays: dict[str, npt.NDArray[Any]] = {}
        for part, records in kept:
            arrays |= self._describe(part, records)
        model = self.embedder
        held_out = self.images.held_out
        protocol = {} if held_out is None else {"protocol": held_out.protocol.id}
        facts = {"model": model.name, "feature": model.feature, "distance": model.distance}
        arrays |= {name: np.array(value) for name, value in {**facts, **protocol}.items()}
        self.writer.finish(arrays)
        return EmbedReport(
            out=self.request.out,
            model=model.name,
            sha256=model.sha256,
            feature=model.feature,
            dimensions=self.writer.dimensions,
            distance=model.distance,
            images={part.name: len(records) for part, records in kept},
            skipped=self.skipped,
            headline=None if held_out is None else held_out.protocol.spec.headline,
        )

    def _embed(self, part: Part) -> list[Record]:
        """Write the features of a part, and return the images that could be read."""
        kept: list[Record] = []
        with self.progress.bar(f"Embedding {part.name}", len(part.records)) as advance:
            for start in range(0, len(part.records), BATCH):
                chunk = part.records[start : start + BATCH]
                readable, bank = self._read(chunk)
                if readable:
                    rows = self._extract(readable, bank, part.role)
                    self.writer.append(f"{part.prefix}features", rows)
                kept += readable
                advance(len(chunk))
        if not kept:
            raise DataError(
                f"Not one of {len(part.records)} images ({part.name}) could be read.",
                "Check one of them with another program: they may be of no kind that is read here.",
            )
        return kept

    def _read(self, records: Sequence[Record]) -> tuple[Sequence[Record], ImageBank]:
        """Return the images that can be read, and their pixels.

        Raises:
            DataError: If one cannot be read, and is not to be left out.
        """
        bank = self.images.open_bank(records)
        try:
            bank.fill()
        except DataError as error:
            if self.images.held_out is not None:
                raise
            if not self.request.skip_broken:
                raise DataError(
                    error.what, "Replace it, or leave such files out with `--skip-broken`."
                ) from error
        else:
            return records, bank
        readable = [record for record in records if self._can_be_read(record)]
        bank = self.images.open_bank(readable)
        bank.fill()
        return readable, bank

    def _can_be_read(self, record: Record) -> bool:
        try:
            self.images.open_bank([record]).fill()
        except DataError as error:
            self.skipped[record.path] = error.what
            return False
        return True

    def _extract(
        self, records: Sequence[Record], bank: ImageBank, role: Role
    ) -> npt.NDArray[np.float32]:
        model = self.embedder
        with torch.autocast(model.device.type, torch.bfloat16, enabled=model.precision == "bf16"):
            features = extract(model.method, records, bank, role, model.device)
        if model.key not in features:
            raise UnknownName(f"feature of {model.name}", model.key, features)
        return features[model.key]

    def _describe(self, part: Part, records: Sequence[Record]) -> Mapping[str, npt.NDArray[Any]]:
        """Return the arrays that say whose the rows of a part are."""
        prefix = part.prefix
        told: dict[str, npt.NDArray[Any]] = {
            f"{prefix}paths": np.array([Path(record.path).as_posix() for record in records])
        }
        if part.name == "images":
            return told
        told[f"{prefix}ids"] = np.array([record.pid for record in records], dtype=np.int64)
        told[f"{prefix}cams"] = np.array([record.camid for record in records], dtype=np.int64)
        if part.name == "query" and self.images.held_out is not None:
            rates = [np.nan if record.r is None else record.r for record in records]
            told["query_resolutions"] = np.array(rates, dtype=np.float64)
        return told
