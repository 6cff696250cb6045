"""The checks of a plugin as a whole."""

from __future__ import annotations

from harness.testing.check import Check

_LOOK = "harness.testing.checks.plugins"

PLUGINS = (
    Check(
        name="unique-keys",
        kind="plugin",
        promise="No other plugin claims its name or one of its keys.",
        mend="Choose keys of your own, or uninstall the other distribution.",
        address=f"{_LOOK}:keys_are_its_own",
    ),
    Check(
        name="loads",
        kind="plugin",
        promise="Its entry point leads to a module that imports, whose hooks the harness knows, "
        "and whose papers and protocols it can read.",
        mend="Correct the entry point in pyproject.toml, the name of the hook or the YAML, and "
        "reinstall; `harness plugins doctor` shows the traceback.",
        address=f"{_LOOK}:loads",
    ),
    Check(
        name="no-torch-at-import",
        kind="plugin",
        promise="Importing it does not import torch, so that `harness --help` stays fast.",
        mend="Move what needs torch into a module of its own and name it in the spec as "
        "`module:attribute`.",
        address=f"{_LOOK}:imports_without_torch",
    ),
    Check(
        name="published-tables",
        kind="plugin",
        promise="Each paper that it brings is cited in full, and says which table of which "
        "document each number was copied from and under which protocol.",
        mend="Complete the YAML that `register_papers` hands over: title, authors, venue, url; "
        "`printed`, `document` and `datasets` of each table.",
        address=f"{_LOOK}:published_tables_cite",
    ),
)
