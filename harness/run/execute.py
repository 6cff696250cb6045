"""Carries a request out, trial by trial; each finished trial is kept whatever happens next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from harness.data.images import ImageBank
from harness.errors import HarnessError, InternalError, Interrupted
from harness.evaluation.restored import find_originals
from harness.loader import Registry, load_plugins
from harness.run.environment import describe_environment
from harness.run.fit import Fitter
from harness.run.plan import RunPlan, make_plan
from harness.run.progress import RunProgress
from harness.run.report import RunReport, TrialResult, make_report
from harness.run.request import RunRequest
from harness.run.score import Scorer
from harness.settings import Settings
from harness.store import FitView, MetricValue, ProtocolInfo, RecordIds, RunDraft, Store
from harness.types import Method, Record, Trial


def execute(request: RunRequest, console: Console) -> RunReport:
    """Train and score what a request asks for, and return its report.

    Args:
        request: What to run.
        console: Where bars and notices go.

    Raises:
        HarnessError: What stopped it; the run is stored as failed, or can be resumed if it was
            interrupted.
    """
    settings = Settings.from_environment()
    registry = load_plugins()
    progress = RunProgress(console)
    plan = make_plan(request, registry, settings, progress.notice)
    with Store.open(settings.db, home=settings.home) as store, TemporaryDirectory() as scratch:
        fitter = Fitter(plan, store, settings, registry.origin("method", plan.method.key), progress)
        scorer = Scorer(plan, store, registry, progress, settings, Path(scratch))
        return _Execution(plan, store, registry, progress, fitter, scorer).run()


@dataclass
class _Execution:
    """One run under way."""

    plan: RunPlan
    store: Store
    registry: Registry
    progress: RunProgress
    fitter: Fitter
    scorer: Scorer
    bank: ImageBank | None = field(default=None, init=False)
    announced: bool = field(default=False, init=False)

    def run(self) -> RunReport:
        """Run all trials; a failure is stored before it is raised."""
        self._put_protocol()
        draft = self._draft()
        with self.store.locks.hold(draft.id), self.progress.live():
            self.store.begin_run(draft)
            try:
                results = [self._trial(draft.id, i) for i in range(len(self.plan.trials))]
            except Interrupted as error:
                error.run_id = draft.id
                raise  # the run stays `running` with a free lock, which reads as interrupted
            except HarnessError as error:
                error.run_id = draft.id
                self.store.finish_run(draft.id, status="failed", error=str(error))
                raise
            except Exception as error:
                self.store.finish_run(draft.id, status="failed", error=str(InternalError(error)))
                raise
            self.store.finish_run(draft.id, status="done")
        return make_report(draft.id, self.plan, results, self.registry)

    def _trial(self, run_id: str, index: int) -> TrialResult:
        """Fit and score one trial, or find both done."""
        trial = self.plan.trials[index]
        count = len(self.plan.trials)
        title = f"Trial {index + 1}/{count} (split {trial.split}, seed {trial.seed})"
        fit, method = self._fit(run_id, trial, title)
        score_id, metrics = self._score(run_id, fit, method, (trial, title))
        version = self.store.models.find_of_fit(fit.id)
        result = TrialResult(
            trial=trial,
            fit=fit,
            score_id=score_id,
            metrics=metrics,
            evidence=self.store.load_evidence(score_id),
            pids=tuple(record.pid for record in self.plan.split(trial).query),
            reused=method is None,
            model=None if version is None or version.deleted else version.address,
        )
        self.progress.notice(f"{title}: {_in_words(result, self.plan.protocol.spec.headline)}")
        return result

    def _fit(self, run_id: str, trial: Trial, title: str) -> tuple[FitView, Method | None]:
        """Return the done fit of a trial, and its method where it was trained just now."""
        done = None if self.plan.request.fresh else self.fitter.find_done(trial)
        if done is None:
            self._announce(trial)
        fit = done or self.fitter.begin(trial)
        self.store.link_fit(run_id, fit.id)
        if fit.status == "done":
            self.fitter.register(fit, trial)
            return fit, None
        method = self.fitter.train(fit, trial, title, self._filled_bank())
        return self.fitter.find_done(trial) or fit, method

    def _score(
        self, run_id: str, fit: FitView, method: Method | None, at: tuple[Trial, str]
    ) -> tuple[str, Sequence[MetricValue]]:
        """Return id and metrics of the fit's score, made now where there was none."""
        known = self.scorer.find(fit)
        if known is not None:
            self.store.link_score(run_id, known.id)
            return known.id, known.metrics
        trial, title = at
        method = method or self.fitter.restore(fit, trial)
        draft = self.scorer.score(fit, method, trial, title, self._filled_bank())
        return self.store.add_score(draft, run_id=run_id), draft.metrics

    def _announce(self, trial: Trial) -> None:
        """Say once, before the first training, what will be done and how long it will take."""
        if self.announced:
            return
        self.announced = True
        plan = self.plan
        self.progress.notice(
            f"{plan.method.title} on {plan.dataset.card.title}, recipe {plan.recipe.name!r}"
            + (f" ({plan.narrowed})" if plan.narrowed else "")
            + f", from weights {plan.weights.name!r}."
        )
        self.progress.notice(self._expectation(trial))

    def _expectation(self, trial: Trial) -> str:
        """Say how many trials there are and how long they will train."""
        missing = [t for t in self.plan.trials if self.fitter.find_done(t) is None]
        count = len(self.plan.trials) if self.plan.request.fresh else len(missing)
        trials = f"{count} trial{'s' if count > 1 else ''}"
        seconds = self.fitter.estimate(trial, self._filled_bank())
        if not seconds:
            return f"{trials} without training."
        device = self.plan.device.describe()
        each, total = _duration(seconds), _duration(seconds * count)
        return (
            f"{trials} of about {each} of training each, {total} in all, on {device['name']} "
            f"in {device['precision']}."
        )

    def _filled_bank(self) -> ImageBank:
        """Return the decoded images of all trials, decoding them at the first call."""
        if self.bank is None:
            size = (self.plan.config.height, self.plan.config.width)
            self.bank = ImageBank(
                self.plan.root,
                self._records(),
                size,
                down=self.plan.down,
                reduced_from=self.plan.reduced_from,
            )
            with self.progress.bar("Decoding images", self.bank.files) as advance:
                self.bank.fill(advance)
        return self.bank

    def _records(self) -> list[Record]:
        splits = [self.plan.protocol.split(s) for s in sorted({t.split for t in self.plan.trials})]
        records = [r for split in splits for r in (*split.train, *split.query, *split.gallery)]
        if self.scorer.restores:
            records += find_originals(records, self.plan.protocol.records).values()
        return records

    def _put_protocol(self) -> None:
        plan, protocol = self.plan, self.plan.protocol
        self.store.put_protocol(
            ProtocolInfo(
                id=protocol.id,
                key=protocol.spec.key,
                dataset=plan.dataset.key,
                manifest=plan.manifest,
                title=protocol.spec.title,
                headline=protocol.spec.headline,
                spec=protocol.definition,
            )
        )
        for index in sorted({trial.split for trial in plan.trials}):
            split = protocol.split(index)
            self.store.put_records(
                protocol.id,
                index,
                query=RecordIds.of(split.query),
                gallery=RecordIds.of(split.gallery),
            )

    def _draft(self) -> RunDraft:
        plan, request = self.plan, self.plan.request
        return RunDraft(
            argv=("harness", *sys.argv[1:]),
            method=plan.method.key,
            dataset=plan.dataset.key,
            recipe=plan.recipe.name,
            protocol_id=plan.protocol.id,
            trials=tuple(plan.trials),
            settings={
                "set": list(request.settings),
                "weights": plan.weights.name,
                "device": plan.device.describe(),
                "seed": request.seed,
                "fresh": request.fresh,
            },
            environment=describe_environment(),
        )


def _in_words(result: TrialResult, headline: str) -> str:
    values = {m.k: m.value for m in result.metrics if m.name == headline}
    ranks = "  ".join(f"rank-{k} {100 * v:.1f}" for k, v in values.items() if v is not None)
    if result.reused:
        return f"{ranks}  (done before)"
    return f"{ranks}  ({_duration(result.fit.seconds)} of training)"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
