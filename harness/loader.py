"""Finds plugins by their entry points, safely, and registers what they bring.

pluggy's own loading is not safe for a benchmark: of two plugins with one name it keeps one in
silence, one that fails to import stops all the others, and a misspelt hook passes. Here

- entry points are listed without importing anything;
- two entry points of one name, or two plugins with one key, are an error that names both
  distributions;
- a plugin that fails, or whose papers or protocols cannot be read, is a `PluginProblem`, fatal only
  for the command that asked for it;
- unknown hooks are found by `check_pending`.

The data sets of the user's own (`harness data add NAME --csv|--folder`) are registered after the
plugins', under the same rules.
"""

from __future__ import annotations

import pkgutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from harness import hookspecs
from harness.data.own.shelf import Own, list_own, load_own, shelf
from harness.definitions import METRICS
from harness.errors import HarnessError, PluginError, UnknownName, UsageError
from harness.hookspecs import PLUGIN_GROUP, PROJECT
from harness.settings import Settings
from harness.specs import all_protocols, read_papers, read_protocols
from harness.types import DatasetSpec, MethodSpec, MetricSpec

T = TypeVar("T")

OWN = "your own"  # stands for the distribution of a data set that no plugin brings


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from: its entry point and its distribution."""

    name: str
    target: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})".replace(" )", ")")


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """A plugin that could not be loaded, and why."""

    origin: Origin
    reason: str
    traceback: str

    @property
    def advice(self) -> str:
        """What would mend it."""
        if self.origin.distribution == OWN:
            return (
                f"Correct the files in {self.origin.target}, or `harness data remove "
                f"{self.origin.name}`."
            )
        return f"Reinstall it, or `pip uninstall {self.origin.distribution}`."


@dataclass
class Registry:
    """Everything that plugins registered, by key, with the origin of each key."""

    methods: dict[str, MethodSpec] = field(default_factory=dict)
    datasets: dict[str, DatasetSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    protocols: list[str] = field(default_factory=list)
    papers: list[str] = field(default_factory=list)
    origins: dict[tuple[str, str], Origin] = field(default_factory=dict)
    loaded: list[Origin] = field(default_factory=list)
    problems: list[PluginProblem] = field(default_factory=list)

    def method(self, key: str) -> MethodSpec:
        """Return the method of that key.

        Raises:
            PluginError: If a plugin of that name failed to load.
            UnknownName: If there is none.
        """
        return self._find_or_raise("plugin", self.methods, key, "harness plugins list")

    def dataset(self, key: str) -> DatasetSpec:
        """Return the data set of that key; raises as `method` does."""
        return self._find_or_raise("dataset", self.datasets, key, "harness data list")

    def origin(self, kind: str, key: str) -> Origin:
        """Return where the thing of that kind ("method", "dataset", ...) and key is from."""
        return self.origins[kind, key]

    def _find_or_raise(self, kind: str, known: Mapping[str, T], key: str, listing: str) -> T:
        if key in known:
            return known[key]
        unknown = UnknownName(kind, key, known, listing)
        if self.problems:  # one of them may be what was asked for: only its import could tell
            broken = "; ".join(f"{p.origin}: {p.reason}" for p in self.problems)
            raise PluginError(
                f"There is no {kind} called {key!r} among the plugins that load, and these do not "
                f"load: {broken}.",
                f"Run `harness plugins doctor` for the traceback. {unknown.next_step}",
            )
        raise unknown


def load_plugins() -> Registry:
    """Import every plugin and return what they registered, with the data sets of the user's own.

    Raises:
        PluginError: If two entry points share a name, or two plugins a key.
    """
    registry = Registry()
    for metric in METRICS:
        registry.metrics[metric.name] = metric
    for origin, entry in _list_entry_points(PLUGIN_GROUP):
        _load_one(registry, origin, entry)
    _load_own(registry, Settings.from_environment())
    return registry


def resolve(address: str, *, needed_by: str) -> Any:
    """Return the object at a lazy `module:attribute` address of a spec.

    Args:
        address: The address.
        needed_by: What asked for it, for the message ("method 'intact'").

    Raises:
        PluginError: If it cannot be imported.
    """
    try:
        return pkgutil.resolve_name(address)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(
            f"The {needed_by} cannot be imported from {address}: {error}.",
            "Run `harness plugins doctor`, or reinstall the plugin.",
        ) from error


def _list_entry_points(group: str) -> Sequence[tuple[Origin, EntryPoint]]:
    """List a group without importing; refuse two entries of one name."""
    found: dict[str, tuple[Origin, EntryPoint]] = {}
    for entry in entry_points(group=group):
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else "unknown"
        origin = Origin(entry.name, entry.value, distribution, version)
        if entry.name in found and found[entry.name][0] != origin:
            _refuse_duplicate("plugin", entry.name, found[entry.name][0], origin)
        found[entry.name] = (origin, entry)
    return [found[name] for name in sorted(found)]


def _load_one(registry: Registry, origin: Origin, entry: EntryPoint) -> None:
    """Import one plugin in a manager of its own, so that its failure stays its own."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry.load(), name=origin.name)
        manager.check_pending()
        collected = _collect(manager)
        papers = read_papers(collected.papers, "its paper")
        texts = registry.protocols if collected.protocols else ()
        earlier = read_protocols(texts, "a plugin's protocol")
        protocols = read_protocols(collected.protocols, "its protocol", earlier)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is the plugin's problem
        reason = f"{type(error).__name__}: {error}"
        registry.problems.append(PluginProblem(origin, reason, traceback.format_exc()))
        return
    for kind, known, specs in (
        ("method", registry.methods, collected.methods),
        ("dataset", registry.datasets, collected.datasets),
        ("metric", registry.metrics, collected.metrics),
        ("paper", {}, list(papers.values())),
        ("protocol", {}, list(protocols.values())),
    ):
        _merge(registry, kind, known, specs, origin)
    registry.protocols.extend(collected.protocols)
    registry.papers.extend(collected.papers)
    registry.loaded.append(origin)


