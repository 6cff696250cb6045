"""`harness embed`: features of images by a registered model, in a file that can be evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import emit_json, stderr, stdout
from harness.cli.models_export import RoleOption

if TYPE_CHECKING:
    from harness.run.embed_request import EmbedReport

HELP_IMAGES = "Files, and folders with all that is in them; they get no labels."
HELP_MODEL = "models:/NAME@ALIAS, models:/NAME/VERSION, or an .onnx file of `models export`."
HELP_OUT = "The .npz to write."
HELP_QUERY = "A folder of queries; needs --gallery."
HELP_GALLERY = "A folder of gallery images; needs --query."
HELP_PATTERN = (
    "A regular expression with the groups pid and camid, for the names in --query and --gallery. "
    "Default: as Market-1501 names its files."
)
HELP_DATASET = "Embed the test images of a data set, a key of `harness data list`."
HELP_PROTOCOL = "With --dataset: a protocol other than its default."
HELP_SPLIT = "With --dataset: the split. Default: that of the model on its own data set, else 0."
HELP_FEATURE = "A feature of the method other than its default."
HELP_ROLE = "What IMAGES are taken for, where the method tells query from gallery."
HELP_LOW = "The files are of low resolution as captured, which some methods restore in a query."
HELP_SKIP = "Leave out files that cannot be read, and list them."
HELP_PRECISION = "float32 (default) or bf16."
HELP_OVERWRITE = "Replace the file where it is there."


def embed(
    model: Annotated[str, typer.Option("--model", help=HELP_MODEL)],
    out: Annotated[Path, typer.Option("--out", help=HELP_OUT)],
    images: Annotated[list[Path] | None, typer.Argument(help=HELP_IMAGES)] = None,
    query: Annotated[Path | None, typer.Option("--query", help=HELP_QUERY)] = None,
    gallery: Annotated[Path | None, typer.Option("--gallery", help=HELP_GALLERY)] = None,
    pattern: Annotated[str | None, typer.Option("--pattern", help=HELP_PATTERN)] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help=HELP_DATASET)] = None,
    protocol: Annotated[str | None, typer.Option("--protocol", help=HELP_PROTOCOL)] = None,
    split: Annotated[int | None, typer.Option("--split", min=0, help=HELP_SPLIT)] = None,
    feature: Annotated[str | None, typer.Option("--feature", help=HELP_FEATURE)] = None,
    role: Annotated[RoleOption, typer.Option("--role", help=HELP_ROLE)] = RoleOption.gallery,
    low_resolution: Annotated[bool, typer.Option("--low-resolution", help=HELP_LOW)] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help=HELP_SKIP)] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help=HELP_PRECISION)] = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help=HELP_OVERWRITE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    r"""Write the features of images by a registered model, for `harness evaluate` or a search.

    Images are files and folders (IMAGES), or two folders of a query and a gallery whose names tell
    who is on them, or the test images of a data set. They are read, embedded and written batch by
    batch, so any number of them fits into memory.

    Names are paths within the folder, read as those of Market-1501 are (0002_c1s1_000451_03.jpg),
    or by a pattern such as `(?P<pid>\d+)/(?P<camid>\d+)_`; identity -1 is junk, 0 a distractor.

    Of two folders or a data set the file has query_features, query_ids, query_cams and the same of
    the gallery, and `harness evaluate` scores it; of IMAGES it has features and paths alone.

    For example:

    - `harness embed --model models:/intact-caviar@best --out features.npz photos/`
    - `harness embed --model models:/baseline-hr-caviar/1 --out f.npz --query q/ --gallery g/`
    - `harness embed --model models:/baseline-hr-caviar/1 --out f.npz --dataset caviar`
    """
    from harness.run.embed_images import embed_images
    from harness.run.embed_request import EmbedRequest
    from harness.run.image_files import PATTERN
    from harness.run.progress import RunProgress

    request = EmbedRequest(
        model=model,
        out=out,
        images=tuple(images or ()),
        query=query,
        gallery=gallery,
        pattern=PATTERN if pattern is None else pattern,
        dataset=dataset,
        protocol=protocol,
        split=split,
        feature=feature,
        role=role.value,
        low_resolution=low_resolution,
        skip_broken=skip_broken,
        device=device,
        precision=precision,
        overwrite=overwrite,
    )
    report = embed_images(request, RunProgress(stderr))
    if as_json:
        emit_json(report.as_json())
    else:
        _print(report)


def _print(report: EmbedReport) -> None:
    counts = " and ".join(
        f"{count:,} images" if name == "images" else f"{count:,} {name} images"
        for name, count in report.images.items()
    )
    lines = [
        f"Wrote the feature {report.feature} ({report.dimensions} dimensions) of {counts} to "
        f"{report.out}.",
        f"Score it with `{report.evaluate}`."
        if report.evaluate
        else "It has no query and gallery, so `harness evaluate` cannot score it; embed those with "
        "--query and --gallery.",
    ]
    if report.skipped:
        lines.append(f"{len(report.skipped)} files were left out:")
        lines += [f"  {why}" for why in report.skipped.values()]
    for line in lines:
        stdout.print(line, markup=False, highlight=False)
