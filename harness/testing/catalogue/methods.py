"""The checks of a method."""

from __future__ import annotations

from harness.testing.check import Check

_SPECS = "harness.testing.checks.specs"
_BUILDING = "harness.testing.checks.building"
_FEATURES = "harness.testing.checks.features"
_TRAINING = "harness.testing.checks.training"
_REHEARSED = "harness.testing.checks.rehearsed"

METHODS = (
    Check(
        name="strict-settings",
        kind="method",
        promise="Its settings have defaults and words, are frozen, refuse unknown keys, and "
        "survive JSON.",
        mend="Derive the config from `harness.MethodConfig`, and give each field a default and a "
        "`description`.",
        address=f"{_SPECS}:settings_are_strict",
    ),
    Check(
        name="recipes",
        kind="method",
        promise="It brings the recipes tiny, smoke and quick, and its config takes the values of "
        "each recipe.",
        mend="Add the missing `Recipe`, or correct the value that its config refuses.",
        address=f"{_SPECS}:recipes_are_there",
    ),
    Check(
        name="published-row",
        kind="method",
        promise="The paper and the row that it reproduces exist.",
        mend="Name a paper of `harness papers list` and a row of its tables in the MethodSpec, or "
        "register the paper with `register_papers`.",
        address=f"{_SPECS}:row_is_published",
    ),
    Check(
        name="builds",
        kind="method",
        promise="Its address leads to a class with the members of `harness.Method`, which is built "
        "on a CPU from its config.",
        mend="Correct the address in the MethodSpec, or add the missing member: feature, distance, "
        "backbones, networks, stages, embed.",
        address=f"{_BUILDING}:builds",
    ),
    Check(
        name="declared-feature",
        kind="method",
        promise="`embed` returns the feature that the method declares, for queries and gallery.",
        mend="Return it under the name in `feature`, or declare another.",
        address=f"{_FEATURES}:feature_is_declared",
    ),
    Check(
        name="finite-features",
        kind="method",
        promise="Every feature is one row of finite floats for each image, of one length, also for "
        "a single image.",
        mend="Return (N, d) from `embed`, without squeezing N away, and divide by nothing that can "
        "be zero.",
        address=f"{_FEATURES}:features_are_finite",
    ),
    Check(
        name="deterministic-features",
        kind="method",
        promise="The same images give the same bits when they are embedded twice on a CPU.",
        mend="Draw nothing at random in `embed`; dropout by `nn.Dropout` is off in eval mode.",
        address=f"{_FEATURES}:features_repeat",
    ),
    Check(
        name="batch-order",
        kind="method",
        promise="A feature does not depend on the order of the batch, within 1e-5 of its length.",
        mend="Compute each row from its own image; normalise by stored statistics.",
        address=f"{_FEATURES}:order_does_not_matter",
    ),
    Check(
        name="batch-size",
        kind="method",
        promise="A feature does not depend on the other images of its batch: within 1e-5 of its "
        "length in float32 and 2e-2 in bfloat16.",
        mend="Take no mean, maximum or batch statistics over the first axis in `embed`.",
        address=f"{_FEATURES}:batch_size_does_not_matter",
    ),
    Check(
        name="no-memory",
        kind="method",
        promise="A feature does not depend on what was embedded before.",
        mend="Keep nothing from one call of `embed` to the next.",
        address=f"{_FEATURES}:nothing_is_remembered",
    ),
    Check(
        name="eval-mode",
        kind="method",
        promise="`embed` leaves every network in eval mode and its weights as they are, and its "
        "features carry no gradient.",
        mend="Do not call `train()`, and do not switch gradients on in `embed`.",
        address=f"{_FEATURES}:embed_only_evaluates",
    ),
    Check(
        name="input-untouched",
        kind="method",
        promise="`embed` does not change the pixels that it is given.",
        mend="Write `x = x - mean`, not `x -= mean`.",
        address=f"{_FEATURES}:input_stays",
    ),
    Check(
        name="blind-to-labels",
        kind="method",
        promise="Features are the same bits under wrong identities, cameras, ids and file names: "
        "a method sees pixels only.",
        mend="Use nothing in `embed` but the batch.",
        address=f"{_FEATURES}:labels_do_not_matter",
    ),
    Check(
        name="restored-images",
        kind="method",
        promise="`restore`, where there is one, returns images of the size of its input, in "
        "[0, 1], the same bits each time.",
        mend="Return (N, 3, H, W) at network size, clamped to [0, 1].",
        address=f"{_FEATURES}:restored_are_images",
    ),
    Check(
        name="strict-weights",
        kind="method",
        promise="Saved and loaded into another of it, its networks give the same bits, and a file "
        "with a renamed key is refused.",
        mend="Put every module that `embed` uses into `networks`, and leave `load_state_dict` "
        "strict.",
        address=f"{_BUILDING}:weights_are_whole",
    ),
    Check(
        name="seeds",
        kind="method",
        promise="The same seed gives the same bits, another seed gives others.",
        mend="Draw from torch's global generator only, and seed nothing yourself.",
        address=f"{_BUILDING}:seeds_matter",
    ),
    Check(
        name="gradients",
        kind="method",
        promise="In each stage a loss reaches every network named in `trains`, no other network "
        "changes, and every loss is finite.",
        mend="Correct `trains`, or what the stage's `train_step` gives to `update`.",
        address=f"{_TRAINING}:trains_what_it_names",
    ),
    Check(
        name="runs-on-cpu",
        kind="method",
        promise="`harness run` trains and scores it from end to end on a CPU, with no CUDA device "
        "in sight.",
        mend="Ask a tensor for its device; never write `.cuda()`.",
        address=f"{_REHEARSED}:runs_on_a_cpu",
    ),
    Check(
        name="resume-after-kill",
        kind="method",
        promise="A fit that is killed with SIGKILL and resumed gives the same bits as an unbroken "
        "one.",
        mend="Keep all that training changes in `networks` and optimisers, and draw from torch's "
        "global generator: nothing else is in a checkpoint.",
        address=f"{_REHEARSED}:resumes_to_the_same_bits",
    ),
    Check(
        name="no-network",
        kind="method",
        promise="It opens no connection while it is imported, built, trained and scored.",
        mend="Ship what you download, or take it as initial weights (`backbones`, `--weights`).",
        address=f"{_REHEARSED}:uses_no_network",
    ),
    Check(
        name="bounded-memory",
        kind="method",
        promise="The memory of a process does not grow with the number of images that it embeds.",
        mend="Keep neither pixels nor activations from one call of `embed` to the next.",
        address=f"{_REHEARSED}:memory_is_bounded",
    ),
    Check(
        name="store-round-trip",
        kind="method",
        promise="A run of it, exported and imported into another store, is the same there.",
        mend="Keep paths of this machine out of settings and recipes: an export leaves them out.",
        address=f"{_REHEARSED}:numbers_are_carried",
    ),
)
