"""Other libraries beside ours, on checkouts of theirs: `python -m benchmarks.peers --help`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks import checkouts
from benchmarks.agreement import MULTI_SHOT, SINGLE_SHOT, TRAPEZOID, Peer, agreement, as_markdown
from benchmarks.agreement import cases as all_cases
from benchmarks.ranking import product, score, seconds
from benchmarks.scenes import SCENES

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
Checkout = Annotated[Path | None, typer.Option(help="Its repository.")]


@app.command()
def agree(
    torchreid: Checkout = None,
    fastreid: Checkout = None,
    layumi: Checkout = None,
    cython: Annotated[bool, typer.Option(help="The compiled evaluators too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, no table.")] = False,
) -> None:
    """Give the same distance matrices to each library and to ours, and print both numbers.

    The compiled evaluators need `cython` on the path to be built; they sum in float32.
    """
    peers = list(_peers(torchreid, fastreid, layumi, cython=cython))
    rows = list(agreement(peers, list(all_cases())))
    if as_json:
        for row in rows:
            typer.echo(json.dumps(asdict(row) | {"difference": row.difference}))
    else:
        typer.echo(as_markdown(rows))


@app.command()
def time(
    torchreid: Annotated[Path, typer.Option(help="Its repository.")],
    scene: Annotated[str, typer.Option(help="A name of benchmarks.scenes.")] = "market-clustered",
    rounds: int = 5,
) -> None:
    """Time the float32 product, ours, and Torchreid's distance and Cython evaluation in turn."""
    made = SCENES[scene]()
    query, gallery = (torch.as_tensor(side.features) for side in made)
    runs = {
        "product": lambda: product(query, gallery),
        "ours": lambda: score(made, single_shot=False),
        "torchreid": checkouts.torchreid_evaluation(torchreid, *made),
    }
    times = [{name: seconds(run) for name, run in runs.items()} for _ in range(rounds + 1)][1:]
    for name in runs:
        median = statistics.median(one[name] for one in times)
        ratio = statistics.median(one[name] / one["product"] for one in times)
        found = {"scene": scene, "what": name, "seconds": median, "ratio_to_product": ratio}
        typer.echo(json.dumps(found))


def _peers(
    torchreid: Path | None, fastreid: Path | None, layumi: Path | None, *, cython: bool
) -> Iterator[Peer]:
    """Yield the evaluators of the libraries that are given."""
    for compiled in (False, True) if cython else (False,):
        how = "Cython" if compiled else "Python"
        if torchreid:
            market = checkouts.torchreid(torchreid, cython=compiled)
            yield Peer(f"Torchreid {how}, market1501", market, MULTI_SHOT)
            cuhk03 = checkouts.torchreid(torchreid, cython=compiled, cuhk03=True)
            yield Peer(f"Torchreid {how}, cuhk03", cuhk03, SINGLE_SHOT, draws=True)
        if fastreid:
            evaluate = checkouts.fastreid(fastreid, cython=compiled)
            yield Peer(f"FastReID {how}", evaluate, MULTI_SHOT)
    if layumi:
        evaluate = checkouts.layumi(layumi)
        yield Peer("layumi", evaluate, TRAPEZOID, without_match="all", knows_junk=True)


if __name__ == "__main__":
    app()
