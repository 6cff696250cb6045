"""Trains a method for a few steps of each stage, and tells what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from harness.testing.bench import Bench, find_changed, snapshot
from harness.training import choose_device
from harness.training.stage import StageRun
from harness.types import Method, Stage

STEPS = 2


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a few steps of a stage did.

    Attributes:
        name: Of the stage.
        losses: Of the last step.
        trains: The networks that the stage says it trains.
        without_gradient: Those of them that have parameters, of which none got a gradient.
        touched: Tensors of other networks that changed.
    """

    name: str
    losses: Mapping[str, float]
    trains: Sequence[str]
    without_gradient: Sequence[str]
    touched: Sequence[str]


def train_briefly(bench: Bench, method: Method, seed: int = 0) -> Iterator[StageReport]:
    """Train a method for two steps of each of its stages, in order, on the CPU in float32.

    Args:
        bench: Whose images.
        method: Built just now; it is changed.
        seed: Of what is drawn.
    """
    device = choose_device("cpu", "float32")
    for stage in method.stages():
        if stage.steps == 0:
            continue
        for name, network in method.networks.items():
            network.train(name in stage.trains)
            network.requires_grad_(name in stage.trains)
        before = snapshot(method)
        run = StageRun(stage, bench.train, bench.bank, device, seed)
        for index in range(min(STEPS, stage.steps)):
            losses = run.step(index).losses
        yield StageReport(
            name=stage.name,
            losses=losses,
            trains=stage.trains,
            without_gradient=_without_gradient(method, stage),
            touched=[
                name
                for name in find_changed(before, snapshot(method))
                if name.partition(".")[0] not in stage.trains
            ],
        )


def _without_gradient(method: Method, stage: Stage) -> list[str]:
    trained = {name: method.networks[name] for name in stage.trains if name in method.networks}
    return [
        name
        for name, network in trained.items()
        if list(network.parameters()) and not _has_gradient(network)
    ]


def _has_gradient(network: nn.Module) -> bool:
    gradients = (parameter.grad for parameter in network.parameters())
    return any(gradient is not None and bool(gradient.any()) for gradient in gradients)
