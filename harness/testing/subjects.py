"""What is checked: a plugin by its entry point, or a method, a data set or a metric by its key.

Nothing here imports torch. A subject keeps what its checks share (a method that is built, images
that are decoded, a run in a process of its own), so that it is made once, when first needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError, PluginError, UnknownName
from harness.hookspecs import PLUGIN_GROUP
from harness.loader import Origin, Registry, load_plugins
from harness.testing.check import Blocked, Kind, NotRun
from harness.types import DatasetSpec, MethodSpec, MetricSpec, Record

if TYPE_CHECKING:
    from harness.testing.bench import Bench
    from harness.testing.rehearsal import Rehearsal

KINDS: tuple[Kind, ...] = ("plugin", "method", "dataset", "metric")


@dataclass(eq=False)
class Subject:
    """One thing to check.

    Attributes:
        kind: What it is.
        key: Its name: of the entry point, or the key.
        registry: All that is installed; empty where two plugins contradict each other.
        conflict: Why nothing can be loaded, where two plugins claim one name or key.
    """

    kind: Kind
    key: str
    registry: Registry
    conflict: str | None = None

    @property
    def origin(self) -> Origin | None:
        """The plugin that it is from; None of what is built in."""
        if self.kind == "plugin":
            entry = self.entry_point
            distribution = entry.dist
            return Origin(
                entry.name,
                entry.value,
                distribution.name if distribution else "unknown",
                distribution.version if distribution else "unknown",
            )
        return self.registry.origins.get((self.kind, self.key))

    @property
    def entry_point(self) -> EntryPoint:
        """The entry point of a plugin."""
        return next(entry for entry in _entry_points() if entry.name == self.key)

    @property
    def method(self) -> MethodSpec:
        """The method."""
        return self.registry.methods[self.key]

    @property
    def dataset(self) -> DatasetSpec:
        """The data set."""
        return self.registry.datasets[self.key]

    @property
    def metric(self) -> MetricSpec:
        """The metric."""
        return self.registry.metrics[self.key]

    @cached_property
    def bench(self) -> Bench:
        """The method with a small data set, in this process."""
        from harness.testing.bench import Bench

        return Bench.of(self.method, self.registry)

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """What whole runs of the method, in processes of their own, came to."""
        from harness.testing.rehearsal import rehearse

        return rehearse(self.bench)

    @cached_property
    def copy(self) -> tuple[Path, Sequence[Record]]:
        """The copy of the data set on this machine, and what its reader says of it.

        Raises:
            NotRun: If there is no copy here.
        """
        from harness.testing.copies import find_copy

        return find_copy(self.dataset)


def find_subjects(name: str) -> list[Subject]:
    """Return what a name stands for: a plugin with all that it brings, or one thing by its key.

    A method, a data set or a metric comes with the plugin that it is from. A metric may be named
    without its version.

    Args:
        name: An entry point, or a key.

    Raises:
        UnknownName: If nothing installed has that name.
        PluginError: If nothing that loads has it, and there is a plugin that does not load.
    """
    installed = [entry.name for entry in _entry_points()]
    try:
        registry = load_plugins()
    except PluginError as error:
        return [Subject("plugin", name, Registry(), conflict=error.what)]
    if name in installed:
        brought = [key for key, origin in registry.origins.items() if origin.name == name]
        return [Subject(kind, key, registry) for kind, key in _sorted(name, brought)]
    return _of_key(name, registry, installed)


def _of_key(name: str, registry: Registry, installed: Sequence[str]) -> list[Subject]:
    known: list[tuple[str, str]] = [
        *(("method", key) for key in registry.methods),
        *(("dataset", key) for key in registry.datasets),
        *(("metric", key) for key in registry.metrics),
    ]
    found = [(kind, key) for kind, key in known if name in (key, key.partition("@")[0])]
    if not found:
        names = {*installed, *(key for _, key in known)}
        raise _refusal(name, names, registry)
    origins = {registry.origins[one].name for one in found if one in registry.origins}
    plugins = origins & set(installed)  # a data set of the user's own is of none
    return [
        *(Subject("plugin", plugin, registry) for plugin in sorted(plugins)),
        *(Subject(kind, key, registry) for kind in KINDS for k, key in found if k == kind),
    ]


def _refusal(name: str, names: set[str], registry: Registry) -> HarnessError:
    """Return what to say of a name that nothing has; what does not load may be what has it."""
    unknown = UnknownName("plugin, method, data set or metric", name, names, "harness plugins list")
    if not registry.problems:
        return unknown
    broken = ", ".join(str(problem.origin) for problem in registry.problems)
    return PluginError(
        f"{unknown.what.removesuffix('.')} among the plugins that load; {broken} does not load.",
        f"Run `harness plugins check {registry.problems[0].origin.name}` first.",
    )


def _sorted(plugin: str, brought: Sequence[tuple[str, str]]) -> list[tuple[Kind, str]]:
    """Return the plugin, then what it brings, by kind and in the order of registration."""
    things = [(kind, key) for kind in KINDS for k, key in brought if k == kind]
    return [("plugin", plugin), *things]


def _entry_points() -> Sequence[EntryPoint]:
    return tuple(entry_points(group=PLUGIN_GROUP))


def need(condition: object, why_not: str) -> None:
    """Raise NotRun with a reason unless a condition holds: there is nothing to look at."""
    if not condition:
        raise NotRun(why_not)


def need_unblocked(condition: object, why_not: str) -> None:
    """Raise Blocked with a reason unless a condition holds, of which another check tells."""
    if not condition:
        raise Blocked(why_not)
