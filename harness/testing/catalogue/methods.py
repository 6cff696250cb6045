"""The checks of a method."""

from __future__ import annotations

from harness.testing.check import Check

_SPECS = "harness.testing.checks.specs"

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
)
