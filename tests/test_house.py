"""The rules of the house that no linter has: budgets, start-up, and words that stay out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path for part in ("harness", "leaderboard", "plugins") for path in (ROOT / part).rglob("*.py")
)
LONGEST_FUNCTION = 60  # lines, without the docstring
LONGEST_MODULE = 300
LONGEST_METHOD_FILE = 350
FORBIDDEN_NAMES = {"utils.py", "common.py", "helpers.py", "misc.py"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path):
    """A module opens with what it is, stays short, and has no long function."""
    text = path.read_text()
    tree = ast.parse(text)
    limit = LONGEST_METHOD_FILE if path.name == "method.py" else LONGEST_MODULE

    assert ast.get_docstring(tree)
    assert text.count("\n") <= limit
    assert [f.name for f in functions(tree) if length(f) > LONGEST_FUNCTION] == []
    assert path.name not in FORBIDDEN_NAMES


def test_no_exemption_from_a_size_rule():
    """No line is exempt from a rule on size or complexity."""
    pattern = re.compile(r"noqa:.*\b(C901|PLR09\d\d|E501)\b")

    assert [str(p) for p in SOURCES if pattern.search(p.read_text())] == []


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("run", "--help"),
        ("plugins", "list"),
        ("plugins", "check", "intact", "--list"),
        ("plugins", "new", "--help"),
        ("data", "list"),
        ("data", "check"),
        ("papers", "list"),
        ("papers", "show", "rain"),
        ("runs", "list"),
        ("models", "list"),
        ("baseline", "list"),
        ("leaderboard", "build"),
    ],
    ids=" ".join,
)
def test_command_does_not_import_torch(words):
    """A command that only shows things starts without torch, in a fresh process."""
    code = (
        "import sys; sys.argv = ['harness', *sys.argv[1:]]\n"
        "from harness.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "loaded = {'torch', 'torchvision', 'accelerate', 'kornia'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
