"""The promises of `harness.pixels`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from harness.errors import DataError
from harness.pixels import FILTERS, Pixels, degrade, read_image, reduced_size, resize
from harness.specs import Down

RANDOM = np.random.default_rng(0).integers(0, 256, (40, 24, 3)).astype(np.uint8)

images = st.tuples(st.integers(8, 40), st.integers(8, 40)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3))
)


def encoded(image: Pixels, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind)
    return stream.getvalue()


def naive_box(image: Pixels, r: int) -> Pixels:
    """Average r pixels of each row, then r of each column, rounding half up after each pass."""
    height, width = image.shape[0] // r, image.shape[1] // r
    rows = np.empty((image.shape[0], width, 3), np.uint8)
    for i, j, c in np.ndindex(rows.shape):
        rows[i, j, c] = int(sum(int(image[i, j * r + a, c]) for a in range(r)) / r + 0.5)
    out = np.empty((height, width, 3), np.uint8)
    for i, j, c in np.ndindex(out.shape):
        out[i, j, c] = int(sum(int(rows[i * r + a, j, c]) for a in range(r)) / r + 0.5)
    return out


class TestReadImage:
    @pytest.mark.parametrize("kind", ["PNG", "BMP"])
    def test_lossless_round_trip(self, tmp_path: Path, kind: str) -> None:
        """A lossless file gives back the pixels that were written, height first."""
        path = tmp_path / "image"
        path.write_bytes(encoded(RANDOM, kind))
        image = read_image(path)
        assert image.shape == (40, 24, 3)
        assert np.array_equal(image, RANDOM)

    def test_grey_and_transparent_become_rgb(self, tmp_path: Path) -> None:
        """A grey image has three equal channels; transparency is dropped."""
        Image.fromarray(RANDOM[:, :, 0]).save(tmp_path / "grey.png")
        grey = read_image(tmp_path / "grey.png")
        assert np.array_equal(grey, np.repeat(RANDOM[:, :, :1], 3, axis=2))
        Image.fromarray(RANDOM).convert("RGBA").save(tmp_path / "clear.png")
        assert np.array_equal(read_image(tmp_path / "clear.png"), RANDOM)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "the file is empty"),
            (b"not an image at all", "it is not an image of a known format"),
            (encoded(RANDOM, "JPEG")[:-200], "truncated"),
            (encoded(RANDOM, "PNG")[:400], "truncated"),
            (encoded(RANDOM, "PNG")[:60] + b"\0" * 60, "cannot be read as an image"),
        ],
    )
    def test_a_broken_file_is_named(self, tmp_path: Path, content: bytes, reason: str) -> None:
        """A file that is no whole image is an error with its path, the reason and what to do."""
        path = tmp_path / "0003004.jpg"
        path.write_bytes(content)
        with pytest.raises(DataError, match=reason) as caught:
            read_image(path)
        assert str(path) in caught.value.what
        assert "harness data check" in caught.value.next_step

    def test_a_missing_file_and_a_folder_are_named(self, tmp_path: Path) -> None:
        """What is not a file is an error too."""
        with pytest.raises(DataError, match=r"gone\.jpg .* no such file"):
            read_image(tmp_path / "gone.jpg")
        with pytest.raises(DataError, match="cannot be read as an image"):
            read_image(tmp_path)

    def test_an_absurdly_large_image_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An image that would fill the memory is an error, not a crash."""
        path = tmp_path / "large.png"
        path.write_bytes(encoded(RANDOM, "PNG"))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        with pytest.raises(DataError, match=r"large\.png"):
            read_image(path)

    @given(st.integers(0, len(encoded(RANDOM, "JPEG")) - 3))
    def test_every_cut_is_noticed(
        self, tmp_path_factory: pytest.TempPathFactory, length: int
    ) -> None:
        """A JPEG that is cut anywhere is refused, never filled with grey."""
        path = tmp_path_factory.getbasetemp() / "cut.jpg"
        path.write_bytes(encoded(RANDOM, "JPEG")[:length])
        with pytest.raises(DataError):
            read_image(path)


