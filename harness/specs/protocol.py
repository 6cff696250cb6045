"""What a protocol file says: who is trained on, who is queried, who is searched.

A protocol here is text; `harness.data.protocol` applies it to the records of a data set. It knows
neither trial counts nor training: how gallery shots and ties count belongs to the metric that it
names as its headline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field, model_validator

from harness.errors import UsageError
from harness.specs.document import Spec, parse
from harness.specs.folder import find_or_raise, list_keys
from harness.types.data import Subset

KIND = "protocols"

Down = Literal["bicubic", "bilinear", "area", "lanczos", "maxpool"]


class Side(Spec):
    """Which images of the test identities stand on one side of the comparison.

    Attributes:
        cameras: Those of these cameras; None is of all.
        subsets: Those that the layout of the data set puts there; None is wherever they are.
    """

    cameras: tuple[int, ...] | None = Field(None, min_length=1)
    subsets: tuple[Subset, ...] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _check_something(self) -> Side:
        if self.cameras is None and self.subsets is None:
            raise ValueError("a side needs `cameras`, `subsets` or both")
        return self


class Degradation(Spec):
    """How the queries of a test set lose resolution.

    Each query image draws one of the rates by a hash of data set, image id and seed; it is reduced
    on uint8 and brought to network size.

    Attributes:
        side: What is degraded.
        rates: The down-sampling rates to draw from.
        seed: Of the draw.
        down: The filter that reduces; `maxpool` takes the largest value of each r x r block.
        up: The filter that brings an image to network size.
        domain: The resolution at which it is reduced: its own, or `size` for all.
        size: Height and width to which an image is brought, bilinear, before it is reduced
            [pixels]; for `resized` only.
        per: What draws a rate: each image, or each identity for all of its images.
    """

    side: Literal["query"]
    rates: tuple[int, ...] = Field(min_length=1)
    seed: int
    down: Down
    up: Literal["bilinear"]
    domain: Literal["native", "resized"]
    size: tuple[int, int] | None = None
    per: Literal["image", "identity"] = "image"

    @model_validator(mode="after")
    def _check_size(self) -> Degradation:
        if (self.domain == "resized") != (self.size is not None):
            raise ValueError(f"domain {self.domain} and size {self.size} do not go together")
        return self


class SplitLists(Spec):
    """The training and the test identities of one split."""

    train: tuple[int, ...] = Field(min_length=1)
    test: tuple[int, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_identities(self) -> SplitLists:
        times = Counter([*self.train, *self.test])
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise ValueError(f"identity {both[0]} is on both sides of a split")
        twice = [pid for pid, n in times.items() if n > 1]
        if twice:
            raise ValueError(f"identity {min(twice)} is there twice in a list")
        if min(times) < 1:
            raise ValueError(f"identity {min(times)} is junk or a distractor and cannot be listed")
        return self


class ProtocolSpec(Spec):
    """A protocol file.

    Attributes:
        key: The name of the file.
        dataset: The data set that it is for.
        title: What is compared, in a line.
        source: Who fixed the splits, and what had to be assumed.
        query: The query side.
        gallery: The gallery side.
        junk: What a query ignores: `same-camera` are images of its identity by its camera; `none`
            is for a data set of one camera, whose gallery does not hold the query.
        degradation: How the queries are degraded; None where they are as captured.
        headline: The full name of the metric that rank-k stands for.
        splits: The identity lists.
        splits_of: The key of the protocol whose identity lists these are, in place of `splits`;
            None once they are read.
        splits_by: `lists`, or `subset`: the layout of the data set says who is trained on (subset
            `train`) and who tests (`query` and `gallery`), in one split without lists.
    """

    key: str
    dataset: str
    title: str
    source: str
    query: Side
    gallery: Side
    junk: Literal["same-camera", "none"]
    degradation: Degradation | None
    headline: str = Field(pattern=r"^[a-z_]+@\d+$")
    splits: tuple[SplitLists, ...] = ()
    splits_of: str | None = None
    splits_by: Literal["lists", "subset"] = "lists"

    @model_validator(mode="after")
    def _check_splits(self) -> ProtocolSpec:
        sources = bool(self.splits) + (self.splits_of is not None) + (self.splits_by == "subset")
        if sources != 1:
            ways = "`splits`, `splits_of` or `splits_by: subset`"
            raise ValueError(f"say who tests in one way: {ways}")
        return self


def list_protocols() -> tuple[str, ...]:
    """Return the keys of the protocols that ship with the harness, sorted."""
    return list_keys(KIND)


def load_protocol(key: str) -> ProtocolSpec:
    """Read the protocol of that key.

    Raises:
        UnknownName: If there is none.
        UsageError: If its file is not a protocol.
    """
    path = find_or_raise(KIND, key)
    return parse_protocol(path.read_text(encoding="utf-8"), str(path))


def parse_protocol(
    text: str, origin: str, known: Mapping[str, ProtocolSpec] = MappingProxyType({})
) -> ProtocolSpec:
    """Return the protocol that a YAML text describes.

    Args:
        text: The document.
        origin: Where it is from, for messages.
        known: Protocols, by key, whose splits it may take beside those that ship.

    Raises:
        UsageError: If it is not a protocol, or takes the identity lists of one that has none.
        UnknownName: If it takes the identity lists of a protocol that is not there.
    """
    spec = parse(text, origin, ProtocolSpec)
    if spec.splits_of is None:
        return spec
    if spec.splits_of == spec.key:
        raise UsageError(
            f"{origin}: the protocol {spec.key!r} takes the splits of itself.",
            "Name another protocol in `splits_of`, or list the identities.",
        )
    lists = (known.get(spec.splits_of) or load_protocol(spec.splits_of)).splits
    if not lists:
        raise UsageError(
            f"{origin}: the protocol {spec.splits_of!r}, whose splits {spec.key!r} takes, lists no "
            "identities.",
            "Write `splits_by: subset` here too, or name a protocol with lists in `splits_of`.",
        )
    return spec.model_copy(update={"splits": lists, "splits_of": None})
