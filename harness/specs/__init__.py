"""The project's data files: protocols, published tables, file hashes. Data in, frozen values out.

Nothing here looks at images or at results.
"""

from harness.specs.cell import Cell, Settings, Source
from harness.specs.folder import specs_folder
from harness.specs.hashes import load_hashes
from harness.specs.library import all_papers, all_protocols, read_papers, read_protocols
from harness.specs.paper import (
    Assumed,
    CellEntry,
    PaperSpec,
    Row,
    Table,
    list_papers,
    load_paper,
    parse_paper,
)
from harness.specs.protocol import (
    Degradation,
    Down,
    ProtocolSpec,
    Side,
    SplitLists,
    list_protocols,
    load_protocol,
    parse_protocol,
)

__all__ = [
    "Assumed",
    "Cell",
    "CellEntry",
    "Degradation",
    "Down",
    "PaperSpec",
    "ProtocolSpec",
    "Row",
    "Settings",
    "Side",
    "Source",
    "SplitLists",
    "Table",
    "all_papers",
    "all_protocols",
    "list_papers",
    "list_protocols",
    "load_hashes",
    "load_paper",
    "load_protocol",
    "parse_paper",
    "parse_protocol",
    "read_papers",
    "read_protocols",
    "specs_folder",
]
