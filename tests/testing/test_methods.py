"""Each check of a method is seen to fail on a method that breaks its promise, and no other."""

from __future__ import annotations

import pytest

from harness.testing.catalogue import checks_of
from harness.testing.check import run_check
from harness.testing.subjects import Subject, find_subjects

pytestmark = pytest.mark.usefixtures("faulty", "synthped")

REHEARSED = (
    *("runs-on-cpu", "resume-after-kill", "no-network", "bounded-memory", "store-round-trip"),
)

FAULTS = [
    ("wordless", "strict-settings", "no word is said of what margin means"),
    ("changeable", "strict-settings", "can be changed after it was made"),
    ("takesanything", "strict-settings", "takes the unknown key"),
    ("notfromjson", "strict-settings", "another one when it is read back"),
    ("no-tiny", "recipes", "it has smoke, quick, but no tiny"),
    ("odd-recipe", "recipes", "recipe 'quick' sets nonsense"),
    ("misnamed-recipe", "recipes", "under 'quick' calls itself 'quack'"),
    ("no-paper", "published-row", "there is no paper 'nowhere'"),
    ("no-row", "published-row", "no table of 'rain' has the row 'Theirs'"),
    ("row-alone", "published-row", "it names the row 'Ours', but no paper"),
    ("absent", "builds", "cannot be imported from reid_faulty.methods:Absent"),
    ("cannotbebuilt", "builds", "OSError: no pretrained.pth"),
    ("trainsnobody", "builds", "trains 'neck', which is no network"),
    ("othername", "declared-feature", "declares 'v', but `embed` of the query gives 'w'"),
    ("notfinite", "finite-features", "'v' of the query is not finite for 1 of "),
    ("squeezed", "finite-features", "of shape (8,) for 1 images"),
    ("returnsnothing", "finite-features", "`embed` returns no feature"),
    ("noisy", "deterministic-features", "embedded twice"),
    ("byposition", "batch-order", "in reverse order, a feature differs by"),
    ("batchmean", "batch-size", "one by one in float32, a feature differs by"),
    ("batchmeaninhalf", "batch-size", "one by one in bf16, a feature differs by"),
    ("nonumpyinhalf", "batch-size", "in bf16, `embed` raised TypeError: Got unsupported ScalarTy"),
    ("remembers", "no-memory", "after the gallery was embedded"),
    ("leavestrainmode", "eval-mode", "after `embed`, body is in train mode"),
    ("counts", "eval-mode", "`embed` changes body.calls"),
    ("withgradient", "eval-mode", "carry a gradient"),
    ("writespixels", "input-untouched", "changes the pixels that it was given, by up to 0."),
    ("peeks", "blind-to-labels", "under wrong labels"),
    ("restorestoolarge", "restored-images", "it restores"),
    ("restoresoutside", "restored-images", "restored values lie in [-0.9"),
    ("restoresnoise", "restored-images", "not the same bits"),
    ("keepsanetworkback", "strict-weights", "something that it embeds with is not saved"),
    ("loadsanything", "strict-weights", "network 'head' loads a state in which 'bias'"),
    ("seedsitself", "seeds", "with another seed, all weights are the same bits"),
    ("drawsfromtheclock", "seeds", "with the same seed, 4 tensors differ"),
    ("unreachednetwork", "gradients", "names neck in `trains`, but no loss reaches it"),
    ("touchesanother", "gradients", "changes head.bias, which it does not train"),
    ("lossisnan", "gradients", "extra = nan"),
]

FAULTY_RUNS = [
    ("wantscuda", "runs-on-cpu", "No CUDA GPUs are available"),
    ("exits", "runs-on-cpu", "its process ended with 9"),
    ("countsoutsideofnetworks", "resume-after-kill", "killed and resumed, the model's tensors"),
    ("callshome", "no-network", "it tried to reach 127.0.0.1:9 while it embedded"),
    ("downloads", "no-network", "it tried to reach 127.0.0.1:9 while it was trained"),
    (
        *("sendsmessages", "no-network"),
        "localhost while it embedded; 127.0.0.1:9 while it embedded",
    ),
    ("keepspixels", "bounded-memory", "the peak rose by"),
    ("onthismachine", "store-round-trip", "config was"),
]


def subject_of(key: str) -> Subject:
    return next(subject for subject in find_subjects(key) if subject.kind == "method")


def failures(subject: Subject, *, rehearse: bool) -> dict[str, str]:
    """Run the checks of a method, and return what was seen by the name of those that fail."""
    chosen = [c for c in checks_of("method") if rehearse or c.name not in REHEARSED]
    results = [run_check(check, subject, {}) for check in chosen]
    return {result.check.name: result.seen for result in results if result.status == "failed"}


@pytest.mark.parametrize(("key", "check", "seen"), FAULTS, ids=[key for key, _, _ in FAULTS])
def test_fault_fails_its_check_alone(key, check, seen):
    """A method with one fault fails the check of it and no other, which says what it saw."""
    found = failures(subject_of(key), rehearse=False)

    assert list(found) == [check]
    assert seen in found[check]


@pytest.mark.parametrize(
    ("key", "check", "seen"), FAULTY_RUNS, ids=[key for key, _, _ in FAULTY_RUNS]
)
def test_fault_in_a_whole_run_fails_its_check_alone(key, check, seen):
    """A method whose runs have one fault fails the check of it and no other."""
    found = failures(subject_of(key), rehearse=True)

    assert list(found) == [check]
    assert seen in found[check]


def test_sound_method_fails_nothing():
    """The method that the faulty ones differ from keeps every promise."""
    assert failures(subject_of("sound"), rehearse=True) == {}


def test_every_check_of_a_method_is_seen_to_fail():
    """No check of a method is without a method that fails it."""
    seen = {check for _, check, _ in (*FAULTS, *FAULTY_RUNS)}

    assert seen == {check.name for check in checks_of("method")}
