"""`harness models export`: a registered model as a graph for other runtimes, or as it is.

A graph is written into a folder of its own, run, and compared with the method on test images; it
comes to its place, with its report beside it, only where it agrees.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from harness.errors import DataError, IntegrityError, UnknownName, UsageError
from harness.evaluation.parity import Parity
from harness.loader import Registry, load_plugins
from harness.pixels import Size
from harness.run.agreement import Compared, Rival, check_feature, compare, gather
from harness.run.conditions import Conditions, choose_conditions
from harness.run.export_report import (
    ExportReport,
    ExportRequest,
    Format,
    GraphReport,
    choose_format,
    parity_file,
)
from harness.run.graph import (
    Graph,
    GraphMethod,
    PixelsToFeature,
    ProgramGraph,
    Run,
    check_onnx_is_here,
    open_onnx,
    open_program,
    to_onnx,
    trace,
)
from harness.run.held_out import HeldOut, open_held_out
from harness.run.progress import RunProgress
from harness.run.registered import copy_model, find_version, open_model
from harness.run.request import RunRequest
from harness.settings import Settings
from harness.store import ModelVersionView, Store
from harness.types import Method

FALLBACK = "synthped"  # a data set of every machine


def export_model(request: ExportRequest, progress: RunProgress) -> ExportReport:
    """Export a model and return the report.

    Args:
        request: What is asked for.
        progress: Bars and notices.

    Raises:
        UsageError: If the format is unknown, the file is there already or cannot be written, or
            the packages of the extra `export` are absent.
        IntegrityError: If the graph does not agree with the method; then nothing is written.
        PluginError: If the method cannot be made a graph.
        HarnessError: If there is no such model, or it cannot be opened.
    """
    chosen = choose_format(request)
    _check_place(request)
    if chosen == "onnx":
        check_onnx_is_here()
    settings = Settings.from_environment()
    registry = load_plugins()
    with Store.open(settings.db, home=settings.home) as store, progress.live():
        if chosen == "safetensors":
            version = find_version(request.address, store)
            copy_model(store, version, request.file)
            return ExportReport(file=request.file, format=chosen, version=version)
        version, method = open_model(request.address, registry, store, torch.device("cpu"))
        export = _Export(request, chosen, version, method, progress)
        return export.run(_find_images(version, store, registry, settings, progress))


def _check_place(request: ExportRequest) -> None:
    if request.overwrite:
        return
    for file in (request.file, parity_file(request.file)):
        if file.exists():
            raise UsageError(
                f"There is a file {file} already.", "Give another name, or `--overwrite`."
            )


def _find_images(
    version: ModelVersionView,
    store: Store,
    registry: Registry,
    settings: Settings,
    progress: RunProgress,
) -> HeldOut:
    """Return the test images of a model's own split, or others where these are not at hand."""
    scored = [protocol for _score, protocol in store.models.where_scores(version)]
    own = [protocol.key for protocol in scored if protocol.dataset == version.dataset]
    request = RunRequest(version.method, version.dataset, protocol=own[-1] if own else None)
    try:
        return open_held_out(request, version.split, registry, settings, progress.notice)
    except (DataError, UnknownName) as error:
        progress.notice(f"{error.what} The graph is compared on {FALLBACK} instead.")
    request = RunRequest(version.method, FALLBACK)
    return open_held_out(request, 0, registry, settings, progress.notice)


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Give a folder on the disk of a file, gone at the end with what is left in it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            yield Path(folder)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.",
            "Give a file that you may write, on a disk with space left.",
        ) from error


@dataclass(frozen=True, slots=True)
class _Export:
    """One export of a graph."""

    request: ExportRequest
    format: Format
    version: ModelVersionView
    method: Method
    progress: RunProgress

    @property
    def size(self) -> Size:
        """Height and width of the input."""
        return self.version.config["height"], self.version.config["width"]

    @property
    def feature(self) -> str:
        """The feature that the graph returns."""
        return self.request.feature or self.method.feature

    def run(self, held_out: HeldOut) -> ExportReport:
        """Trace, write, compare, and move to the place what agrees."""
        for network in self.method.networks.values():  # a program is not written channels last
            network.to(memory_format=torch.contiguous_format)
        with _beside(self.request.file) as folder:
            compared = gather(held_out, self.request.images, self.size, self.progress)
            check_feature(self.method, self.feature, compared, self.version.method)
            probes = compared.probes()
            conditions, served = choose_conditions(
                self.method, self.feature, self.request.role, probes
            )
            graph = self._trace(conditions)
            draft = folder / f"draft.{'onnx' if self.format == 'onnx' else 'pt2'}"
            graph.save(draft, {})
            rival = Rival(self.method, self.feature, GraphMethod(self._open(draft)), served)
            parity = self._compare(rival, compared)
            report = self._report(conditions, rival, compared, parity)
            self._move_to_place(graph, report, draft)
        return report

    def _report(
        self, conditions: Conditions, rival: Rival, compared: Compared, parity: Parity
    ) -> ExportReport:
        kinds = compared.probes()
        return ExportReport(
            file=self.request.file,
            format=self.format,
            version=self.version,
            graph=GraphReport(
                feature=self.feature,
                dimensions=parity.gap.dimensions,
                size=self.size,
                distance=self.method.distance,
                role=conditions.role,
                r=conditions.r,
                served=[str(kind) for kind in kinds if kind in rival.served],
                others=[str(kind) for kind in kinds if kind not in rival.served],
                compared_on=f"{compared.count} test images of {compared.held_out}",
                parity=parity,
            ),
        )

    def _trace(self, conditions: Conditions) -> Graph:
        key = self.version.method
        module = PixelsToFeature(self.method, self.feature, conditions).eval()
        with self.progress.bar("Tracing", 1):
            program = trace(module, self.size, key)
            return to_onnx(program, key) if self.format == "onnx" else ProgramGraph(program)

    def _open(self, file: Path) -> Run:
        return open_onnx(file)[0] if self.format == "onnx" else open_program(file)

    def _compare(self, rival: Rival, compared: Compared) -> Parity:
        """Return the comparison, or refuse the graph.

        Raises:
            IntegrityError: If it is beyond tolerance.
        """
        headline = compared.held_out.protocol.spec.headline
        parity = compare(rival, compared, headline, self.progress)
        refusal = parity.refusal(self.request.tolerance, self.request.map_tolerance)
        if refusal is not None:
            raise IntegrityError(
                f"{self.version.address} is not exported: {refusal}.",
                "Nothing was written. Where that is good enough for you, raise `--tolerance` or "
                "`--map-tolerance`.",
            )
        return parity

    def _move_to_place(self, graph: Graph, report: ExportReport, draft: Path) -> None:
        """Write the graph with its metadata and the report beside it; both come whole."""
        graph.save(draft, report.metadata())
        told = draft.with_name("parity.json")
        told.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
        os.replace(told, parity_file(report.file))
        os.replace(draft, report.file)
