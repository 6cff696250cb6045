"""Restored images on a run's page: what stands beside what, and what is said where one is gone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.definitions import METRICS
from harness.definitions.measure import measure_all
from harness.pixels import degrade, read_image, resize
from harness.settings import Settings
from harness.store import MetricValue, ScoreDraft
from harness.store.pictures import Picture, PictureFile, save_pictures
from harness.types import Interval, Variant
from leaderboard import site
from leaderboard.estimates import Estimates, MetricAt
from leaderboard.quality import make_quality
from tests.leaderboard.pages import Element, read_page, row_of, table_of
from tests.leaderboard.shelf import QUERY, Shelf, ranked

SIZE = (16, 8)
RATES = (2, 3, None)  # of the three queries that are kept
QUERY_IDS = [f"far/{n}.png" for n in range(3)]


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home, home / "data", "", "auto")


@pytest.fixture
def data(settings: Settings) -> Path:
    """Draw three queries and the original of each."""
    root = settings.data / "toy"
    rng = np.random.default_rng(2)
    for name in [f"{folder}/{n}.png" for folder in ("far", "near") for n in range(3)]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 16, 3), dtype=np.uint8)).save(root / name)
    return root


@pytest.fixture
def restored(data: Path, settings: Settings, tmp_path: Path) -> Path:
    """The file of their restored images: two with an original, one of native low resolution."""
    pictures = [
        Picture(
            id=f"far/{n}.png",
            path=f"far/{n}.png",
            r=r,
            original=None if r is None else f"near/{n}.png",
            restored=np.full((*SIZE, 3), 40 * n, dtype=np.uint8),
        )
        for n, r in enumerate(RATES)
    ]
    path = tmp_path / "restored.safetensors"
    save_pictures(path, PictureFile(settings.portable(data), "area", None, pictures))
    return path


@pytest.fixture
def scored(store, restored):
    """Return a function that stores a run whose score has image quality, and returns its id."""

    def make(files=True, gain=1.5, missing=0) -> str:
        run_id = Shelf(store).run(finish=False, splits=(0,))
        (fit,) = store.where_fits(run_id)
        floor = np.linspace(18.0, 26.0, len(QUERY.ids))
        floor[:missing] = np.nan
        measured = {
            "psnr@1": floor + gain,
            "psnr_input@1": floor,
            "lpips@1": np.full(len(floor), np.nan),
            "lpips_input@1": np.full(len(floor), np.nan),
        }
        evidence = replace(ranked(noise=1.0, seed=0), measured=measured)
        draft = ScoreDraft(
            fit_id=fit.id,
            protocol_id=store.where_scores(run_id)[0].protocol_id,
            variant=Variant(feature="sr", distance="cosine"),
            seconds=0.5,
            images=72,
            evidence=evidence,
            metrics=tuple(
                MetricValue(m.name, m.k, m.value, m.note) for m in measure_all(evidence, METRICS)
            ),
            files={"restored": restored} if files else {},
        )
        store.add_score(draft, run_id=run_id)
        store.finish_run(run_id, "done")
        return run_id

    return make


def build(store, folder: Path, settings: Settings | None) -> site.Built:
    return site.build(store, folder, lambda _done, _total: None, settings)


def figures(page: Element) -> list[Element]:
    return [figure for figure in page.all("figure") if figure.all("figcaption")[0].all("code")]


def pixels(folder: Path, image: Element) -> np.ndarray:
    return read_image(folder / "runs" / image.attributes["src"])


class TestTriptychs:
    def test_low_restored_high(self, store, scored, settings, data, tmp_path):
        """Each triptych is the query as the protocol degrades it, what was kept, the original."""
        run_id = scored()
        build(store, tmp_path / "site", settings)
        shown = figures(read_page(tmp_path / "site" / "runs" / f"{run_id}.html"))

        assert len(shown) == 3
        for n, r in enumerate(RATES[:2]):
            lr, restored, hr = (pixels(tmp_path / "site", i) for i in shown[n].all("img"))
            far, near = (read_image(data / folder / f"{n}.png") for folder in ("far", "near"))
            np.testing.assert_array_equal(lr, resize(degrade(far, r, down="area"), *SIZE))
            np.testing.assert_array_equal(restored, np.full((*SIZE, 3), 40 * n))
            np.testing.assert_array_equal(hr, resize(near, *SIZE))
            assert f"far/{n}.png r = {r}" in shown[n].text

    def test_native_low_resolution(self, store, scored, settings, tmp_path):
        """A query that was captured so has no original, and the page says so in its place."""
        run_id = scored()
        build(store, tmp_path / "site", settings)
        native = figures(read_page(tmp_path / "site" / "runs" / f"{run_id}.html"))[2]

        assert len(native.all("img")) == 2
        assert "none: captured at low resolution" in native.text
        assert "native LR" in native.text

    def test_for_everyone(self, store, scored, settings, tmp_path):
        """Each image says what it is, has its size, and is loaded when it comes into sight."""
        run_id = scored()
        build(store, tmp_path / "site", settings)
        page = read_page(tmp_path / "site" / "runs" / f"{run_id}.html")

        alts = [image.attributes["alt"] for image in page.all("img")]
        assert alts[:3] == ["LR of far/0.png", "restored of far/0.png", "HR of far/0.png"]
        for image in page.all("img"):
            assert image.attributes["loading"] == "lazy"
            assert (image.attributes["height"], image.attributes["width"]) == ("16", "8")

    def test_unchanged_files_are_left_alone(self, store, scored, settings, tmp_path):
        """A second build writes nothing; a changed image of the data set is written anew."""
        scored()
        first = build(store, tmp_path / "site", settings)
        second = build(store, tmp_path / "site", settings)
        Image.new("RGB", (16, 32)).save(settings.data / "toy" / "near" / "0.png")
        third = build(store, tmp_path / "site", settings)

        assert first.written >= 8
        assert (second.written, third.written) == (0, 1)

    def test_left_out(self, store, scored, settings, tmp_path):
        """Without images there is none in the site, those of an earlier build included."""
        run_id = scored()
        build(store, tmp_path / "site", settings)
        build(store, tmp_path / "site", None)
        page = read_page(tmp_path / "site" / "runs" / f"{run_id}.html")

        assert not list((tmp_path / "site").rglob("*.png"))
        assert not page.all("img")
        assert "Image quality" in page.text


class TestAbsent:
    def test_data_folder(self, store, scored, settings, data, tmp_path):
        """Where the data set is gone the restored image stands between two gaps, with its id."""
        run_id = scored()
        shutil.rmtree(data)
        build(store, tmp_path / "site", settings)
        shown = figures(read_page(tmp_path / "site" / "runs" / f"{run_id}.html"))

        assert [len(figure.all("img")) for figure in shown] == [1, 1, 1]
        assert shown[0].text.count("not on this machine") == 2
        assert [figure.all("code")[0].text for figure in shown] == QUERY_IDS

    @pytest.mark.parametrize("reason", ["never kept", "deleted", "damaged"])
    def test_restored_images(self, store, scored, settings, home, tmp_path, reason):
        """Where the restored images are gone or broken the page says so and has no image."""
        run_id = scored(files=reason != "never kept")
        for kept in (home / "artifacts").rglob("*.safetensors"):
            kept.write_bytes(b"x") if reason == "damaged" else kept.unlink()
        build(store, tmp_path / "site", settings)
        page = read_page(tmp_path / "site" / "runs" / f"{run_id}.html")

        said = "Their file is damaged." if reason == "damaged" else "They are not on this machine"
        assert said in page.text
        assert not page.all("img")


def width(found: Interval) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


class TestQuality:
    def test_difference_is_paired(self, store, scored):
        """Where each query gains 1.5 dB the difference is 1.5 dB, with no width at all."""
        run_id = scored()
        score = store.where_scores(run_id)[-1]
        estimates = Estimates(store)
        change = estimates.change([score], MetricAt("psnr@1", None), MetricAt("psnr_input@1", None))
        of_restored = estimates.of([score], MetricAt("psnr@1", None))

        assert change is not None
        assert change.value == pytest.approx(1.5)
        assert width(change) == pytest.approx(0, abs=1e-9)
        assert width(of_restored) > 1

    def test_table(self, store, scored, settings, tmp_path):
        """The page has the restored images, their input and the difference, in dB."""
        run_id = scored(gain=-0.25)
        build(store, tmp_path / "site", settings)
        page = read_page(tmp_path / "site" / "runs" / f"{run_id}.html")
        cells = [cell.text for cell in row_of(table_of(page, "Quality of restored"), "PSNR [dB]")]

        # The floor runs evenly from 18 to 26, mean 22; restored are 0.25 dB worse.
        assert cells[0].startswith("21.75 [")
        assert cells[1].startswith("22.00 [")
        assert cells[2].startswith("\N{MINUS SIGN}0.25 [")

    def test_absent_metric_says_why(self, store, scored, settings, tmp_path):
        """A metric without a value is a dash with its note; ranks are in another table."""
        run_id = scored(missing=4)
        build(store, tmp_path / "site", settings)
        page = read_page(tmp_path / "site" / "runs" / f"{run_id}.html")
        quality = table_of(page, "Quality of restored")
        lpips = [cell.text for cell in row_of(quality, "LPIPS", "lower is better")]
        psnr = row_of(quality, "PSNR")

        assert lpips[:3] == ["\N{EN DASH}"] * 3
        assert "4 of 24 queries have no high-resolution original." in psnr[-1].text
        ranks = [table.text for table in page.all("table") if "in per cent" in table.text]
        assert ranks
        assert not any("PSNR" in text for text in ranks)

    def test_method_that_does_not_restore(self, store, settings, tmp_path):
        """A run without restored images has neither table nor images."""
        run_id = Shelf(store).run()
        build(store, tmp_path / "site", settings)
        page = read_page(tmp_path / "site" / "runs" / f"{run_id}.html")

        assert "Image quality" not in page.text
        assert "Restored images" not in page.text
        assert make_quality(Estimates(store), store.where_scores(run_id)) == []
