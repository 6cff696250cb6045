"""A plugin of sound things and of things with one fault each, by which the checks are checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field

from harness import (
    Counts,
    DatasetCard,
    DatasetSpec,
    MethodConfig,
    MethodSpec,
    Recipe,
    hookimpl,
)

TINY = {"height": 48, "width": 24}


class Config(MethodConfig):
    """As a config should be."""

    margin: float = Field(0.3, gt=0, description="Of nothing.")


class Wordless(MethodConfig):
    margin: float = 0.3


class Changeable(Config):
    model_config = ConfigDict(frozen=False)


class TakesAnything(Config):
    model_config = ConfigDict(extra="ignore")


class NotFromJson(Config):
    margin: float = Field(float("nan"), description="Not a number, so never equal to itself.")


class OnThisMachine(Config):
    cache: str = Field(str(Path.home() / "cache"), description="A path of this machine.")


def recipe(name, **values):
    return Recipe(name=name, summary=name, trials=1, values=TINY | values)


RECIPES = {name: recipe(name) for name in ("tiny", "smoke", "quick")}


def method(attribute="Sound", **changed):
    """Return a spec, registered under the name of its class or of what is changed."""
    spec = {
        "key": attribute.lower(),
        "title": attribute,
        "summary": attribute,
        "method_version": 1,
        "config": Config,
        "recipes": RECIPES,
        "method": f"reid_faulty.methods:{attribute}",
    }
    return MethodSpec(**{**spec, **changed})


CLASSES = (
    *(
        "Sound",
        "CannotBeBuilt",
        "TrainsNobody",
        "OtherName",
        "NotFinite",
        "Squeezed",
        "Noisy",
        "ReturnsNothing",
    ),
    *(
        "ByPosition",
        "BatchMean",
        "BatchMeanInHalf",
        "NoNumpyInHalf",
        "Remembers",
        "LeavesTrainMode",
        "Counts",
    ),
    *("WithGradient", "WritesPixels", "Peeks", "RestoresTooLarge", "RestoresOutside"),
    *("RestoresNoise", "KeepsANetworkBack", "LoadsAnything", "SeedsItself", "DrawsFromTheClock"),
    *("UnreachedNetwork", "TouchesAnother", "LossIsNaN", "WantsCuda", "Exits", "CallsHome"),
    *("CountsOutsideOfNetworks", "KeepsPixels", "Absent", "Downloads", "SendsMessages"),
)


@hookimpl
def register_methods(register):
    for name in CLASSES:
        register(method(name))
    for config in (Wordless, Changeable, TakesAnything, NotFromJson, OnThisMachine):
        register(method(key=config.__name__.lower(), config=config))
    register(method(key="no-tiny", recipes={k: v for k, v in RECIPES.items() if k != "tiny"}))
    register(method(key="odd-recipe", recipes=RECIPES | {"quick": recipe("quick", nonsense=1)}))
    register(method(key="misnamed-recipe", recipes=RECIPES | {"quick": recipe("quack")}))
    register(method(key="no-paper", paper="nowhere", row="Ours"))
    register(method(key="no-row", paper="rain", row="Theirs"))
    register(method(key="row-alone", row="Ours"))


CARD = {
    "title": "Squares",
    "summary": "Eight squares by each of two cameras.",
    "citation": "These tests.",
    "year": 2020,
    "licence": "None is needed.",
    "status": "available",
    "how_to_get": "It is drawn.",
    "folders": (),
    "expected": Counts(images=8, identities=4, cameras=2),
}

PROTOCOL = """
key: {key}
dataset: {dataset}
title: camera 1 against camera 2
source: These tests.
query: {{cameras: [1]}}
gallery: {{cameras: [{camera}]}}
junk: same-camera
degradation: null
headline: {headline}
splits:
  - train: [1, 2]
    test: [3, 4]
"""


def dataset(key, read="read", generate="generate", made_from=None, protocol=None, **card):
    """Return the spec of drawn squares, but for what is changed."""
    return DatasetSpec(
        card=DatasetCard(**{"key": key, **CARD, **card}),
        read=f"reid_faulty.datasets:{read}",
        protocol=protocol or key,
        generate=f"reid_faulty.datasets:{generate}",
        rule=f"{key}@1",
        made_from=made_from,
    )


READERS = (
    *("twice", "shuffled", "absolute", "nowhere", "no_camera", "odd_rate", "shared", "unmatched"),
)


@hookimpl
def register_datasets(register):
    register(dataset("squares"))
    for name in READERS:
        register(dataset(name, read=name))
    register(dataset("no-licence", licence=" "))
    register(dataset("no-function", read="SIZE"))
    register(dataset("from-nowhere", made_from="elsewhere"))
    register(dataset("too-few", expected=Counts(images=9, identities=4, cameras=2)))
    register(dataset("undrawn", generate="generate_nothing"))
    register(dataset("broken", generate="generate_broken"))
    register(dataset("no-protocol", protocol="nothing"))
    register(dataset("other-protocol", protocol="squares"))
    register(dataset("odd-headline"))
    register(dataset("empty-gallery"))


@hookimpl
def register_protocols(register):
    keys = (
        "squares",
        *READERS,
        "no-licence",
        "no-function",
        "from-nowhere",
        "too-few",
        "broken",
        "undrawn",
    )
    for key in (*keys, "odd-headline", "empty-gallery"):
        register(
            PROTOCOL.format(
                key=key,
                dataset=key,
                camera=3 if key == "empty-gallery" else 2,
                headline="nothing@1" if key == "odd-headline" else "cmc_single@1",
            )
        )
