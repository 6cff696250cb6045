"""The two consoles and the JSON form of a result.

Results go to standard output, everything else (progress, notices, errors) to standard error, so
that `harness ... --json | jq` always works.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

stdout = Console(soft_wrap=True)
stderr = Console(stderr=True, soft_wrap=True)


def emit_json(value: Any) -> None:
    """Print one JSON document to standard output.

    Args:
        value: Made of dicts, lists, strings, numbers, booleans and None.
    """
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
