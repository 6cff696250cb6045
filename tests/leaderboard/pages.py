"""Reads pages with the standard library's parser: links, tables, headings, text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})


@dataclass
class Element:
    """An element with its text and that of all within it."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text, white space as one space."""
        return " ".join("".join(self.parts).split())

    def all(self, *tags: str) -> list[Element]:
        """Return the elements within, of these tags or of any, in the order of the page."""
        found = []
        for child in self.children:
            found += [child] if child.tag in tags or not tags else []
            found += child.all(*tags)
        return found

    def has(self, name: str) -> bool:
        """Return whether the element is of a class."""
        return name in self.attributes.get("class", "").split()

    def rows(self) -> dict[str, list[Element]]:
        """Return the rows of a table's body by the text of their header."""
        found = {}
        for row in self.all("tr"):
            header, *cells = row.all("th", "td")
            if header.attributes.get("scope") == "row":
                found[header.text] = cells
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        element = self.open.pop()
        assert element.tag == tag, f"<{element.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.parts.append(data)


def read_page(path: Path) -> Element:
    """Return a page; it fails where elements are not closed in order."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert len(reader.open) == 1, f"{path}: <{reader.open[-1].tag}> is never closed"
    return reader.open[0]


def table_of(page: Element, caption: str) -> Element:
    """Return the one table whose caption holds a text."""
    (table,) = [t for t in page.all("table") if any(caption in c.text for c in t.all("caption"))]
    return table


def row_of(table: Element, *words: str) -> list[Element]:
    """Return the cells of the one row whose header holds all of some words."""
    (cells,) = [
        cells for header, cells in table.rows().items() if all(word in header for word in words)
    ]
    return cells
