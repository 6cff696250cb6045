"""One fit: found in the store, resumed, or trained; and its method, ready to be scored."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from harness.data.images import ImageBank
from harness.errors import Interrupted, TrainingError, WeightsError
from harness.loader import Origin, resolve
from harness.models import load_backbone, load_model, save_model
from harness.run.environment import describe_environment, describe_method, describe_provenance
from harness.run.lineage import context_of, describe_model
from harness.run.plan import RunPlan, config_hash, fit_key, fit_seed
from harness.run.progress import RunProgress
from harness.run.registered import load_tensors
from harness.run.watch import FitWatch
from harness.settings import Settings
from harness.store import (
    FitDraft,
    FitOutcome,
    FitView,
    Loss,
    Store,
    VersionDraft,
    WeightsUsed,
    model_name,
)
from harness.training import CheckpointPlace, StopRequest, Trainer, TrainingSummary
from harness.training.device import seed_everything
from harness.types import Method, Trial


@dataclass
class Fitter:
    """Makes the fits of one run.

    Attributes:
        plan: The run's plan.
        store: Where fits are kept.
        settings: The folders.
        origin: Of the method's plugin.
        progress: Bars and notices.
    """

    plan: RunPlan
    store: Store
    settings: Settings
    origin: Origin
    progress: RunProgress

    def find_done(self, trial: Trial) -> FitView | None:
        """Return the newest done fit of a trial, or None."""
        return self.store.find_done_fit(fit_key(self.plan, trial))

    def begin(self, trial: Trial) -> FitView:
        """Return the fit to train: one that was interrupted, or a new one."""
        key = fit_key(self.plan, trial)
        newest = self.store.find_fit(key)
        resumable = newest is not None and newest.status in ("planned", "running", "interrupted")
        if newest is not None and resumable and not self.plan.request.fresh:
            return newest
        return self.store.begin_fit(self._draft(trial, key, newest.repeat + 1 if newest else 0))

    def train(self, fit: FitView, trial: Trial, title: str, bank: ImageBank) -> Method:
        """Train a fit to its end, or until it is stopped, and return its method.

        Raises:
            Interrupted: If it was stopped by hand.
            TrainingError: If it cannot go on: NaN, explosion, collapse. The fit is stored as
                failed and its last good checkpoint kept; a failed fit is not resumed.
            UsageError: If another process is training it.
        """
        with self.store.locks.hold(fit.id), StopRequest() as stop:
            self.store.start_fit(fit.id)
            method = self.build(trial)
            trainer = self._trainer(method, trial, bank)
            watch = FitWatch(title, self.progress, lambda rows: self._keep(fit, rows))
            place = CheckpointPlace(
                self.settings.checkpoints / fit.id, self.settings.checkpoint_seconds
            )
            try:
                summary = trainer.train(place, watch, stop)
            except TrainingError as error:
                self.store.fail_fit(fit.id, str(error))
                raise
            finally:
                watch.close()
            outcome = self._outcome(fit, trial, summary, method)
            self.store.finish_fit(fit.id, outcome)
            self.register(replace(fit, model_sha256=outcome.model_sha256), trial)
            shutil.rmtree(place.folder, ignore_errors=True)
        if stop.requested:
            raise Interrupted(
                "Stopped after the last step; the fit is stored.",
                "The same command, without --fresh, goes on from there.",
            )
        return method

    def register(self, fit: FitView, trial: Trial) -> None:
        """Make the model of a done fit a version, unless it is one or is not on this machine."""
        known = self.store.models.find_of_fit(fit.id)
        if fit.model_sha256 is None or (known is not None and known.context is not None):
            return
        file = self.store.models.find_sound_file(fit.model_sha256)
        if file is None:
            return
        values = asdict(describe_model(self.plan, trial)) | {"dataset": fit.dataset}
        name = known.name if known else model_name(fit.method, fit.dataset)
        self.store.models.add(VersionDraft(**values, name=name, fit_id=fit.id), file)

    def restore(self, fit: FitView, trial: Trial) -> Method:
        """Return the method of a done fit, with its trained networks.

        Raises:
            WeightsError: If the model's file is gone.
            IntegrityError: If it was changed.
        """
        method = self.build(trial)
        if fit.model_sha256 is not None:
            load_model(method.networks, self._model_file(fit.model_sha256))
        for network in method.networks.values():
            network.to(self.plan.device.torch).to(memory_format=torch.channels_last)
        return method

    def build(self, trial: Trial) -> Method:
        """Return the method of a trial as it is before training."""
        spec = self.plan.method
        seed_everything(fit_seed(trial))
        factory = resolve(spec.method, needed_by=f"method {spec.key!r}")
        used = {name: model.sha256 for name, model in self.plan.models.items()}
        tensors = load_tensors(used, self.store)
        context = replace(context_of(self.plan, trial), models=tensors)
        method: Method = factory(self.plan.config, context)
        for name in method.backbones:
            load_backbone(method.networks[name], self.plan.weights, name)
        return method

    def estimate(self, trial: Trial, bank: ImageBank) -> float:
        """Return the seconds that a trial will train, from an earlier fit or from a few steps."""
        for row in self.store.where_rows(self.plan.dataset.key):
            same = (row.method, row.config_hash) == (
                self.plan.method.key,
                config_hash(self.plan.config),
            )
            for done in row.trials if same else ():
                if done.fit.device == self.plan.device.describe():
                    return done.fit.seconds
        trainer = self._trainer(self.build(trial), trial, bank)
        return trainer.steps * trainer.seconds_per_step()

    def _trainer(self, method: Method, trial: Trial, bank: ImageBank) -> Trainer:
        records = self.plan.split(trial).train
        return Trainer(method, records, bank, self.plan.device, fit_seed(trial))

    def _outcome(
        self, fit: FitView, trial: Trial, summary: TrainingSummary, method: Method
    ) -> FitOutcome:
        """Keep the model where there was training, and return what the store is told."""
        digest = None
        if summary.steps:
            file = self.settings.checkpoints / fit.id / "model.safetensors"
            save_model(method.networks, file, describe_model(self.plan, trial))
            digest = self.store.put_artifact(file, kind="model", fit_id=fit.id)
        return FitOutcome(
            seconds=summary.seconds,
            identity_images=summary.identity_images,
            steps=summary.steps,
            model_sha256=digest,
        )

    def _model_file(self, digest: str) -> Path:
        path = self.store.models.find_sound_file(digest)
        if path is None:
            raise WeightsError(
                f"The model {digest[:12]} of this fit is not on this machine.",
                "Train it again with `--fresh`.",
            )
        return path

    def _keep(self, fit: FitView, rows: Sequence[Loss]) -> None:
        if rows:
            self.store.record_losses(fit.id, rows)

    def _draft(self, trial: Trial, key: str, repeat: int) -> FitDraft:
        plan = self.plan
        weights = plan.weights
        return FitDraft(
            key=key,
            repeat=repeat,
            method=plan.method.key,
            method_version=plan.method.method_version,
            config=plan.config.model_dump(mode="json"),
            config_hash=config_hash(plan.config),
            recipe=plan.recipe.name,
            narrowed=plan.narrowed,
            dataset=plan.dataset.key,
            manifest=plan.manifest,
            split=trial.split,
            seed=trial.seed,
            precision=plan.device.precision,
            weights=WeightsUsed(
                name=weights.name,
                sha256=weights.sha256,
                source=weights.source or "",
                trained_on_declared=weights.declared,
                licence=weights.licence or "",
            ),
            device=plan.device.describe(),
            provenance=describe_provenance(self.origin, plan.method.method)
            | {
                "environment": describe_environment(),
                "original_data": plan.original,
                "description": describe_method(plan.method, plan.recipe),
            },
        )
