"""A plugin of sound things and of things with one fault each, by which the checks are checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field

from harness import MethodConfig, MethodSpec, Recipe, hookimpl

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
    *("Sound", "CannotBeBuilt", "TrainsNobody", "OtherName", "NotFinite", "Squeezed", "Noisy"),
    *("ByPosition", "BatchMean", "BatchMeanInHalf", "Remembers", "LeavesTrainMode", "Counts"),
    *("WithGradient", "WritesPixels", "Peeks", "RestoresTooLarge", "RestoresOutside"),
    *("RestoresNoise", "KeepsANetworkBack", "LoadsAnything", "SeedsItself", "DrawsFromTheClock"),
    *("UnreachedNetwork", "TouchesAnother", "LossIsNaN", "WantsCuda", "Exits", "CallsHome"),
    *("CountsOutsideOfNetworks", "KeepsPixels", "Absent"),
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
