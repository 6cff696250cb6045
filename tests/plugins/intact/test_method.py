"""INTACT's stages: who is trained by what, what a switch leaves out, what is embedded."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError

from harness import EmbedBatch, FitContext, Restores, TrainBatch
from harness.loader import load_plugins
from harness.run.request import build_config
from harness_baselines.method import BaselineHRLR
from harness_intact import IntactConfig
from harness_intact.method import Intact
from harness_intact.networks import SuperResolution

CONTEXT = FitContext(identities=6, images=48, cameras=2)

NARROW = {
    "base_width": 4,
    "height": 32,
    "width": 16,
    "batch_identities": 3,
    "batch_images": 2,
    "images": 96,
    "sr_width": 4,
    "sr_blocks": 1,
    "sr_images": 18,
    "d_width": 4,
    "association_width": 8,
    "association_images": 18,
}

ROWS = {
    "MSE+ID": {"use_gan": False, "use_assoc": False},
    "MSE+ID+GAN": {"use_assoc": False},
    "without bridge": {"use_bridge": False},
    "INTACT": {},
}

WARM_UP, RE_ID_WARM_UP, PART_1, PART_2 = (
    "super-resolution warm-up",
    "re-ID warm-up",
    "association learning",
    "association regularisation",
)


def built(**settings):
    """Return a narrow INTACT whose S has left the identity, so that gradients reach all of it."""
    torch.manual_seed(0)
    method = Intact(IntactConfig(**{**NARROW, **settings}), CONTEXT)
    torch.nn.init.normal_(method.S.tail.weight, std=0.01)
    return method


def batch_of(low, *, native=()):
    torch.manual_seed(int(low))
    pixels = torch.rand(6, 3, 32, 16)
    native_lr = torch.zeros(6, dtype=torch.bool)
    native_lr[list(native)] = True
    copy = pixels * 0.5 + 0.2
    copy[native_lr] = float("nan")  # whoever degrades what has no original looks at this
    return TrainBatch(
        pixels=pixels,
        labels=torch.arange(3).repeat_interleave(2),
        native_lr=native_lr,
        lr=copy if low else None,
    )


def enter(method, stage):
    """Put the networks into the modes in which the trainer runs a stage."""
    for name, network in method.networks.items():
        network.train(name in stage.trains)
        network.requires_grad_(name in stage.trains)


def run_step(method, stage, *, native=()):
    """Run one step; return its losses, and which networks each update gave a gradient."""
    enter(method, stage)
    reached = {}

    def update(name, loss):
        stage.optimisers[name].zero_grad()
        loss.backward()
        mine = {id(p) for g in stage.optimisers[name].param_groups for p in g["params"]}
        reached[name] = {
            key
            for key, network in method.networks.items()
            for p in network.parameters()
            if id(p) in mine and p.grad is not None and p.grad.abs().sum() > 0
        }
        stage.optimisers[name].step()

    batches = {"lr": batch_of(True, native=native), "own": batch_of(False), "hr": batch_of(False)}
    return stage.train_step({n: batches[n] for n in stage.streams}, update), reached


def stages_of(method):
    return {stage.name: stage for stage in method.stages()}


def changed(method, stage):
    """Return the networks whose parameters a step changes."""
    before = {n: [p.clone() for p in net.parameters()] for n, net in method.networks.items()}
    run_step(method, stage)
    return {
        name
        for name, network in method.networks.items()
        if any((a != b).any() for a, b in zip(before[name], network.parameters(), strict=True))
    }


class TestStages:
    def test_order_is_the_papers(self):
        """Warm-ups come first, then Part I on HR images, then Part II."""
        assert list(stages_of(built())) == [WARM_UP, RE_ID_WARM_UP, PART_1, PART_2]

    @pytest.mark.parametrize(
        ("stage", "networks"),
        [
            (WARM_UP, {"S", "D"}),
            (RE_ID_WARM_UP, {"R", "neck", "C"}),
            (PART_1, {"phi", "sigma"}),
            (PART_2, {"R", "neck", "C", "S", "D"}),
        ],
    )
    def test_a_step_moves_exactly_the_networks_that_the_stage_trains(self, stage, networks):
        """Part I moves phi and sigma alone; Part II moves S, R and D, and phi stays as it is."""
        method = built()

        assert changed(method, stages_of(method)[stage]) == networks

    def test_identity_loss_sees_both_resolutions_as_they_are(self):
        """Beside the restored images L_id has images as they are, of both cameras."""
        for name in (RE_ID_WARM_UP, PART_2):
            stream = stages_of(built())[name].streams["own"]

            assert not stream.hr_only
            assert stream.rates == ()

    def test_part_one_learns_from_hr_images(self):
        """What phi learns from is of high resolution, and no copy is made of it."""
        stream = stages_of(built())[PART_1].streams["hr"]

        assert stream.hr_only
        assert stream.rates == ()

    def test_images_through_the_identity_loss_are_the_budget(self):
        """`images` is what both stages with L_id show it, as for the baselines."""
        stages = built(images=480).stages()

        assert sum(s.steps * s.identity_images for s in stages) == 480

    def test_gradients_reach_every_network_of_an_update(self):
        """In Part II each optimiser's loss reaches all its networks."""
        method = built()
        _, reached = run_step(method, stages_of(method)[PART_2])

        assert reached == {"re-ID": {"R", "neck", "C"}, "S": {"S"}, "D": {"D"}}