def _load_own(registry: Registry, settings: Settings) -> None:
    """Register the data sets of the user's own; one that is broken is a problem of its own."""
    names = list_own(settings)
    there = all_protocols(registry.protocols) if names else {}
    taken = {key: protocol.dataset for key, protocol in there.items()}
    for key in names:
        origin = Origin(key, str(shelf(settings) / key), OWN, "")
        try:
            own = load_own(key, settings)
            if key not in registry.datasets:  # a data set of that name is refused below
                _check_protocols(own, taken | {name: name for name in names if name != key})
        except HarnessError as error:
            registry.problems.append(PluginProblem(origin, str(error), traceback.format_exc()))
            continue
        _merge(registry, "dataset", registry.datasets, [own.spec], origin)
        registry.protocols.extend(own.texts)
        taken |= {protocol.key: key for protocol in own.protocols}


def _check_protocols(own: Own, taken: Mapping[str, str]) -> None:
    """Refuse a protocol whose key is taken, with its file: no other data set is to blame."""
    for file, protocol in zip(own.files, own.protocols, strict=True):
        if protocol.key in taken:
            raise UsageError(
                f"{file} is the protocol {protocol.key!r}, which is one of {taken[protocol.key]} "
                "already.",
                "Write another key there.",
            )


@dataclass
class _Collected:
    """What one plugin registered, before it is merged."""

    methods: list[MethodSpec] = field(default_factory=list)
    datasets: list[DatasetSpec] = field(default_factory=list)
    metrics: list[MetricSpec] = field(default_factory=list)
    protocols: list[str] = field(default_factory=list)
    papers: list[str] = field(default_factory=list)


def _collect(manager: pluggy.PluginManager) -> _Collected:
    collected = _Collected()
    calls: Sequence[tuple[str, Callable[[Any], None]]] = (
        ("register_methods", collected.methods.append),
        ("register_datasets", collected.datasets.append),
        ("register_metrics", collected.metrics.append),
        ("register_protocols", collected.protocols.append),
        ("register_papers", collected.papers.append),
    )
    for hook, register in calls:
        getattr(manager.hook, hook)(register=register)
    return collected


def _merge(
    registry: Registry, kind: str, known: dict[str, Any], specs: Sequence[Any], origin: Origin
) -> None:
    for spec in specs:
        key = spec.name if kind == "metric" else spec.key
        if key in known or (kind, key) in registry.origins:
            first = registry.origins.get((kind, key), Origin("core", "harness", "reid-harness", ""))
            _refuse_duplicate(kind, key, first, origin)
        known[key] = spec
        registry.origins[kind, key] = origin


def _refuse_duplicate(kind: str, key: str, first: Origin, second: Origin) -> None:
    if second.distribution == OWN:
        raise PluginError(
            f"The {kind} {key!r} of {first} is called like one of your own, in {second.target}.",
            f"Rename that folder, and the key in its protocol; or `harness data remove {key}`.",
        )
    raise PluginError(
        f"Two plugins claim the {kind} {key!r}: {first} and {second}.",
        f"Uninstall one of them: `pip uninstall {second.distribution}`.",
    )
