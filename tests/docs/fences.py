"""Reads the fenced blocks of a page, and puts its code where the page says that it goes.

A comment before a block says what the block is for: `FILE: below NAME`, `FILE: in place of NAME`
(a function, a class, a method as `Class.method`, an assignment, `the imports`, `the docstring`),
`FILE: the whole file`, or what a test makes of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: What it is written in.
        text: What it holds.
        note: The comment before it; empty where there is none.
        line: Where it begins on the page.
    """

    language: str
    text: str
    note: str
    line: int

    @property
    def commands(self) -> list[str]:
        """Its lines that are commands."""
        return [line for line in self.text.splitlines() if line and not line.startswith("#")]


def read_blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(found["language"], found["text"], found["note"] or "", line)


def put_in_place(block: Block, folder: Path) -> None:
    """Do with a file of the folder what the note of a block says."""
    name, _, place = block.note.partition(": ")
    file = folder / name
    if place == "the whole file":
        assert file.is_file(), f"line {block.line}: there is no {name} to replace"
        file.write_text(block.text, encoding="utf-8")
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    if place.startswith("below "):
        _, end = span("".join(lines), place.removeprefix("below "))
        lines[end:end] = ["\n", "\n", block.text]
    else:
        start, end = span("".join(lines), place.removeprefix("in place of "))
        lines[start:end] = [block.text]
    file.write_text("".join(lines), encoding="utf-8")


def span(source: str, what: str) -> tuple[int, int]:
    """Return the lines of a part of a module, from the first to behind the last."""
    tree = ast.parse(source)
    if what == "the docstring":
        return 0, tree.body[0].end_lineno or 0
    if what == "the imports":
        found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        return found[1].lineno - 1, found[-1].end_lineno or 0  # the first is of __future__
    body: list[ast.stmt] = tree.body
    for name in what.split("."):
        node = next(node for node in body if name in names_of(node))
        body = node.body if isinstance(node, ast.ClassDef) else []
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first - 1, node.end_lineno or 0


def names_of(node: ast.stmt) -> set[str]:
    """Return what a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()
