"""What a model that a fit leaves says of itself: how it is built again, and what it has seen.

All of it follows from the key of the fit, but for the title of the method and the key and terms of
the data set. Equal fits leave equal files where these are the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.models import InitialWeights
from harness.run.plan import RunPlan
from harness.store import ModelDescription
from harness.types import FitContext, Trial


def context_of(plan: RunPlan, trial: Trial) -> FitContext:
    """Return what a trial's method knows of its data; the tensors of models are not in it."""
    records = plan.split(trial).train
    return FitContext(
        identities=len({record.pid for record in records}),
        images=len(records),
        cameras=len({record.camid for record in records}),
    )


def describe_model(plan: RunPlan, trial: Trial) -> ModelDescription:
    """Return the description of the model that a trial leaves."""
    context = context_of(plan, trial)
    dataset, weights, models = plan.dataset.key, plan.weights, plan.models.values()
    own = [f"{plan.dataset.origin}:{pid}" for pid in plan.split(trial).train_pids]
    before = [weights.trained_on or (), *(model.trained_on or () for model in models)]
    used = {name: model.sha256 for name, model in plan.models.items()}
    return ModelDescription(
        method=plan.method.key,
        method_version=plan.method.method_version,
        config=plan.config.model_dump(mode="json"),
        context={
            "identities": context.identities,
            "images": context.images,
            "cameras": context.cameras,
        }
        | ({"models": used} if used else {}),
        dataset=dataset,
        split=trial.split,
        seed=trial.seed,
        source=f"{plan.method.title}, version {plan.method.method_version}, trained on {dataset}, "
        f"split {trial.split}, seed {trial.seed}, from {_origin_of(weights)}",
        licence=" / ".join(_licences(plan)),
        trained_on=_listed([*own, *(entry for entries in before for entry in entries)]),
        trained_on_is_all=weights.declared and all(m.trained_on_is_all for m in models),
    )


def _origin_of(weights: InitialWeights) -> str:
    return f"weights {weights.sha256[:12]}" if weights.sha256 else "random weights"


def _licences(plan: RunPlan) -> list[str]:
    """Return the terms of the images, of the initial weights and of other models, each once."""
    terms = [f"images: {plan.dataset.card.licence}"]
    if plan.weights.sha256:
        terms.append(f"initial weights: {plan.weights.licence or 'not declared'}")
    terms += [f"{name}: {model.licence}" for name, model in plan.models.items()]
    return list(dict.fromkeys(terms))


def _listed(entries: Iterable[str]) -> tuple[str, ...]:
    """Return entries `dataset:pid`, each once, by data set and then by number."""

    def place(entry: str) -> tuple[str, int]:
        dataset, _, pid = entry.rpartition(":")
        return dataset, int(pid)

    return tuple(sorted(set(entries), key=place))
