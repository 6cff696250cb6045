"""Where a fit runs and in what precision, through Accelerate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed

from harness.errors import DeviceError, UsageError

Precision = Literal["float32", "bf16"]

_MIXED = {"float32": "no", "bf16": "bf16"}


@dataclass(frozen=True)
class Device:
    """A device with the precision of training on it.

    Attributes:
        accelerator: Accelerate's handle.
        precision: `float32`, or `bf16` for autocast to bfloat16.
    """

    accelerator: Accelerator
    precision: Precision

    @property
    def torch(self) -> torch.device:
        """The torch device."""
        device: torch.device = self.accelerator.device
        return device

    def describe(self) -> dict[str, Any]:
        """Return what a result records of the device."""
        on_gpu = self.torch.type == "cuda"
        return {
            "type": self.torch.type,
            "name": torch.cuda.get_device_name(self.torch) if on_gpu else cpu_name(),
            "threads": torch.get_num_threads(),
            "precision": self.precision,
        }


def choose_device(device: str, precision: str) -> Device:
    """Return the device and precision that two options name.

    Args:
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.
        precision: `auto` (bf16 where the hardware has it), `float32` or `bf16`.

    Raises:
        DeviceError: If CUDA is asked for and absent.
        UsageError: If an option has another value.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"There is no device {device!r}.", "Give --device auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"CUDA was asked for, but torch {torch.__version__} finds no CUDA device here.",
            "Give --device cpu, or install a driver that this torch supports.",
        )
    use_cpu = device == "cpu" or not torch.cuda.is_available()
    resolved = _resolve_precision(precision, use_cpu=use_cpu)
    torch.backends.cudnn.allow_tf32 = False  # float32 in a row means float32
    AcceleratorState._reset_state(reset_partial_state=True)
    return Device(Accelerator(cpu=use_cpu, mixed_precision=_MIXED[resolved]), resolved)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators."""
    set_seed(seed)


def _resolve_precision(precision: str, *, use_cpu: bool) -> Precision:
    if precision == "float32":
        return "float32"
    if precision == "bf16":
        return "bf16"
    if precision != "auto":
        raise UsageError(
            f"There is no precision {precision!r}.", "Give --precision auto, float32 or bf16."
        )
    has_bf16 = (
        _cpu_has_bf16() if use_cpu else torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return "bf16" if has_bf16 else "float32"


def _cpu_has_bf16() -> bool:
    """Say whether the processor multiplies bfloat16 in hardware; torch has no public question."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


def cpu_name() -> str:
    """Return the model of the processor, or `CPU` where the system does not say."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "CPU"
