"""Checks of `embed`: the same image gives the same feature, whatever else goes on."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from harness.data.images import ImageBank
from harness.evaluation.extract import extract
from harness.testing.bench import (
    CPU,
    Bench,
    embed,
    evaluating,
    find_changed,
    find_fault,
    relative_gap,
    same_bits,
    snapshot,
)
from harness.testing.check import Blocked, Broken, NotRun, in_words
from harness.testing.subjects import Subject, need_unblocked
from harness.types import Method, Record, Restores
from harness.types.method import Role

FLOAT32 = 1e-5  # relative gap that the order of a sum explains
BF16 = 2e-2
ROUNDING = 1e-3  # how far outside [0, 1] a restored image may be


def features_are_finite(subject: Subject) -> str:
    """Embed queries, gallery and a single image, and look at shape, type and values."""
    bench = subject.bench
    method = bench.build()
    lengths: dict[str, set[int]] = {}
    for records, role in _sides(bench):
        for chosen in (records, records[:1]):
            for name, rows in embed(method, [bench.batch(chosen, role)]).items():
                fault = find_fault(rows, len(chosen))
                if fault:
                    raise Broken(f"{name!r} of the {role} is {fault}")
                lengths.setdefault(name, set()).add(rows.shape[1])
    if not lengths:
        raise Broken("`embed` returns no feature")
    for name, found in lengths.items():
        if len(found) > 1:
            raise Broken(f"{name!r} has {' and '.join(map(str, sorted(found)))} dimensions")
    return ", ".join(f"{name}: {min(found)} dimensions" for name, found in lengths.items())


def feature_is_declared(subject: Subject) -> str:
    """Look for the default feature among what `embed` returns."""
    bench = subject.bench
    method = bench.build()
    for records, role in _sides(bench):
        names = bench.embed(method, records, role)
        if method.feature not in names:
            found = ", ".join(map(repr, names)) or "nothing"
            raise Broken(f"it declares {method.feature!r}, but `embed` of the {role} gives {found}")
    return repr(method.feature)


def features_repeat(subject: Subject) -> str:
    """Embed the same images twice, with torch's generator elsewhere the second time."""
    bench = subject.bench
    if not bench.repeats:
        raise Broken("embedded twice, the same images have other features")
    return "twice the same bits"


def order_does_not_matter(subject: Subject) -> str:
    """Embed a batch forwards and backwards."""
    bench = _repeating(subject)
    return _check_gap(_gap_of_orders(bench), FLOAT32, "in reverse order")


def batch_size_does_not_matter(subject: Subject) -> str:
    """Embed images one by one and all at once, in float32 and in bfloat16."""
    bench = _repeating(subject)
    need_unblocked(
        _gap_of_orders(bench) <= FLOAT32, "the order of a batch matters: see `batch-order`"
    )
    method = bench.build()
    said = []
    for kind, limit in (("float32", FLOAT32), ("bf16", BF16)):
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            try:
                gap = _gap_of_sizes(bench, method)
            except Blocked as blocked:
                if kind == "float32":
                    raise
                raise _broken_in_half(blocked) from blocked.__cause__
        said.append(f"{_check_gap(gap, limit, f'one by one in {kind}')} in {kind}")
    return ", ".join(said)


def nothing_is_remembered(subject: Subject) -> str:
    """Embed queries before and after the gallery."""
    bench = _repeating(subject)
    method = bench.build()
    before = bench.embed(method, bench.queries, "query")
    bench.embed(method, bench.gallery, "gallery")
    after = bench.embed(method, bench.queries, "query")
    _check_bits(before, after, "after the gallery was embedded")
    return "the same bits before and after the gallery"


def embed_only_evaluates(subject: Subject) -> str:
    """Embed, and look for networks in train mode, changed weights and gradients."""
    bench = subject.bench
    method = bench.build()
    before = snapshot(method)
    features = bench.embed(method, bench.queries, "query")
    training = [
        ".".join(filter(None, (name, inner)))
        for name, network in method.networks.items()
        for inner, module in network.named_modules()
        if module.training
    ]
    if training:
        raise Broken(f"after `embed`, {training[0]} is in train mode")
    changed = find_changed(before, snapshot(method))
    if changed:
        raise Broken(f"`embed` changes {changed[0]}")
    if any(rows.requires_grad for rows in features.values()):
        raise Broken("its features carry a gradient")
    return "eval mode, no weight changed, no gradient"


def input_stays(subject: Subject) -> str:
    """Embed, and look whether the pixels that were given are still the same."""
    bench = subject.bench
    method = bench.build()
    for records, role in _sides(bench):
        batch = bench.batch(records, role)
        before = batch.pixels.clone()
        embed(method, [batch])
        if not same_bits(before, batch.pixels):
            moved = float((before - batch.pixels).abs().max())
            raise Broken(f"`embed` changes the pixels that it was given, by up to {moved:.3g}")
    return "pixels as they were"


