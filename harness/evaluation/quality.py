"""The formulas of image quality, each by torchmetrics: triples of images in, (N,) values out.

The words are in `harness.definitions.quality`.
"""

from __future__ import annotations

import pickle
import socket
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from urllib.error import URLError

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from harness.errors import DataError, WeightsError
from harness.evaluation.alexnet import NO_WEIGHTS, alexnet_file
from harness.types import RestoredBatch

DOWNLOAD_TIMEOUT = 5.0  # [s]
HIGHEST_PSNR = 100.0  # dB
SMALLEST_SIDE = 32  # pixels; AlexNet pools smaller images to nothing

Compare = Callable[[Tensor, Tensor], Tensor]


def psnr(images: RestoredBatch) -> Tensor:
    """Return 10 log10(1 / MSE) of each restored image, (N,), in dB."""
    return _psnr(images.restored, images.hr)


def psnr_input(images: RestoredBatch) -> Tensor:
    """Return 10 log10(1 / MSE) of each image before it is restored, (N,), in dB."""
    return _psnr(images.lr, images.hr)


def ssim(images: RestoredBatch) -> Tensor:
    """Return the structural similarity of each restored image, (N,), at most 1."""
    return _ssim(images.restored, images.hr)


def ssim_input(images: RestoredBatch) -> Tensor:
    """Return the structural similarity of each image before it is restored, (N,), at most 1."""
    return _ssim(images.lr, images.hr)


def lpips(images: RestoredBatch) -> Tensor:
    """Return the perceptual distance of each restored image, (N,), from 0; raises as `_lpips`."""
    return _lpips(images.restored, images.hr)


def lpips_input(images: RestoredBatch) -> Tensor:
    """Return the perceptual distance of each image before it is restored, (N,); likewise."""
    return _lpips(images.lr, images.hr)


def _psnr(image: Tensor, original: Tensor) -> Tensor:
    values: Tensor = peak_signal_noise_ratio(
        image, original, data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return values.clamp(max=HIGHEST_PSNR)


def _ssim(image: Tensor, original: Tensor) -> Tensor:
    values: Tensor = structural_similarity_index_measure(
        image, original, data_range=1.0, reduction="none"
    )
    return values.reshape(len(image))


def _lpips(image: Tensor, original: Tensor) -> Tensor:
    """Return LPIPS, (N,).

    Raises:
        DataError: If the images are too small for its network.
        WeightsError: If the network's weights cannot be had.
    """
    height, width = image.shape[2:]
    if min(height, width) < SMALLEST_SIDE:
        raise DataError(
            f"LPIPS needs images of {SMALLEST_SIDE} pixels on each side; these have "
            f"{height} x {width}.",
            "Choose a larger input with `--set height=... --set width=...`.",
        )
    network = lpips_network()
    if isinstance(network, WeightsError):
        raise network
    values: Tensor = network.to(image.device)(image, original, normalize=True)
    return values.reshape(len(image))


@cache
def lpips_network() -> torch.nn.Module | WeightsError:
    """Return the network of LPIPS, or why there is none; a process asks once.

    Its last layers come with torchmetrics, the weights of AlexNet from torchvision's cache, or over
    the network, for which it waits 5 seconds at most.
    """
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        with redirect_stdout(sys.stderr):  # torch.hub announces downloads on standard output
            network: torch.nn.Module = LearnedPerceptualImagePatchSimilarity("alex").net
            return network
    except (URLError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        return WeightsError(
            f"{NO_WEIGHTS} ({error}).",
            f"Put them at {alexnet_file()} and type the command again: it scores without training.",
        )
    finally:
        socket.setdefaulttimeout(before)
