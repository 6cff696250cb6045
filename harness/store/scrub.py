"""Take out of a bundle what belongs to one machine: home folders, absolute paths, passwords.

Of an absolute path its last name stays. Relative paths, web addresses and those of registered
models stay as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from harness.types.address import ALIAS, NAME

_TAIL = r"[^\s'\"<>|;:,()\[\]{}]"
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_LOCAL_URL = re.compile(rf"(\w+://)/+(?:[^\s/'\"]+/)+(?={_TAIL})")
_NO_MODEL = rf"(?!(?<=\bmodels:)/{NAME}(?:@{ALIAS}|/[0-9]+)\.?(?!{_TAIL}))"
_OTHERS_HOME = re.compile(rf"(?<![\w.~/]){_NO_MODEL}/(?:home|Users)/[^/\s'\":;,]+/?(?!{_TAIL})")
_POSIX = re.compile(rf"(?<![\w.~/]){_NO_MODEL}~?/(?!/){_TAIL}+")
_PATH_WORD = re.compile(r"(|--?[\w-]+=)(~?/.+|[A-Za-z]:[\\/].+)", re.DOTALL)
_WINDOWS = re.compile(rf"(?<!\w)[A-Za-z]:[\\/](?!/){_TAIL}+")


def scrub(value: Any) -> Any:
    """Return a JSON value without absolute paths; a second time changes nothing."""
    if isinstance(value, str):
        return _scrub_text(value)
    if isinstance(value, dict):
        return {key: scrub(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub(inner) for inner in value]
    return value


def scrub_command(argv: Sequence[str]) -> list[str]:
    """Return a command line in which a word, or a value after `=`, that is a path is its name."""
    return [_scrub_text(_name_of(word)) for word in argv]


def _name_of(word: str) -> str:
    path = _PATH_WORD.fullmatch(word)
    return path[1] + re.split(r"[\\/]", path[2].rstrip("\\/"))[-1] if path else word


def _scrub_text(text: str) -> str:
    while (cleaner := _scrub_once(text)) != text:  # taking a path out can lay another one bare
        text = cleaner
    return text


def _scrub_once(text: str) -> str:
    text = _PASSWORD.sub("", text)
    text = _LOCAL_URL.sub(r"\1/", text)
    text = _own_home().sub("~", text)
    text = _OTHERS_HOME.sub("~", text)
    text = _WINDOWS.sub(_last_name, text)
    return _POSIX.sub(_last_name, text)


def _own_home() -> re.Pattern[str]:
    home = os.path.expanduser("~").rstrip("/") or "~"
    return re.compile(rf"(?<![\w.~/]){re.escape(home)}(?![\w.~-])")


def _last_name(path: re.Match[str]) -> str:
    return re.split(r"[\\/]", path.group().rstrip("\\/"))[-1]
