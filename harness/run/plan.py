"""From a request to a plan: everything resolved and checked before anything is trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.catalogue import load
from harness.data.manifest import content_hashes, find_difference, manifest
from harness.data.protocol import Protocol, leaked, resolve
from harness.errors import UnknownName, UsageError, WeightsError
from harness.loader import Registry
from harness.loader import resolve as resolve_address
from harness.models import InitialWeights, resolve_weights
from harness.pixels import Size
from harness.run.needs import check_needs
from harness.run.registered import names_models, pin_models
from harness.run.request import RunRequest, build_config, choose_recipe, describe_narrowing
from harness.settings import Settings
from harness.specs import Down, ProtocolSpec, all_protocols
from harness.store import ModelVersionView, Store
from harness.training import Device, choose_device
from harness.types import (
    DatasetSpec,
    Method,
    MethodConfig,
    MethodSpec,
    Recipe,
    Split,
    Trial,
)


@dataclass(frozen=True)
class RunPlan:
    """A run, resolved: what to train on what, from what, under which protocol.

    Attributes:
        request: What was asked.
        method: The method's spec.
        dataset: The data set's spec.
        root: Where its images are.
        manifest: The hash of what is there.
        original: Whether it is, byte for byte, what the data set's card describes.
        protocol: Applied to its records.
        recipe: The training configuration by name.
        config: The method's settings.
        narrowed: What a row must say of them.
        weights: What each fit starts from.
        device: Where to run.
        trials: In order.
        models: The versions of registered models that the config names, by its field.
    """

    request: RunRequest
    method: MethodSpec
    dataset: DatasetSpec
    root: Path
    manifest: str
    original: bool
    protocol: Protocol
    recipe: Recipe
    config: MethodConfig
    narrowed: str
    weights: InitialWeights
    device: Device
    trials: Sequence[Trial]
    models: Mapping[str, ModelVersionView] = field(default_factory=dict)

    @property
    def down(self) -> Down:
        """The filter that degrades: the protocol's, or bicubic (D-LR) where it degrades nothing.

        Training copies of low resolution are made like the queries.
        """
        degradation = self.protocol.spec.degradation
        return degradation.down if degradation else "bicubic"

    @property
    def reduced_from(self) -> Size | None:
        """The size to which images are brought before they are degraded; None is their own."""
        degradation = self.protocol.spec.degradation
        return degradation.size if degradation else None

    def split(self, trial: Trial) -> Split:
        """Return the records of a trial."""
        return self.protocol.split(trial.split)


def make_plan(
    request: RunRequest,
    registry: Registry,
    settings: Settings,
    announce: Callable[[str], None] = lambda _text: None,
) -> RunPlan:
    """Resolve a request, raising for whatever would fail later.

    Args:
        request: What was asked.
        registry: The plugins.
        settings: The folders.
        announce: Called with a sentence where the user should know of something.

    Raises:
        HarnessError: Of the kind that fits: an unknown name, data that is not there, a device
            that is absent, weights that leak.
    """
    method = registry.method(request.plugin)
    dataset = registry.dataset(request.dataset)
    recipe = choose_recipe(method, request.recipe)
    config, models = _pin(build_config(method, recipe, request.settings), settings)
    rules = choose_protocol(request, dataset, registry)
    device = choose_device(request.device, request.precision)
    root, records = load(dataset, settings, announce)
    hashes = {} if dataset.rule else content_hashes(root, records, settings)
    difference = find_difference(dataset, records, hashes)
    if difference:
        announce(f"{difference} The numbers are not set beside published ones.")
    digest = manifest(dataset, records, hashes)
    protocol = resolve(rules, records, digest)
    trials = choose_trials(request, recipe, protocol.splits)
    check_needs(method, protocol, trials, registry)
    weights = _choose_weights(request, method, config, settings)
    if weights.notice:
        announce(weights.notice)
    for model in models.values():
        if not model.trained_on_is_all:
            announce(f"{model.address} does not declare all identities that it was trained on.")
    for source in _sources(weights, models):
        _refuse_leakage(source, protocol, trials, registry)
    return RunPlan(
        request=request,
        method=method,
        dataset=dataset,
        root=root,
        manifest=digest,
        original=difference is None,
        protocol=protocol,
        recipe=recipe,
        config=config,
        narrowed=describe_narrowing(method, recipe, config),
        weights=weights,
        device=device,
        trials=trials,
        models=models,
    )


def choose_protocol(request: RunRequest, dataset: DatasetSpec, registry: Registry) -> ProtocolSpec:
    """Return the protocol that was asked for, or the data set's default.

    Raises:
        UnknownName: If none of the data set's protocols has that key.
    """
    known = {
        key: spec
        for key, spec in all_protocols(registry.protocols).items()
        if spec.dataset == dataset.key
    }
    key = request.protocol or dataset.protocol
    if key not in known:
        raise UnknownName(f"protocol of {dataset.key!r}", key, known)
    return known[key]


def _choose_weights(
    request: RunRequest, method: MethodSpec, config: MethodConfig, settings: Settings
) -> InitialWeights:
    """Return the initial weights; none for a method that has nothing to load them into."""
    factory: type[Method] = resolve_address(method.method, needed_by=f"method {method.key!r}")
    if not factory.backbones:
        return InitialWeights("none")
    return resolve_weights(
        request.weights or settings.weights,
        base_width=config.base_width,
        explicit=request.weights is not None,
        settings=settings,
    )


def _pin(
    config: MethodConfig, settings: Settings
) -> tuple[MethodConfig, Mapping[str, ModelVersionView]]:
    """Return the config with each registered model named by its version, and these versions."""
    if not names_models(config):
        return config, {}
    with Store.open(settings.db, home=settings.home) as store:
        return pin_models(config, store)


def choose_trials(request: RunRequest, recipe: Recipe, splits: int) -> list[Trial]:
    """Return the trials of a run: splits first, then further seeds.

    Raises:
        UsageError: If no trial is asked for.
    """
    count = request.trials if request.trials is not None else recipe.trials or splits
    if request.trials is None:
        count = min(count, splits)
    if count < 1:
        raise UsageError(f"{count} trials are none.", "Give --trials 1 or more.")
    return [Trial(i % splits, request.seed + i // splits) for i in range(count)]


def fit_key(plan: RunPlan, trial: Trial) -> str:
    """Return the hash of everything that a fit's result depends on.

    Distribution, code hash, git commit, environment and device are provenance, not key. How copies
    of low resolution are made is in it only where it is not the usual way (D-LR), and registered
    models only where the config names some.
    """
    degraded = (plan.down, plan.reduced_from)
    unusual: dict[str, Any] = {}
    if degraded != ("bicubic", None):
        unusual["degraded"] = degraded
    if plan.models:
        unusual["models"] = {name: model.sha256 for name, model in plan.models.items()}
    return _digest(
        {
            **unusual,
            "method": plan.method.key,
            "method_version": plan.method.method_version,
            "config": plan.config.model_dump(mode="json"),
            "manifest": plan.manifest,
            "train": [record.id for record in plan.split(trial).train],
            "seed": trial.seed,
            "precision": plan.device.precision,
            "weights": plan.weights.sha256,
        }
    )


def config_hash(config: MethodConfig) -> str:
    """Return the hash of a method's settings."""
    return _digest(config.model_dump(mode="json"))


