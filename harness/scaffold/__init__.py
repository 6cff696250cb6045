"""Writes a new plugin: an installable distribution that passes its own checks as it stands."""

from harness.scaffold.naming import Kind
from harness.scaffold.write import Written, write_plugin

__all__ = ["Kind", "Written", "write_plugin"]