class TestRegularisation:
    @staticmethod
    def gradients(method):
        """Return the gradients of S, and those of the other trained networks, of a Part II step."""
        stage = stages_of(method)[PART_2]
        enter(method, stage)
        found = {}

        def update(name, loss):
            stage.optimisers[name].zero_grad()
            loss.backward()
            for key in method.networks:
                for n, p in method.networks[key].named_parameters():
                    if p.grad is not None and key in {
                        "re-ID": ("R", "neck", "C"),
                    }.get(name, (name,)):
                        found[f"{key}.{n}"] = p.grad.clone()

        own = batch_of(False)
        stage.train_step({"lr": batch_of(True), "own": own, "hr": own}, update)
        own = {k: v for k, v in found.items() if k.startswith("S.")}
        return own, {k: v for k, v in found.items() if not k.startswith("S.")}

    def test_association_moves_the_restoration_only(self):
        """A thousandfold L_dis changes the gradient of S, and not one of R, C or D (D-INT-3)."""
        s_1, others_1 = self.gradients(built())
        s_2, others_2 = self.gradients(built(lambda_dis=1000.0))

        torch.testing.assert_close(others_1, others_2)
        assert all((s_1[n] != s_2[n]).any() for n in s_1)

    def test_gradient_of_s_is_that_of_the_plain_sum(self):
        """S gets the gradient of the sum of L_mse, L_id, L_gan and L_dis, differentiated as one."""
        method = built(lambda_mse=3.0, lambda_id=0.5, lambda_gan=0.7, lambda_dis=2.0)
        found, _ = self.gradients(method)
        plain = built(lambda_mse=3.0, lambda_id=0.5, lambda_gan=0.7, lambda_dis=2.0)
        enter(plain, stages_of(plain)[PART_2])
        lr, own = batch_of(True), batch_of(False)
        sr = plain.S(lr.lr)
        f_c, f_d = plain.represent(torch.cat([own.pixels, sr])), plain.D(sr).f_d
        cross_entropies = [
            torch.nn.functional.cross_entropy(plain.C(f), k, label_smoothing=0.1)
            for f, k in ((f_c[:6], own.labels), (f_c[6:], lr.labels))
        ]
        total = (
            3.0 * ((sr - lr.pixels) ** 2).mean()
            + 0.5 * sum(cross_entropies)
            + 0.7 * -torch.log(plain.D(sr).logit.sigmoid()).mean()
            + 2.0 * ((plain.phi(f_c[6:])[0] - f_d) ** 2).mean()
        )
        total.backward()

        for name, parameter in plain.S.named_parameters():
            torch.testing.assert_close(found[f"S.{name}"], parameter.grad, rtol=1e-3, atol=1e-5)

    def test_gradients_survive_half_precision(self):
        """Under bf16 autocast S gets nearly the gradient that it gets in float32."""
        full, _ = self.gradients(built(use_id=False))  # batches of noise amplify any rounding
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half, _ = self.gradients(built(use_id=False))

        a, b = (torch.cat([g[n].flatten() for n in sorted(g)]) for g in (full, half))
        assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.98

    @pytest.mark.parametrize("use_id", [True, False])
    def test_critic_judges_as_it_was_taught(self, use_id):
        """Were a restored image its HR original, L_dis would be what L_intact was: the same phi."""
        method = Intact(IntactConfig(**NARROW, use_id=use_id), CONTEXT)  # S is the identity
        stages = stages_of(method)
        own, hr = batch_of(True), batch_of(False)
        enter(method, stages[PART_1])
        given = {"own": own, "hr": hr}
        taught = stages[PART_1].train_step(given, lambda _name, _loss: None)["intact"]
        enter(method, stages[PART_2])
        given["lr"] = replace(hr, lr=hr.pixels)
        judged = stages[PART_2].train_step(given, lambda _name, loss: loss.backward())["dis"]

        torch.testing.assert_close(judged, taught)

    def test_association_learning_leaves_the_re_id_network_as_it_is(self):
        """Part I normalises by batches as Part II does, and changes no parameter or statistic."""
        method = built()
        before = {n: v.clone() for n, v in method.R.state_dict().items()}
        run_step(method, stages_of(method)[PART_1])

        assert all(torch.equal(before[n], v) for n, v in method.R.state_dict().items())
        assert not method.R.bn1.training
        assert method.R.bn1.track_running_stats

    def test_native_low_resolution_is_no_target(self):
        """An image of native low resolution goes through S as it is, and L_mse leaves it out."""
        method = built()
        for name in (WARM_UP, RE_ID_WARM_UP, PART_2):
            losses, _ = run_step(method, stages_of(method)[name], native=range(6))

            assert losses.get("mse", 0) == 0
            assert all(torch.isfinite(loss) for loss in losses.values())

    def test_probabilities_of_the_discriminator_are_reported(self):
        """A stage with D says under which names its two probabilities are among the losses."""
        method = built()
        for name in (WARM_UP, PART_2):
            stage = stages_of(method)[name]
            losses, _ = run_step(method, stage)

            assert 0 < losses[stage.adversary.real] < 1
            assert 0 < losses[stage.adversary.fake] < 1


