"""The ResNet-50 backbone: shapes and sizes of the papers, torchvision's weights by name."""

from __future__ import annotations

import pytest
import torch
import torchvision

from harness.nn import ResNet50


@pytest.fixture(scope="module")
def full():
    return ResNet50().eval()


def test_parameter_count(full):
    """The full network has the 23,508,032 parameters of ResNet-50 without its classifier."""
    assert sum(p.numel() for p in full.parameters()) == 23_508_032


def test_stage_shapes(full):
    """At 256 x 128, f1 to f5 have the shapes that the papers build on."""
    with torch.inference_mode():
        outputs = full(torch.zeros(1, 3, 256, 128))

    assert [tuple(f.shape[1:]) for f in outputs] == [
        (64, 128, 64),
        (256, 64, 32),
        (512, 32, 16),
        (1024, 16, 8),
        (2048, 8, 4),
    ]


def test_last_stride():
    """With last stride 1, f5 is as large as f4 and the parameters stay the same."""
    network = ResNet50(last_stride=1).eval()
    with torch.inference_mode():
        outputs = network(torch.zeros(1, 3, 256, 128))

    assert outputs.f5.shape[2:] == outputs.f4.shape[2:] == (16, 8)
    assert sum(p.numel() for p in network.parameters()) == 23_508_032


def test_equals_torchvision(full):
    """With torchvision's weights it computes what torchvision computes."""
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(weights=None).eval()
    ours = ResNet50().eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if "fc." not in k})
    x = torch.randn(2, 3, 64, 32)
    with torch.inference_mode():
        pooled = ours(x).f5.mean(dim=(2, 3))

        torch.testing.assert_close(theirs.fc(pooled), theirs(x))


def test_narrow_network_is_the_same_network():
    """A narrower network has the same layers with proportionally fewer channels."""
    narrow = ResNet50(width=8)

    assert narrow.channels == (8, 32, 64, 128, 256)
    assert list(narrow.state_dict()) == list(ResNet50(width=16).state_dict())