class TestDegrade:
    @pytest.mark.parametrize(
        ("r", "size"), [(2, (64, 32)), (3, (43, 21)), (4, (32, 16)), (8, (16, 8))]
    )
    def test_size_by_hand(self, r: int, size: tuple[int, int]) -> None:
        """128 x 64 becomes 128/r x 64/r, rounded: 42.67 -> 43 and 21.33 -> 21 for r = 3."""
        image = np.zeros((128, 64, 3), np.uint8)
        assert degrade(image, r).shape == (*size, 3)

    def test_area_is_the_mean_of_each_block(self) -> None:
        """The area filter at a whole rate is the mean of r rows and r columns."""
        assert np.array_equal(degrade(RANDOM, 4, down="area"), naive_box(RANDOM, 4))

    def test_the_filter_widens_when_it_reduces(self) -> None:
        """Bicubic reduction sees every pixel: stripes of one pixel become grey, not black."""
        stripes = np.zeros((32, 32, 3), np.uint8)
        stripes[:, ::2] = 255
        assert abs(int(degrade(stripes, 4)[4, 4, 0]) - 127) < 20

    def test_max_pooling_by_hand(self) -> None:
        """The largest value of each 2 x 2 block: 5 rows leave 2, and the last row and column go.

        The block with rows 0-1 and columns 2-3 holds 2, 3, 9, 10: 10.
        """
        image = np.repeat(np.arange(63, dtype=np.uint8).reshape(9, 7, 1), 3, axis=2)
        with pytest.raises(DataError, match="has 4 x 3"):
            degrade(image, 2, down="maxpool")
        wide = np.concatenate([image, image + 100], axis=1)  # 9 x 14
        assert degrade(wide, 2, down="maxpool")[0, :4, 0].tolist() == [8, 10, 12, 107]

    @pytest.mark.parametrize("r", [2, 3, 5])
    def test_max_pooling_by_naive_transcription(self, r: int) -> None:
        """Each value is the largest of its block, as two more loops say."""
        expected = np.zeros((40 // r, 24 // r, 3), np.uint8)
        for i, j, c in np.ndindex(expected.shape):
            expected[i, j, c] = max(
                RANDOM[i * r + a, j * r + b, c] for a in range(r) for b in range(r)
            )
        assert np.array_equal(degrade(RANDOM, r, down="maxpool"), expected)

    @given(images)
    def test_max_pooling_is_never_darker(self, image: Pixels) -> None:
        """No filter that averages exceeds the largest value of a block."""
        if min(image.shape[:2]) < 8:
            return
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        brightest = degrade(even, 2, down="maxpool")
        assert (brightest >= degrade(even, 2, down="area")).all()

    def test_reducing_what_was_resized_first(self) -> None:
        """An image that is brought to 64 x 32 and reduced 4 times has 16 x 8, whatever it had."""
        expected = degrade(resize(RANDOM, 64, 32), 4)
        assert np.array_equal(degrade(RANDOM, 4, size=(64, 32)), expected)
        assert expected.shape == (16, 8, 3)
        assert degrade(RANDOM, 1, size=(64, 32)) is RANDOM

    @given(images, st.integers(2, 5), st.sampled_from([*FILTERS, "maxpool"]))
    def test_the_size_is_told_beforehand(self, image: Pixels, r: int, down: Down) -> None:
        """A degraded image has the size that `reduced_size` says."""
        size = reduced_size(image.shape[0], image.shape[1], r, down)
        if min(size) >= 4:
            assert degrade(image, r, down=down).shape == (*size, 3)

    @pytest.mark.parametrize("down", [*FILTERS, "maxpool"])
    def test_each_filter_keeps_a_plain_image(self, down: Down) -> None:
        """An image of one colour keeps it under every filter."""
        plain = np.full((40, 24, 3), (10, 200, 77), np.uint8)
        assert np.array_equal(degrade(plain, 3, down=down), plain[:13, :8])

    @given(images)
    def test_rate_one_is_the_identity(self, image: Pixels) -> None:
        """A rate of 1 changes nothing."""
        assert degrade(image, 1) is image

    @given(images)
    def test_mirroring_commutes(self, image: Pixels) -> None:
        """A mirrored image degrades to the mirrored result: no half-pixel shift."""
        mirrored = degrade(np.ascontiguousarray(image[:, ::-1]), 2)
        difference = mirrored.astype(int) - degrade(image, 2)[:, ::-1].astype(int)
        assert np.abs(difference).max() <= 1

    def test_four_pixels_are_enough_and_three_are_not(self) -> None:
        """16 pixels reduced 4 times leave 4, which is allowed; 14 leave round(3.5) = 4; 13 not."""
        assert degrade(np.zeros((40, 16, 3), np.uint8), 4).shape[1] == 4
        assert degrade(np.zeros((40, 14, 3), np.uint8), 4).shape[1] == 4
        with pytest.raises(DataError, match="40 x 13 pixels down-sampled 4 times has 10 x 3"):
            degrade(np.zeros((40, 13, 3), np.uint8), 4)

    def test_a_rate_below_one_is_refused(self) -> None:
        """There is no enlarging by degradation."""
        with pytest.raises(DataError, match="rate of 0"):
            degrade(RANDOM, 0)


class TestResize:
    def test_halving_by_hand(self) -> None:
        """Bilinear halving weighs 4 pixels by 1, 3, 3, 1 over 8, renormalised at the border.

        A row 0 80 80 0: the left pixel is at 1.0 with support 2, weights 3 3 1 of 7:
        (3*0 + 3*80 + 1*80) / 7 = 45.7 -> 46.
        """
        row = np.array([0, 80, 80, 0], np.uint8)
        image = np.repeat(np.tile(row, (4, 1))[:, :, None], 3, axis=2)
        assert resize(image, 4, 2)[0, :, 0].tolist() == [46, 46]

    @given(images, st.integers(1, 50), st.integers(1, 50))
    def test_values_stay_between_the_extremes(self, image: Pixels, height: int, width: int) -> None:
        """Bilinear weights are positive, so nothing overshoots; the size is as asked."""
        out = resize(image, height, width)
        assert out.shape == (height, width, 3)
        assert out.min() >= image.min()
        assert out.max() <= image.max()

    def test_the_same_size_is_a_copy(self) -> None:
        """Resizing to the same size changes no pixel."""
        assert np.array_equal(resize(RANDOM, 40, 24), RANDOM)