class TestSwitches:
    @pytest.mark.parametrize(
        ("row", "losses"),
        [
            ("MSE+ID", {"mse", "id"}),
            ("MSE+ID+GAN", {"mse", "id", "gan", "d", "p_real", "p_restored"}),
            ("without bridge", {"mse", "id", "gan", "dis", "d", "p_real", "p_restored"}),
            ("INTACT", {"mse", "id", "gan", "dis", "d", "p_real", "p_restored"}),
        ],
    )
    def test_a_row_of_the_tables_computes_its_losses_alone(self, row, losses):
        """Each row of Tables 3 and 5 has its losses in the last stage, and no other."""
        method = built(**ROWS[row])

        assert set(run_step(method, method.stages()[-1])[0]) == losses

    @pytest.mark.parametrize(
        ("row", "networks"),
        [
            ("MSE+ID", set()),
            ("MSE+ID+GAN", {"D"}),
            ("without bridge", {"D", "phi"}),
            ("INTACT", {"D", "phi", "sigma"}),
        ],
    )
    def test_a_network_that_is_off_gets_no_gradient(self, row, networks):
        """What a row leaves out is neither among its networks nor given a gradient in any stage."""
        method = built(**ROWS[row])
        for stage in method.stages():
            run_step(method, stage)
        off = {"D", "phi", "sigma"} - networks

        assert networks == set(method.networks) - {"R", "neck", "C", "S"}
        for name in off:
            assert all(p.grad is None for p in getattr(method, name).parameters())

    def test_bridge_is_a_loss_of_part_one(self):
        """Table 5's two rows differ in L_e, computed in Part I with the bridge alone."""
        seen = []
        for row in ("INTACT", "without bridge"):
            method = built(**ROWS[row])
            seen.append(set(run_step(method, stages_of(method)[PART_1])[0]))

        assert seen == [{"intact", "e"}, {"intact"}]

    def test_without_identity_loss_the_re_id_network_stays(self):
        """With use_id off, R gets no gradient and no image counts as through L_id."""
        method = built(use_id=False)
        last = method.stages()[-1]

        assert changed(method, last) == {"S", "D"}
        assert all(stage.identity_images == 0 for stage in method.stages())

    def test_without_content_and_adversary_s_has_no_warm_up(self):
        """With L_id alone S is first trained in the joint stage."""
        method = built(use_mse=False, use_gan=False, use_assoc=False)

        assert [stage.name for stage in method.stages()] == [RE_ID_WARM_UP, "joint training"]
        assert changed(method, method.stages()[-1]) == {"R", "neck", "C", "S"}

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"use_gan": False}, "use_assoc=false"),
            ({"use_mse": False, "use_id": False, "use_gan": False, "use_assoc": False}, "nothing"),
            ({"height": 97}, "97 x 128, but S needs even sides"),
            ({"width": 8}, "256 x 8, but S needs even sides and D at least 16 pixels"),
        ],
    )
    def test_impossible_settings_are_refused(self, settings, words):
        """No association without a discriminator, no training without a loss, no odd size."""
        with pytest.raises(ValidationError, match=words):
            IntactConfig(**settings)


class TestRestoration:
    def test_s_is_the_identity_before_training(self):
        """Before the first step S returns its input, so that it can only improve on it."""
        x = torch.rand(2, 3, 32, 16)

        torch.testing.assert_close(SuperResolution(8, 2)(x), x)

    def test_restored_images_are_images(self):
        """`restore` gives images of the input's size in [0, 1], whatever S adds."""
        method = built()
        torch.nn.init.constant_(method.S.tail.bias, 5.0)
        pixels = torch.rand(4, 3, 32, 16)
        with torch.inference_mode():
            restored = method.restore(embedded(pixels, [2, 3, 4, None]))

        assert isinstance(method, Restores)
        assert restored.shape == pixels.shape
        assert (restored == 1).all()


