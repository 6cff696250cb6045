"""The words of the metrics of restored images; the formulas are in `harness.evaluation.quality`.

All are taken at network size on RGB in [0, 1], each query against its own high-resolution original,
which is brought to that size as the method would see it. A query without an original (native low
resolution) has no value. What ends in `_input` is the same of the query as it enters the method,
bilinear and with nothing restored: the floor.
"""

from __future__ import annotations

from harness.types import MetricInput, MetricSpec

_PSNR = "10 log10(1 / MSE) over pixels and channels, at most 100 dB (MSE 1e-10)"
_SSIM = "Structural similarity in a Gaussian window of 11 x 11 pixels (sigma 1.5), mean of channels"
_LPIPS = "Distance of AlexNet's ImageNet features, weighted by what people find alike (v0.1)"
_PSNR_SOURCE = "torchmetrics, peak_signal_noise_ratio."
_SSIM_SOURCE = "Wang et al., Image Quality Assessment, TIP 2004; torchmetrics."
_LPIPS_SOURCE = "Zhang et al., Unreasonable Effectiveness of Deep Features, CVPR 2018."

QUALITY: tuple[MetricSpec, ...] = (
    MetricSpec(
        key="psnr",
        version=1,
        title="PSNR",
        definition=f"{_PSNR}, of the restored query against its original.",
        source=_PSNR_SOURCE,
        input=MetricInput.RESTORED,
        compute="harness.evaluation.quality:psnr",
        unit="dB",
    ),
    MetricSpec(
        key="psnr_input",
        version=1,
        title="PSNR of the LR input",
        definition=f"{_PSNR}, of the query before it is restored against its original.",
        source=_PSNR_SOURCE,
        input=MetricInput.RESTORED,
        compute="harness.evaluation.quality:psnr_input",
        unit="dB",
    ),
    MetricSpec(
        key="ssim",
        version=1,
        title="SSIM",
        definition=f"{_SSIM}, of the restored query and its original.",
        source=_SSIM_SOURCE,
        input=MetricInput.RESTORED,
        compute="harness.evaluation.quality:ssim",
        unit="index",
    ),
    MetricSpec(
        key="ssim_input",
        version=1,
        title="SSIM of the LR input",
        definition=f"{_SSIM}, of the query before it is restored and its original.",
        source=_SSIM_SOURCE,
        input=MetricInput.RESTORED,
        compute="harness.evaluation.quality:ssim_input",
        unit="index",
    ),
    MetricSpec(
        key="lpips",
        version=1,
        title="LPIPS",
        definition=f"{_LPIPS}, of the restored query and its original.",
        source=_LPIPS_SOURCE,
        input=MetricInput.RESTORED,
        compute="harness.evaluation.quality:lpips",
        higher_is_better=False,
        unit="index",
    ),
    MetricSpec(
        key="lpips_input",
        version=1,
        title="LPIPS of the LR input",
        definition=f"{_LPIPS}, of the query before it is restored and its original.",
        source=_LPIPS_SOURCE,
        input=MetricInput.RESTORED,
        compute="harness.evaluation.quality:lpips_input",
        higher_is_better=False,
        unit="index",
    ),
)
