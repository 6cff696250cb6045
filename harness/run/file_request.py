"""What `harness evaluate` is asked for, and the choices that this comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ByteSize, TypeAdapter, ValidationError

from harness.definitions.conventions import TIES, WITHOUT_MATCH, Ties, WithoutMatch
from harness.definitions.rules import Rule, find_rule
from harness.definitions.tools import Tool, find_tool
from harness.errors import UnknownName, UsageError
from harness.evaluation.rerank.variants import RerankVariant, find_variant
from harness.types.method import Distance

Name = TypeVar("Name", bound=str)

_LARGEST = 2**60  # bytes: sums of sizes stay within 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """The options of the command, as they were typed; None where an option was not given.

    Attributes:
        file: The file to evaluate.
        rule: Key of a rule of ranking.
        distance: Of features.
        rerank: Key of a re-ranking.
        tool: Key of a tool whose number is wanted.
        ties: Key of a rule of ties.
        without_match: Key of a rule of queries without a match.
        multi_query: Whether the file's further images of each query are pooled.
        by: What to break the numbers down by.
        verification: Whether all pairs are compared, too.
        open_set: Whether queries without a match are taken as unknown probes.
        max_memory: A size ("2GB").
    """

    file: Path
    rule: str | None = None
    distance: str | None = None
    rerank: str | None = None
    tool: str | None = None
    ties: str | None = None
    without_match: str | None = None
    multi_query: bool = False
    by: tuple[str, ...] = ()
    verification: bool = False
    open_set: bool = False
    max_memory: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a number is made under.

    Attributes:
        rule: The rule of ranking.
        distance: Of features; None where the file has distances.
        rerank: The re-ranking, or None.
        tool: The tool whose number is wanted, or None.
        ties: The rule of ties.
        without_match: What a query without a match counts.
        multi_query: Whether further images of each query are pooled.
        max_memory: Bytes of working memory, or None for the default.
    """

    rule: Rule
    distance: Distance | None
    rerank: RerankVariant | None
    tool: Tool | None
    ties: Ties
    without_match: WithoutMatch
    multi_query: bool
    max_memory: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the choices by the names that they have in JSON."""
        return {
            "rule": self.rule.key,
            "distance": self.distance,
            "rerank": self.rerank.key if self.rerank else None,
            "as": self.tool.key if self.tool else None,
            "tie_rule": self.ties,
            "without_match": self.without_match,
            "multi_query": self.multi_query,
        }


def choose(request: FileRequest, *, has_features: bool) -> Choices:
    """Return what the options come to; a tool brings its own defaults.

    Args:
        request: The options.
        has_features: Whether the file has features, and not distances.

    Raises:
        UsageError: If a name is unknown, options contradict the tool or the file, or the memory is
            no size.
    """
    tool = None if request.tool is None else find_tool(request.tool)
    if tool is not None:
        _check_tool(request, tool)
    if not has_features:
        _check_without_features(request)
    rule = _given(request.rule, tool.rules[0] if tool else "market1501")
    distance = _given(request.distance, tool.distances[0] if tool else "cosine")
    without = _given(request.without_match, tool.without_match if tool else "matched")
    return Choices(
        rule=find_rule(rule),
        distance=_one_of("distance", distance, get_args(Distance)) if has_features else None,
        rerank=None if request.rerank is None else find_variant(request.rerank),
        tool=tool,
        ties=_one_of("rule of ties", _given(request.ties, "pessimistic"), TIES),
        without_match=_one_of("rule of queries without a match", without, WITHOUT_MATCH),
        multi_query=request.multi_query,
        max_memory=None if request.max_memory is None else parse_size(request.max_memory),
    )


def parse_size(text: str) -> int:
    """Return a size in bytes, at most an exbibyte: all the memory there is.

    Raises:
        UsageError: If it is none, or nothing.

    >>> parse_size("2GB"), parse_size("300 MiB"), parse_size("1000")
    (2000000000, 314572800, 1000)
    """
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except (ValidationError, OverflowError):
        size = 0
    if size <= 0:
        raise UsageError(f"{text!r} is no size of memory.", "Give one such as 500MB or 2GB.")
    return min(size, _LARGEST)


def _given(option: str | None, default: str) -> str:
    return default if option is None else option


def _one_of(kind: str, given: str, known: Iterable[Name]) -> Name:
    for name in known:
        if name == given:
            return name
    raise UnknownName(kind, given, known)


def _check_tool(request: FileRequest, tool: Tool) -> None:
    """Refuse options that the tool does not have."""
    for option, given, has in (
        ("--rule", request.rule, tool.rules),
        ("--distance", request.distance, tool.distances),
        ("--rerank", request.rerank, (tool.rerank,)),
        ("--without-match", request.without_match, (tool.without_match,)),
    ):
        if given is not None and given not in has:
            raise UsageError(
                f"{tool.title} has no `{option} {given}`.",
                f"Drop it, or choose {' or '.join(has)}; without `--as`, everything goes together.",
            )
    if request.multi_query and not (tool.multi_query and request.rerank is None):
        pair = " with `--rerank`" if tool.multi_query else ""
        raise UsageError(
            f"{tool.title} has no `--multi-query`{pair}.",
            "Drop it; without `--as`, everything goes together.",
        )


def _check_without_features(request: FileRequest) -> None:
    """Refuse options that need features."""
    for option, given in (
        ("--distance", request.distance is not None),
        ("--rerank", request.rerank is not None),
        ("--multi-query", request.multi_query),
    ):
        if given:
            raise UsageError(
                f"{request.file.name} holds distances, for which `{option}` can do nothing.",
                "Drop the option, or give a file of features.",
            )
