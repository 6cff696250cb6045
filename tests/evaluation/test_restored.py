"""What restoring the queries of a split gives: values, notes, a sample; and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from harness import Distance, EmbedBatch, Record, Restores, Stage, TrainingError
from harness.data.images import ImageBank
from harness.errors import DataError, PluginError
from harness.evaluation.quality import psnr, psnr_input
from harness.evaluation.restored import Restorer, find_originals, to_bytes
from harness.pixels import degrade, read_image, resize
from harness.types import RestoredBatch

SIZE = (24, 16)


class Brighter:
    """Restores by adding a constant, unless told to misbehave."""

    feature: ClassVar[str] = "v"
    distance: ClassVar[Distance] = "euclidean"
    backbones: ClassVar[Sequence[str]] = ()

    def __init__(self, fault: str = "none", added: float = 0.0) -> None:
        self.fault = fault
        self.added = added
        self.norm = nn.BatchNorm2d(3)
        self.networks: Mapping[str, nn.Module] = {"norm": self.norm}
        self.seen: list[EmbedBatch] = []

    def stages(self) -> Sequence[Stage]:
        return ()

    def embed(self, batch: EmbedBatch) -> Mapping[str, Tensor]:
        return {"v": batch.pixels.mean(dim=(2, 3))}

    def restore(self, batch: EmbedBatch) -> Tensor:
        assert not self.norm.training
        assert torch.is_inference_mode_enabled()
        self.seen.append(batch)
        images = (batch.pixels + self.added).clamp(0, 1)
        if self.fault == "nan":
            return images * float("nan")
        if self.fault == "range":
            return images * 255
        return images[:, :, 1:] if self.fault == "shape" else images


@pytest.fixture
def records(tmp_path) -> list[Record]:
    """Four HR images of two identities, and one that is low resolution as captured."""
    rng = np.random.default_rng(5)
    found = []
    for n in range(5):
        coarse = Image.fromarray(rng.integers(40, 200, (6, 4, 3), dtype=np.uint8))
        coarse.resize((16, 24), Image.Resampling.BICUBIC).save(tmp_path / f"{n}.png")
        found.append(Record(f"{n}.png", f"{n}.png", 1 + n // 2, 2, None if n == 4 else 1))
    return found


@pytest.fixture
def queries(records) -> list[Record]:
    """Three degraded queries, one of high resolution and one of native low resolution."""
    made = [replace(r, id=f"{r.id}@r{n}", r=n, hr_id=r.id) for n, r in enumerate(records[:3], 2)]
    return [*made, records[3], records[4]]


@pytest.fixture
def restorer(records, queries, tmp_path):
    """Return a function that makes a restorer of a method and formulas."""
    bank = ImageBank(tmp_path, records, SIZE)
    bank.fill()

    def make(method: Brighter, formulas=None) -> Restorer:
        return Restorer(
            method=method,
            bank=bank,
            originals=find_originals(queries, records),
            formulas=formulas or {"psnr@1": psnr, "psnr_input@1": psnr_input},
            device=torch.device("cpu"),
        )

    return make


def test_protocol_is_told_by_its_method():
    """A method that has `restore` is one that restores, another is not."""
    assert issubclass(Brighter, Restores)
    assert not issubclass(nn.Module, Restores)


def test_each_query_against_its_original(restorer, queries, tmp_path):
    """The value of a query is that of its own degraded image and its own original."""
    found = restorer(Brighter()).restore(queries, [])

    for i, query in enumerate(queries[:3]):
        hr = read_image(tmp_path / query.path)
        lr = resize(degrade(hr, query.r), *SIZE)
        mse = np.mean(((lr.astype(float) - resize(hr, *SIZE)) / 255) ** 2)
        assert found.values["psnr_input@1"][i] == pytest.approx(10 * np.log10(1 / mse), abs=1e-3)
    np.testing.assert_array_equal(found.values["psnr@1"], found.values["psnr_input@1"])


def test_without_an_original_there_is_no_value(restorer, queries):
    """Native low resolution is restored but not measured; high resolution is not restored."""
    method = Brighter()
    found = restorer(method).restore(queries, range(5))

    assert np.isnan(found.values["psnr@1"]).tolist() == [False, False, False, True, True]
    assert sorted(found.kept) == [0, 1, 2, 4]
    assert [r for batch in method.seen for r in batch.r] == [2, 3, 4, None]


def test_restored_is_measured_and_not_the_input(restorer, queries):
    """A method that spoils its images has a lower value than its input."""
    found = restorer(Brighter(added=0.2)).restore(queries, [])
    assert (found.values["psnr@1"][:3] < found.values["psnr_input@1"][:3]).all()


def test_batches_do_not_matter(restorer, queries, monkeypatch):
    """One at a time or all at once gives the same values and the same sample."""
    whole = restorer(Brighter(added=0.1)).restore(queries, [0, 2])
    monkeypatch.setattr("harness.evaluation.restored.BATCH", 1)
    single = restorer(Brighter(added=0.1)).restore(queries, [0, 2])

    np.testing.assert_allclose(single.values["psnr@1"], whole.values["psnr@1"], rtol=1e-6)
    for i in (0, 2):
        np.testing.assert_array_equal(single.kept[i], whole.kept[i])


def test_kept_pixels_are_rounded(restorer, queries):
    """What is kept is the restored image as uint8, height by width by colour."""
    found = restorer(Brighter()).restore(queries, [1])

    assert found.kept[1].shape == (*SIZE, 3)
    assert found.kept[1].dtype == np.uint8
    # 0.5 * 255 = 127.5 rounds to even, 128; 0.2 * 255 = 51
    two = torch.tensor([0.5, 0.2]).reshape(1, 1, 2).repeat(3, 1, 1)
    assert to_bytes(two).tolist() == [[[128] * 3, [51] * 3]]


def test_what_cannot_be_computed_is_a_note(restorer, queries):
    """A metric that this machine cannot compute has no value anywhere; why is kept, once."""
    asked = []

    def absent(images: RestoredBatch) -> Tensor:
        asked.append(len(images.hr))
        raise DataError("There are no weights.", "Get some.")

    found = restorer(Brighter(), {"absent@1": absent, "psnr@1": psnr}).restore(queries, [])

    assert list(found.problems) == ["absent@1"]
    assert str(found.problems["absent@1"]) == "There are no weights. Get some."
    assert np.isnan(found.values["absent@1"]).all()
    assert not np.isnan(found.values["psnr@1"][:3]).any()
    assert asked == [3]


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("nan", TrainingError, "hold NaN or infinity"),
        ("range", PluginError, r"values from \d+\.?\d* to \d+\.?\d*\. Clamp"),
        ("shape", PluginError, r"shape \(4, 3, 23, 16\) for a batch of \(4, 3, 24, 16\)"),
    ],
)
def test_broken_images_are_refused(restorer, queries, fault, error, message):
    """Images that are not finite, not in [0, 1] or of another size are never measured."""
    with pytest.raises(error, match=message):
        restorer(Brighter(fault)).restore(queries, [])


@pytest.mark.parametrize(
    "formula",
    [lambda images: images.hr.mean(), lambda images: torch.full((len(images.hr),), float("inf"))],
    ids=["one mean", "infinite"],
)
def test_formula_that_breaks_its_contract_is_a_plugin_error(restorer, queries, formula):
    """A formula returns one finite value for each image."""
    with pytest.raises(PluginError, match=r"own@1 returned .* for 3 images"):
        restorer(Brighter(), {"own@1": formula}).restore(queries, [])
