"""Loading by name: what does not fit is reported, and nothing is loaded in part."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.errors import WeightsError
from harness.models import load_backbone
from harness.models.strict import fitted
from harness.models.weights import InitialWeights
from harness.nn import ResNet50

TITLE = "It does not fit"


def report(given, own) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        fitted(given, own, title=TITLE, advice="Give another.")
    return caught.value


def test_renamed_key():
    """A missing key is told with the unexpected one of like name and the same shape."""
    own = {"layer1.0.conv1.weight": torch.zeros(3, 2), "b": torch.zeros(1)}
    given = {
        "layer1.0.conv.weight": torch.zeros(3, 2),
        "layer1.0.conv1.weights": torch.zeros(9),  # nearer in name, of another shape
        "b": torch.zeros(1),
    }

    error = report(given, own)

    assert error.what == (
        "It does not fit: 1 missing (layer1.0.conv1.weight); "
        "2 unexpected (layer1.0.conv.weight, layer1.0.conv1.weights)."
    )
    assert error.next_step == (
        "layer1.0.conv1.weight is missing; is it what the file calls layer1.0.conv.weight? "
        "Rename it there. Give another."
    )


def test_nothing_alike():
    """Without a key of like name and shape the advice stands alone."""
    error = report({"x": torch.zeros(2)}, {"conv1.weight": torch.zeros(2)})

    assert error.next_step == "Give another."


def test_many_keys():
    """Of many keys five are shown and the others counted."""
    own = {f"k{i}": torch.zeros(1) for i in range(8)}

    assert "8 missing (k0, k1, k2, k3, k4 and 3 more)" in report({}, own).what


def test_types_and_counters():
    """Values come in the type of their place; a counter that older files lack keeps its own."""
    own = {"w": torch.zeros(2), "bn.num_batches_tracked": torch.tensor(7)}

    loaded = fitted({"w": torch.ones(2).half()}, own, title=TITLE, advice="")

    assert loaded["w"].dtype == torch.float32
    assert loaded["bn.num_batches_tracked"] == 7


def model_of(**networks: nn.Module) -> InitialWeights:
    """Return the networks as a registered model gives them to a fit."""
    state = {
        f"{name}.{k}": v for name, net in networks.items() for k, v in net.state_dict().items()
    }
    return InitialWeights("models:/m/1", state, sha256="s", by_network=True)


class TestBackboneOfAModel:
    @pytest.fixture
    def backbone(self) -> ResNet50:
        torch.manual_seed(0)
        return ResNet50(width=4)

    @pytest.fixture
    def target(self) -> ResNet50:
        torch.manual_seed(1)
        return ResNet50(width=4)

    def test_of_the_same_name(self, backbone, target):
        """Of two networks of one shape, a backbone starts from that of its own name."""
        torch.manual_seed(2)
        weights = model_of(extractor=backbone, other=ResNet50(width=4), head=nn.Linear(2, 2))
        load_backbone(target, weights, "extractor")

        assert torch.equal(target.conv1.weight, backbone.conv1.weight)

    def test_the_only_one(self, backbone, target):
        """Without one of its name, a backbone starts from the only one with its parameters."""
        load_backbone(target, model_of(body=backbone, head=nn.Linear(2, 2)), "extractor")

        assert torch.equal(target.conv1.weight, backbone.conv1.weight)

    @pytest.mark.parametrize(
        ("names", "reason"),
        [(("a", "b"), "a, b all have its parameters"), ((), "none has its parameters")],
    )
    def test_none_or_several(self, backbone, target, names, reason):
        """Without a network of its name, none or several of its shape are refused by name."""
        weights = model_of(head=nn.Linear(2, 2), **dict.fromkeys(names, backbone))

        with pytest.raises(WeightsError, match=f"none is called 'extractor', and {reason}"):
            load_backbone(target, weights, "extractor")

    def test_another_width(self, backbone):
        """A network of the name but of another width is refused by shape, and loads nothing."""
        target = ResNet50(width=8)
        before = target.conv1.weight.clone()

        with pytest.raises(WeightsError, match=r"models:/m/1 do not fit the network 'extractor': "):
            load_backbone(target, model_of(extractor=backbone), "extractor")
        assert torch.equal(target.conv1.weight, before)
