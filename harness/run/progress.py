"""What a run shows while it works: bars on a terminal, plain lines elsewhere, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class RunProgress:
    """Bars and notices of one run.

    Args:
        console: Where to write; bars are drawn only if it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draw the bars while the block runs."""
        with self._bars:
            yield

    def notice(self, text: str, *, style: str = "") -> None:
        """Print a line that stays."""
        self._console.print(text, style=style, markup=False, highlight=False)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[..., None]]:
        """Show a bar while the block runs, and give it `advance(n, detail="")`."""
        task = self._bars.add_task(description, total=total, detail="")
        try:
            yield self._advance(task)
        finally:
            self._bars.remove_task(task)

    def _advance(self, task: TaskID) -> Callable[..., None]:
        def advance(n: int, detail: str = "") -> None:
            self._bars.update(task, advance=n, detail=detail)

        return advance
