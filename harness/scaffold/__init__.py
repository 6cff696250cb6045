"""Writes a new plugin: an installable distribution that passes its own checks as it stands."""
