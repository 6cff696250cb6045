"""What `harness embed` is asked for, and what it reports; without torch."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.definitions.rules import RULES
from harness.errors import UsageError
from harness.run.image_files import PATTERN
from harness.types.method import Distance, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """The options of the command.

    Attributes:
        model: The address of a registered model, or an ONNX file of `harness models export`.
        out: The file to write.
        images: Files and folders without labels.
        query: A folder of queries.
        gallery: A folder of gallery images.
        pattern: Tells identity and camera from the name of a query or a gallery image.
        dataset: Key of a data set whose test images are embedded.
        protocol: Of the data set; None is its default.
        split: Of the protocol; None is that of the model on its own data set, else 0.
        feature: A key of what `embed` returns; None is the method's default.
        role: What images without labels are taken for.
        low_resolution: Whether files are of low resolution as captured.
        skip_broken: Whether to leave out files that cannot be read.
        device: `auto`, `cpu` or `cuda`.
        precision: `float32` or `bf16`.
        overwrite: Whether a file that is there may be replaced.
    """

    model: str
    out: Path
    images: Sequence[Path] = ()
    query: Path | None = None
    gallery: Path | None = None
    pattern: str = PATTERN
    dataset: str | None = None
    protocol: str | None = None
    split: int | None = None
    feature: str | None = None
    role: Role = "gallery"
    low_resolution: bool = False
    skip_broken: bool = False
    device: str = "auto"
    precision: str = "float32"
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedReport:
    """What was written.

    Attributes:
        out: The file.
        model: The version's address, or the name of the ONNX file.
        sha256: Of the model.
        feature: Its name.
        dimensions: d.
        distance: Between two features, as the method declares it.
        images: How many there are of each side, by the prefix of its arrays.
        skipped: Files that were left out, and why.
        headline: The CMC of the protocol; None where no protocol was named.
    """

    out: Path
    model: str
    sha256: str
    feature: str
    dimensions: int
    distance: Distance
    images: Mapping[str, int]
    skipped: Mapping[str, str]
    headline: str | None

    @property
    def evaluate(self) -> str | None:
        """The command that scores the file; None where it has no query and gallery."""
        if set(self.images) != {"query", "gallery"}:
            return None
        rules = [rule.key for rule in RULES.values() if rule.headline == self.headline]
        options = f" --rule {rules[0]}" if rules else ""
        return f"harness evaluate {shlex.quote(str(self.out))} --distance {self.distance}{options}"

    def as_json(self) -> dict[str, Any]:
        """Return the report by the names that it has in JSON."""
        return {
            "file": str(self.out),
            "model": self.model,
            "sha256": self.sha256,
            "feature": self.feature,
            "dimensions": self.dimensions,
            "distance": self.distance,
            "images": dict(self.images),
            "skipped": [{"file": file, "reason": why} for file, why in self.skipped.items()],
            "evaluate": self.evaluate,
        }


def check_request(request: EmbedRequest) -> None:
    """Refuse options that contradict each other, and a file that is there already.

    Raises:
        UsageError: If so.
    """
    sides = (request.query, request.gallery)
    given = [bool(request.images), any(sides), request.dataset is not None]
    if sum(given) != 1:
        raise UsageError(
            "There is nothing to embed." if not any(given) else "There are images of two kinds.",
            "Give IMAGES, or --query and --gallery, or --dataset.",
        )
    if any(sides) and not all(sides):
        raise UsageError(
            "One of --query and --gallery is missing.",
            "Give both; for images without labels, give them as IMAGES.",
        )
    if request.dataset is None and (request.protocol, request.split) != (None, None):
        raise UsageError("--protocol and --split are of a data set.", "Give --dataset as well.")
    if request.dataset is not None and (request.skip_broken or request.low_resolution):
        raise UsageError(
            "--skip-broken and --low-resolution are for files: a protocol says which images of a "
            "data set there are, and of what resolution.",
            "Drop the option; `harness data check` names what is broken.",
        )
    if request.out.suffix != ".npz":
        raise UsageError(
            f"{request.out.name} does not end in .npz.", "Features are written as .npz alone."
        )
    if request.out.exists() and not request.overwrite:
        raise UsageError(
            f"There is a file {request.out} already.", "Give another name, or `--overwrite`."
        )
