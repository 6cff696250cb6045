"""Where each page lies in the site; the only place that makes file names and links.

    index.html              the overview
    datasets/<key>.html     one for each data set
    methods/<key>.html      one for each method
    runs/index.html         all runs
    runs/<id>.html          one for each run
    pictures/<file>/        images of a run, by the hash of the file of its restored images
    assets/                 the style sheet

Links are relative, so that the folder opens from a disk, a USB stick or any path of a server.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from posixpath import dirname, relpath

INDEX = "index.html"
RUNS = "runs/index.html"
STYLE = "assets/style.css"
PICTURES = "pictures"

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def dataset_page(key: str) -> str:
    """Return the address of a data set's page."""
    return f"datasets/{_file_name(key)}.html"


def method_page(key: str) -> str:
    """Return the address of a method's page."""
    return f"methods/{_file_name(key)}.html"


def run_page(run_id: str) -> str:
    """Return the address of a run's page."""
    return f"runs/{_file_name(run_id)}.html"


def picture(sha256: str, number: int, panel: str) -> str:
    """Return the address of a panel ("lr", "restored", "hr") of the n-th picture of a file."""
    return f"{PICTURES}/{sha256[:16]}/{number:02}-{panel}.png"


def links_from(page: str) -> Callable[[str], str]:
    """Return the function that makes an address relative to a page.

    >>> links_from("runs/index.html")("datasets/caviar.html")
    '../datasets/caviar.html'
    """
    return lambda address: relpath(address, dirname(page) or os.curdir)


def _file_name(key: str) -> str:
    """Return a name that is safe on every file system; different keys give different names."""
    if _PLAIN.fullmatch(key) and key != "index":
        return key
    words = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:40]
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return f"{words}-{digest}".removeprefix("-")