def embedded(pixels, r, role="query"):
    return EmbedBatch(pixels, torch.tensor([[32, 16]] * len(pixels)), r, role)


class TestEmbedding:
    def test_lr_queries_are_restored_and_hr_images_are_not(self):
        """f_c is of S(x) for LR queries, native ones too, and of x itself for the HR gallery."""
        method = built()
        for network in method.networks.values():
            network.eval()
        pixels = torch.rand(4, 3, 32, 16)
        with torch.inference_mode():
            query = method.embed(embedded(pixels, [1, 2, 4, None]))["f_c"]
            gallery = method.embed(embedded(pixels, [1, 1, 1, 1], "gallery"))["f_c"]
            restored = method.restore(embedded(pixels, [2] * 4))
            of_restored = method.embed(embedded(restored, [1] * 4, "gallery"))["f_c"]

        torch.testing.assert_close(query[0], gallery[0])
        torch.testing.assert_close(query[1:], of_restored[1:])
        assert not torch.allclose(query[1:], gallery[1:])

    def test_unit_length(self):
        """Features have unit length."""
        method = built()
        for network in method.networks.values():
            network.eval()
        with torch.inference_mode():
            f_c = method.embed(embedded(torch.rand(3, 3, 32, 16), [1, 4, None]))["f_c"]

        torch.testing.assert_close(f_c.norm(dim=1), torch.ones(3))


class TestRecipes:
    @pytest.mark.parametrize("name", ["tiny", "smoke", "quick", "standard", "paper"])
    def test_recipes_fit_their_config(self, name):
        """Every recipe gives a valid config, and says what is less or unknown in it."""
        spec = load_plugins().method("intact")
        config = build_config(spec, spec.recipes[name], ())

        assert config.height == 2 * config.width
        assert spec.recipes[name].narrowed

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("tiny", ["all networks", "a sixteenth or less", "one epoch", "48 x 24"]),
            ("smoke", ["all networks", "a quarter or less", "4,800", "96 x 48"]),
            (
                "quick",
                ["S", "32 of 64", "4 of 16", "D, phi and sigma to half", "6,000", "128 x 64"],
            ),
        ],
    )
    def test_what_is_narrowed_is_said(self, name, words):
        """The text beside each number names every network that is narrowed, and by how much."""
        spec = load_plugins().method("intact")
        config, whole = build_config(spec, spec.recipes[name], ()), IntactConfig()
        assert isinstance(config, IntactConfig)
        shares = {
            "R": config.base_width / whole.base_width,
            "S": config.sr_width / whole.sr_width,
            "blocks": config.sr_blocks / whole.sr_blocks,
            "D": config.d_width / whole.d_width,
            "phi and sigma": config.association_width / whole.association_width,
        }
        expected = {
            "tiny": dict.fromkeys(shares, 1 / 16),
            "smoke": {"R": 1 / 4, "S": 1 / 8, "blocks": 1 / 8, "D": 1 / 4, "phi and sigma": 1 / 8},
            "quick": {"R": 1, "S": 1 / 2, "blocks": 1 / 4, "D": 1 / 2, "phi and sigma": 1 / 2},
        }

        assert shares == expected[name]
        assert all(word in spec.recipes[name].narrowed for word in words)

    def test_quick_trains_re_id_as_the_baseline_does(self):
        """`quick` differs from `baseline-hr-lr`'s in the method, not in how R is trained."""
        registry = load_plugins()
        ours, theirs = (
            build_config(registry.method(key), registry.method(key).recipes["quick"], ())
            for key in ("intact", "baseline-hr-lr")
        )
        shared = [
            *("images", "height", "width", "batch_identities", "batch_images", "base_width"),
            *("last_stride", "lr", "head_lr", "weight_decay", "warmup", "smoothing"),
            *("flip", "crop", "gain", "brightness"),
        ]

        assert {n: getattr(ours, n) for n in shared} == {n: getattr(theirs, n) for n in shared}
        assert isinstance(ours, IntactConfig)
        assert Intact(ours, CONTEXT).stages()[1].streams["lr"].rates == BaselineHRLR.rates

    def test_later_recipes_narrow_less(self):
        """S and D never shrink from one recipe to the next."""
        spec = load_plugins().method("intact")
        names = ("tiny", "smoke", "quick", "standard", "paper")
        configs = [build_config(spec, spec.recipes[name], ()) for name in names]
        sizes = [
            (c.sr_width, c.sr_blocks, c.d_width) for c in configs if isinstance(c, IntactConfig)
        ]

        assert len(sizes) == 5
        for smaller, larger in pairwise(sizes):
            assert all(a <= b for a, b in zip(smaller, larger, strict=True))
