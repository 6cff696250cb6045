"""Checks of a method as it is built: its members, its weights, and what a seed changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import torch
from safetensors.torch import save_file
from torch import nn

from harness.loader import resolve
from harness.models import load_model
from harness.testing.bench import Bench, find_changed, relative_gap, same_bits, snapshot
from harness.testing.briefly import train_briefly
from harness.testing.check import Broken
from harness.testing.subjects import Subject, need, need_unblocked
from harness.types import Distance, Method

MEMBERS = ("feature", "distance", "backbones", "stages", "embed")


def builds(subject: Subject) -> str:
    """Build it from its address, and look for the members of a Method."""
    spec = subject.method
    factory: type[Method] = resolve(spec.method, needed_by=f"method {spec.key!r}")
    missing = [name for name in MEMBERS if not hasattr(factory, name)]
    if missing:
        raise Broken(f"{spec.method} has no {', '.join(missing)}")
    if factory.distance not in get_args(Distance):
        raise Broken(f"its distance is {factory.distance!r}")
    method = subject.bench.construct()
    _check_networks(method)
    for stage in method.stages():
        unknown = [name for name in stage.trains if name not in method.networks]
        if unknown:
            raise Broken(f"stage {stage.name!r} trains {unknown[0]!r}, which is no network of it")
    parameters = sum(p.numel() for n in method.networks.values() for p in n.parameters())
    return f"{len(method.networks)} networks, {parameters:,} parameters"


def weights_are_whole(subject: Subject) -> str:
    """Load its weights from a file into another of it, and into a network with a key renamed."""
    bench = subject.bench
    method, other = bench.build(seed=0), bench.build(seed=1)
    need(any(list(n.parameters()) for n in method.networks.values()), "it has no weights")
    need_unblocked(bench.repeats, "its features do not repeat: see `deterministic-features`")
    state = snapshot(method)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({name: value.contiguous() for name, value in state.items()}, file)
        load_model(other.networks, file)
    changed = find_changed(state, snapshot(other))
    if changed:
        raise Broken(f"after loading, {changed[0]} is not what the file holds")
    ours = bench.embed(method, bench.queries, "query")
    theirs = bench.embed(other, bench.queries, "query")
    for name in ours:
        if not same_bits(ours[name], theirs[name]):
            gap = relative_gap({name: ours[name]}, {name: theirs[name]})
            raise Broken(
                f"with the same weights in `networks`, but built with another seed, it gives "
                f"another {name!r}, by up to {gap:.1e} of its length: something that it embeds "
                "with is not saved"
            )
    for name, network in method.networks.items():
        _refuse_renamed(name, network)
    return f"{len(state)} tensors"


def seeds_matter(subject: Subject) -> str:
    """Build and train it briefly with one seed twice, and with another seed."""
    bench = subject.bench
    first, again, other = (_trained(bench, seed) for seed in (0, 0, 1))
    need(first, "it has no weights")
    differing = find_changed(first, again)
    if differing:
        raise Broken(f"with the same seed, {len(differing)} tensors differ: {differing[0]}")
    if not find_changed(first, other):
        raise Broken("with another seed, all weights are the same bits")
    return "same seed, same bits; other seed, other bits"


def _check_networks(method: Method) -> None:
    networks = method.networks
    if not isinstance(networks, Mapping):
        raise Broken(f"its `networks` is a {type(networks).__name__}, no mapping")
    for name, network in networks.items():
        if not isinstance(network, nn.Module):
            raise Broken(f"its network {name!r} is a {type(network).__name__}, no nn.Module")
    absent = [name for name in method.backbones if name not in networks]
    if absent:
        raise Broken(f"`backbones` names {absent[0]!r}, which is no network of it")


def _refuse_renamed(name: str, network: nn.Module) -> None:
    """Look whether a network refuses its own state with one key renamed."""
    state = dict(network.state_dict())
    if not state:
        return
    key = min(state)
    state[f"{key}_renamed"] = state.pop(key)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError:
        return
    raise Broken(f"network {name!r} loads a state in which {key!r} has another name")


def _trained(bench: Bench, seed: int) -> dict[str, torch.Tensor]:
    method = bench.build(seed)
    for _ in train_briefly(bench, method, seed):
        pass
    return snapshot(method)