def labels_do_not_matter(subject: Subject) -> str:
    """Extract the same images under wrong identities, cameras, ids and file names.

    This sees a method that looks for its records in memory or among files by their names. One that
    knows the images by heart, pixel by pixel, is not seen.
    """
    bench = _repeating(subject)
    method = bench.build()
    for records, role in _sides(bench):
        bench.embed(method, records, role)  # not this check's to tell where it fails
        with TemporaryDirectory() as folder:
            poisoned = _poison(records, bench.root, Path(folder))
            bank = ImageBank(Path(folder), poisoned, bench.bank.size)
            bank.fill()
            honest = _extract(method, records, bench.bank, role)
            _check_bits(honest, _extract(method, poisoned, bank, role), "under wrong labels")
    return "the same bits under wrong labels and file names"


def restored_are_images(subject: Subject) -> str:
    """Restore queries, and look at shape and range."""
    bench = subject.bench
    method = evaluating(bench.build())
    if not isinstance(method, Restores):
        raise NotRun("it restores nothing")
    batch = bench.batch(bench.queries, "query")
    with torch.inference_mode():
        images = method.restore(batch)
        again = method.restore(batch)
    if images.shape != batch.pixels.shape:
        raise Broken(f"of {tuple(batch.pixels.shape)} it restores {tuple(images.shape)}")
    low, high = float(images.min()), float(images.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # NaN is outside, too
        raise Broken(f"restored values lie in [{low:.3g}, {high:.3g}]")
    if not same_bits(images, again):
        raise Broken("restored twice, an image is not the same bits")
    return f"in [{low:.3g}, {high:.3g}]"


def _sides(bench: Bench) -> tuple[tuple[Sequence[Record], Role], ...]:
    return ((bench.queries, "query"), (bench.gallery, "gallery"))


def _repeating(subject: Subject) -> Bench:
    """Return the bench of a method whose features repeat."""
    need_unblocked(
        subject.bench.repeats, "its features do not repeat: see `deterministic-features`"
    )
    return subject.bench


def _gap_of_orders(bench: Bench) -> float:
    """Return by how much a feature differs where its batch is in reverse order."""
    method = bench.build()
    gaps = []
    for records, role in _sides(bench):
        forwards = bench.embed(method, records, role)
        backwards = bench.embed(method, records[::-1], role)
        gaps.append(relative_gap(forwards, {k: v.flip(0) for k, v in backwards.items()}))
    return max(gaps)


def _gap_of_sizes(bench: Bench, method: Method) -> float:
    """Return by how much a feature differs where its image is embedded alone."""
    gaps = []
    for records, role in _sides(bench):
        together = bench.embed(method, records, role)
        gaps.append(relative_gap(together, bench.embed(method, records, role, size=1)))
    return max(gaps)


def _broken_in_half(blocked: Blocked) -> Broken:
    """Return what to say of features that there are in float32, but not in bfloat16."""
    cause = blocked.__cause__
    seen = f"`embed` raised {in_words(cause)}" if cause else "its features cannot be used"
    return Broken(f"in bf16, {seen}; in float32 all is well")


def _check_bits(first: dict[str, Tensor], second: dict[str, Tensor], when: str) -> None:
    for name, rows in first.items():
        if not same_bits(rows, second[name]):
            other = int((rows != second[name]).any(dim=1).sum())
            gap = relative_gap({name: rows}, {name: second[name]})
            raise Broken(
                f"{when}, {other} of {len(rows)} rows of {name!r} differ, by up to {gap:.1e} of "
                "their length"
            )


def _check_gap(gap: float, limit: float, how: str) -> str:
    if gap > limit:
        raise Broken(f"{how}, a feature differs by {gap:.1e} of its length; {limit:.0e} is allowed")
    return f"{gap:.0e} apart"


def _extract(
    method: Method, records: Sequence[Record], bank: ImageBank, role: Role
) -> dict[str, Tensor]:
    """Return features by the road that `harness run` takes."""
    try:
        features = extract(method, records, bank, role, CPU)
    except Exception as error:
        raise Blocked("its features cannot be extracted: see `runs-on-cpu`") from error
    return {name: torch.from_numpy(rows) for name, rows in features.items()}


def _poison(records: Sequence[Record], root: Path, folder: Path) -> list[Record]:
    """Return the same images under wrong labels, copied to meaningless file names."""
    rng = random.Random(0)
    pids, camids = [r.pid for r in records], [r.camid for r in records]
    rng.shuffle(pids)
    rng.shuffle(camids)
    poisoned = []
    for record, pid, camid in zip(records, pids, camids, strict=True):
        name = f"{rng.getrandbits(64):016x}"
        path = f"{name}{Path(record.path).suffix}"
        shutil.copyfile(root / record.path, folder / path)
        poisoned.append(
            replace(record, id=name, path=path, pid=pid, camid=camid, hr_id=None, subset=None)
        )
    return poisoned
