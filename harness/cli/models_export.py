"""`harness models export`: a registered model for other runtimes, compared before it is written."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from harness.cli.console import emit_json, stderr, stdout

if TYPE_CHECKING:
    from harness.evaluation.parity import Shift
    from harness.run.export_report import ExportReport, GraphReport

HELP_ADDRESS = "Of the model: models:/NAME@ALIAS or models:/NAME/VERSION."
HELP_FILE = "The file to write: .onnx, .pt2 (torch.export) or .safetensors."
HELP_FORMAT = "onnx, torch or safetensors. Default: by the suffix of FILE."
HELP_FEATURE = "A feature of the method other than its default."
HELP_ROLE = "Which images the graph is for, where the method tells query from gallery."
HELP_IMAGES = "How many test images of the model's split are compared at most."
HELP_TOLERANCE = "Largest gap between two features of an image that is allowed [of their norm]."
HELP_MAP_TOLERANCE = "Largest change of mAP that is allowed [points of per cent]."
HELP_OVERWRITE = "Replace FILE where it is there."


class RoleOption(StrEnum):
    """The roles of an image, as typer offers them."""

    query = "query"
    gallery = "gallery"


def export(
    address: Annotated[str, typer.Argument(help=HELP_ADDRESS)],
    file: Annotated[Path, typer.Argument(help=HELP_FILE)],
    format_: Annotated[str | None, typer.Option("--format", help=HELP_FORMAT)] = None,
    feature: Annotated[str | None, typer.Option("--feature", help=HELP_FEATURE)] = None,
    role: Annotated[RoleOption, typer.Option("--role", help=HELP_ROLE)] = RoleOption.gallery,
    images: Annotated[int, typer.Option("--images", min=2, help=HELP_IMAGES)] = 512,
    tolerance: Annotated[float, typer.Option("--tolerance", min=0, help=HELP_TOLERANCE)] = 1e-4,
    map_tolerance: Annotated[
        float, typer.Option("--map-tolerance", min=0, help=HELP_MAP_TOLERANCE)
    ] = 0.05,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=HELP_OVERWRITE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export a model as a graph for other runtimes, or as it is.

    An ONNX file, or one of torch.export, takes pixels (N, 3, H, W) in [0, 1], RGB, resized with
    PIL's bilinear filter to the size of the model, for any N, and returns the feature (N, d). It is
    run and compared with the method on test images before it is written: features, mAP and rank-1.
    Where they differ beyond tolerance, nothing is written (exit code 4). The comparison is kept in
    FILE.parity.json.

    A .safetensors file holds the networks and all that is needed to build the method again:
    `harness models import` reads it.

    For example:

    - `harness models export models:/baseline-hr-caviar@best baseline.onnx`
    - `harness models export models:/intact-caviar/1 intact-query.onnx --role query`
    - `harness models export models:/baseline-hr-caviar/3 baseline.safetensors`
    """
    from harness.run.export_model import export_model
    from harness.run.export_report import ExportRequest
    from harness.run.progress import RunProgress

    request = ExportRequest(
        address=address,
        file=file,
        format=format_,
        feature=feature,
        role=role.value,
        images=images,
        tolerance=tolerance,
        map_tolerance=map_tolerance / 100,
        overwrite=overwrite,
    )
    report = export_model(request, RunProgress(stderr))
    if as_json:
        emit_json(report.as_json())
    else:
        _print(report)


def _print(report: ExportReport) -> None:
    stdout.print(
        f"Wrote {report.file} ({report.format}) from {report.version.address}.",
        markup=False,
        highlight=False,
    )
    if report.graph is None:
        return
    graph = report.graph
    height, width = graph.size
    stdout.print(
        f"It takes pixels (N, 3, {height}, {width}) in [0, 1] and returns {graph.feature} "
        f"(N, {graph.dimensions}), to be compared by {graph.distance} distance.",
        markup=False,
        highlight=False,
    )
    stdout.print(_table(graph))
    if graph.others:
        stdout.print(
            f"It is right for these images: {'; '.join(graph.served)}. The method treats others "
            f"otherwise, and embedded them in both columns: {'; '.join(graph.others)}.",
            style="yellow",
            markup=False,
            highlight=False,
        )


def _table(graph: GraphReport) -> Table:
    parity = graph.parity
    table = Table("", box=box.SIMPLE, title=f"compared on {graph.compared_on}")
    for heading in ("method", "graph", "change"):
        table.add_column(heading, justify="right")
    gap = f"{parity.gap.largest:.2g} ({parity.gap.relative:.1g} of the norm)"
    table.add_row("largest gap of a feature", "", "", gap)
    table.add_row("mAP, sum of precisions [%]", *_cells(parity.mean_ap))
    table.add_row("rank-1 [%]", *_cells(parity.rank1))
    return table


def _cells(shift: Shift | None) -> tuple[str, str, str]:
    if shift is None:
        return "-", "-", "-"
    return f"{100 * shift.method:.2f}", f"{100 * shift.graph:.2f}", f"{100 * shift.change:+.3f}"
