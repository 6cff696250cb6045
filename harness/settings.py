"""Where the harness keeps its things: environment variables, each with a default.

HARNESS_HOME     the store, artifacts, checkpoints, locks; default: the user's data folder
HARNESS_DATA     the folder that holds the data sets; default: HARNESS_HOME/data
HARNESS_DB       the database, as a URL or a file; default: HARNESS_HOME/harness.sqlite
HARNESS_WEIGHTS  the default of `--weights`; default: auto
HARNESS_CHECKPOINT_SECONDS  time between two checkpoints of a fit; default: 30
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from harness.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """The folders and addresses of one installation.

    Attributes:
        home: The store, artifacts, checkpoints and locks.
        data: The folder that holds the data sets.
        db: The database URL (SQLAlchemy's form).
        weights: The default of `--weights`.
        checkpoint_seconds: Time between two checkpoints of a fit [s].
    """

    home: Path
    data: Path
    db: str
    weights: str
    checkpoint_seconds: float = 30.0

    @classmethod
    def from_environment(cls) -> Settings:
        """Return the settings that the environment variables name."""
        default_home = platformdirs.user_data_path("reid-harness")
        home = Path(os.environ.get("HARNESS_HOME") or default_home).expanduser().absolute()
        data = Path(os.environ.get("HARNESS_DATA") or home / "data").expanduser().absolute()
        db = os.environ.get("HARNESS_DB") or str(home / "harness.sqlite")
        if "://" not in db:
            db = f"sqlite:///{Path(db).expanduser().absolute()}"
        seconds = os.environ.get("HARNESS_CHECKPOINT_SECONDS") or "30"
        return cls(home, data, db, os.environ.get("HARNESS_WEIGHTS") or "auto", _positive(seconds))

    @property
    def checkpoints(self) -> Path:
        """One folder for each fit that is under way."""
        return self.home / "checkpoints"

    @property
    def locks(self) -> Path:
        """One lock file for each fit that a process is working on."""
        return self.home / "locks"

    def portable(self, folder: Path) -> str:
        """Return a folder by the variable that it lies under, if it lies under one of them.

        So it is found again where the user has moved the data and set the variable anew.
        """
        for name, base in self._bases():
            if folder.is_relative_to(base):
                return f"{name}/{folder.relative_to(base).as_posix()}"
        return str(folder)

    def located(self, folder: str) -> Path:
        """Return the folder that `portable` wrote."""
        name, _, rest = folder.partition("/")
        bases = dict(self._bases())
        return bases[name] / rest if name in bases else Path(folder)

    def _bases(self) -> tuple[tuple[str, Path], ...]:
        return (("HARNESS_DATA", self.data), ("HARNESS_HOME", self.home))


def _positive(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise UsageError(
            f"HARNESS_CHECKPOINT_SECONDS is {text!r}.",
            "Set it to a number of seconds, or unset it.",
        )
    return seconds
