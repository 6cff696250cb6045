"""From `--set` to a method's config: what does not fit is said with what to do."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.loader import load_plugins
from harness.run.request import build_config
from harness.types import MethodSpec, Recipe


@pytest.fixture
def intact() -> MethodSpec:
    return load_plugins().method("intact")


def test_settings_that_exclude_each_other(intact):
    """The reason is the method's own sentence, and the next step names what was given."""
    with pytest.raises(UsageError) as caught:
        build_config(intact, intact.recipes["smoke"], ["use_gan=false", "lr=0.001"])
    assert caught.value.what == (
        "These settings do not fit 'intact': the association needs the discriminator's feature "
        "f_d; set use_assoc=false too."
    )
    assert caught.value.next_step == "Change or drop some of `--set use_gan=false --set lr=0.001`."


def test_a_recipe_that_contradicts_itself(intact):
    """Where nothing was given the recipe is to blame, not a setting."""
    recipe = Recipe(name="odd", summary="", trials=1, values={"use_gan": False})
    with pytest.raises(UsageError, match="These settings do not fit 'intact'") as caught:
        build_config(intact, recipe, [])
    assert caught.value.next_step == (
        "None was given: correct the recipe 'odd', or choose another."
    )


def test_a_value_that_does_not_fit_its_key(intact):
    """A value out of range is named with its key."""
    with pytest.raises(UsageError) as caught:
        build_config(intact, intact.recipes["smoke"], ["flip=2"])
    assert caught.value.what == (
        "flip=2 does not fit 'intact': Input should be less than or equal to 1."
    )
    assert caught.value.next_step.endswith("or drop `--set flip=...`.")