def fit_seed(trial: Trial) -> int:
    """Return the seed of a fit's random generators, a number below 2**31.

    Splits of one seed differ in it, so that they are not trained on the same draws.
    """
    digest = hashlib.sha256(f"{trial.seed}/{trial.split}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class _Source(NamedTuple):
    """Something that a fit learns from beside its images: its name, and whom it has seen."""

    name: str
    trained_on: Sequence[str]
    advice: str


def _sources(weights: InitialWeights, models: Mapping[str, ModelVersionView]) -> list[_Source]:
    """Return the initial weights and the registered models of a run."""
    advice = "Start from other weights: `--weights imagenet` or `--weights none`."
    return [
        _Source(weights.name, weights.trained_on or (), advice),
        *(
            _Source(
                model.address, model.trained_on or (), f"Give another model: `--set {name}=...`."
            )
            for name, model in models.items()
        ),
    ]


def _refuse_leakage(
    source: _Source, protocol: Protocol, trials: Sequence[Trial], registry: Registry
) -> None:
    dataset = protocol.spec.dataset
    origins = {key: spec.origin for key, spec in registry.datasets.items()}
    for index in sorted({trial.split for trial in trials}):
        pids = leaked(protocol.split(index), source.trained_on, dataset, origins)
        if pids:
            raise WeightsError(
                f"{source.name} was trained on {len(pids)} of the test identities of split "
                f"{index} of {dataset} (the first is {pids[0]}).",
                source.advice,
            )
