"""A sound method of a few lines, and methods that are the same but for one fault each."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from types import FrameType

import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout, interpolate

from harness import Stage, Stream

STRIPES = 6


class Sound:
    """Mean colours of six stripes, a linear layer, and a classifier."""

    feature = "v"
    distance = "euclidean"
    backbones = ()

    def __init__(self, config, context):
        self.config = config
        self.body = nn.Linear(3 * STRIPES, 8)
        self.head = nn.Linear(8, context.identities)
        self.networks = {"body": self.body, "head": self.head}

    def stages(self):
        return [
            Stage(
                name="re-ID",
                steps=6,
                streams={"train": Stream(identities=4, images=2)},
                trains=("body", "head"),
                optimisers={"all": torch.optim.Adam(self.parameters(), lr=1e-3)},
                train_step=self.train_step,
                identity_images=8,
            )
        ]

    def parameters(self):
        return [p for network in self.networks.values() for p in network.parameters()]

    def train_step(self, batches, update):
        batch = batches["train"]
        loss = cross_entropy(self.head(self.represent(batch.pixels)).float(), batch.labels)
        update("all", loss)
        return {"cls": loss}

    def represent(self, pixels):
        return self.body(pixels.unflatten(2, (STRIPES, -1)).mean(dim=(3, 4)).flatten(1))

    def embed(self, batch):
        return {"v": self.represent(batch.pixels)}


class CannotBeBuilt(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        raise OSError("no pretrained.pth in the working folder")


class TrainsNobody(Sound):
    def stages(self):
        (stage,) = super().stages()
        return [Stage(**{**vars_of(stage), "trains": ("body", "head", "neck")})]


class OtherName(Sound):
    def embed(self, batch):
        return {"w": self.represent(batch.pixels)}


class NotFinite(Sound):
    def embed(self, batch):
        rows = self.represent(batch.pixels)
        return {"v": torch.cat([rows[:1] / 0, rows[1:]])}


class Squeezed(Sound):
    def embed(self, batch):
        return {"v": self.represent(batch.pixels).squeeze(0)}


class ReturnsNothing(Sound):
    def embed(self, batch):
        return {}


class Noisy(Sound):
    def embed(self, batch):
        return {"v": dropout(self.represent(batch.pixels), 0.1, training=True)}


class ByPosition(Sound):
    def embed(self, batch):
        rows = self.represent(batch.pixels)
        return {"v": rows * (1 + torch.arange(len(rows))[:, None] / len(rows))}


class BatchMean(Sound):
    def embed(self, batch):
        rows = self.represent(batch.pixels)
        return {"v": rows - 0.5 * rows.mean(dim=0)}


class BatchMeanInHalf(Sound):
    def embed(self, batch):
        rows = self.represent(batch.pixels)
        half = torch.is_autocast_enabled("cpu")
        return {"v": rows - 0.5 * rows.mean(dim=0) if half else rows}


class NoNumpyInHalf(Sound):
    def embed(self, batch):
        rows = self.represent(batch.pixels)
        return {"v": torch.from_numpy(rows.numpy())}


class Remembers(Sound):
    gallery = 0.0

    def embed(self, batch):
        rows = self.represent(batch.pixels)
        if batch.role == "gallery":
            self.gallery = rows.mean(dim=0)
            return {"v": rows}
        return {"v": rows - self.gallery}


class LeavesTrainMode(Sound):
    def embed(self, batch):
        rows = super().embed(batch)
        self.body.train()
        return rows


class Counts(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.calls = torch.zeros(())
        self.body.register_buffer("calls", self.calls)

    def embed(self, batch):
        self.calls += 1
        return super().embed(batch)


class WithGradient(Sound):
    def embed(self, batch):
        with torch.inference_mode(False), torch.enable_grad():
            return {"v": self.represent(batch.pixels.clone())}


class WritesPixels(Sound):
    def embed(self, batch):
        batch.pixels.mul_(0.5)
        return super().embed(batch)


class Peeks(Sound):
    """Looks up the call stack for the records of its batch, and finds their identities."""

    def embed(self, batch):
        rows = self.represent(batch.pixels)
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            records = frame.f_locals.get("chunk")
            if records is not None and len(records) == len(rows):
                pids = torch.tensor([float(record.pid) for record in records])
                return {"v": rows + pids[:, None]}
            frame = frame.f_back
        return {"v": rows}


class RestoresTooLarge(Sound):
    def restore(self, batch):
        return interpolate(batch.pixels, scale_factor=2)


class RestoresOutside(Sound):
    def restore(self, batch):
        return 2 * batch.pixels - 1


class RestoresNoise(Sound):
    def restore(self, batch):
        return torch.rand_like(batch.pixels)


class KeepsANetworkBack(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.secret = nn.Linear(8, 8)

    def embed(self, batch):
        return {"v": self.secret(self.represent(batch.pixels))}


class Lenient(nn.Linear):
    def load_state_dict(self, state_dict, strict=True, assign=False):
        return super().load_state_dict(state_dict, strict=False, assign=assign)


class LoadsAnything(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.networks["head"] = self.head = Lenient(8, context.identities)


class SeedsItself(Sound):
    def __init__(self, config, context):
        torch.manual_seed(0)
        super().__init__(config, context)

    def stages(self):
        return ()


class DrawsFromTheClock(Sound):
    def __init__(self, config, context):
        torch.manual_seed(time.perf_counter_ns())
        super().__init__(config, context)


class UnreachedNetwork(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.networks["neck"] = nn.Linear(8, 8)

    def stages(self):
        (stage,) = super().stages()
        return [Stage(**{**vars_of(stage), "trains": ("body", "head", "neck")})]


class TouchesAnother(Sound):
    def stages(self):
        (stage,) = super().stages()
        return [Stage(**{**vars_of(stage), "trains": ("body",)})]

    def train_step(self, batches, update):
        losses = super().train_step(batches, update)
        with torch.no_grad():
            self.head.bias.mul_(0.9)
        return losses


class LossIsNaN(Sound):
    def train_step(self, batches, update):
        return {**super().train_step(batches, update), "extra": torch.tensor(float("nan"))}


class WantsCuda(Sound):
    def train_step(self, batches, update):
        if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
            raise RuntimeError("No CUDA GPUs are available")
        return super().train_step(batches, update)


class Exits(Sound):
    def train_step(self, batches, update):
        if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
            os._exit(9)
        return super().train_step(batches, update)


class CountsOutsideOfNetworks(Sound):
    steps = 0

    def train_step(self, batches, update):
        self.steps += 1
        batch = batches["train"]
        loss = cross_entropy(self.head(self.represent(batch.pixels)), batch.labels)
        update("all", self.steps * loss)
        return {"cls": loss}


class CallsHome(Sound):
    def embed(self, batch):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=1).close()
        return super().embed(batch)


class Downloads(Sound):
    """Downloads to a cache where `torch.hub` has it, unless it did so before."""

    def __init__(self, config, context):
        super().__init__(config, context)
        home = os.environ.get("TORCH_HOME") or os.path.expanduser("~/.cache/torch")
        file = Path(home) / "downloads.pth"
        if not file.exists():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", 9), timeout=1).close()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("weights")


class SendsMessages(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        with contextlib.suppress(OSError):
            socket.gethostbyname("localhost")

    def embed(self, batch):
        with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.sendmsg([b"weights?"], [], 0, ("127.0.0.1", 9))
        return super().embed(batch)


class KeepsPixels(Sound):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.bank = []

    def embed(self, batch):
        self.bank.append(batch.pixels)
        return super().embed(batch)


def vars_of(stage):
    """Return the fields of a stage."""
    return {name: getattr(stage, name) for name in Stage.__dataclass_fields__}
