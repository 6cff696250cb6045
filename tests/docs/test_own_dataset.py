"""docs/own-dataset.md is a page that works: its commands run, and print what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.data.own.shelf import shelf
from harness.loader import load_plugins
from harness.settings import Settings
from tests.conftest import REPOSITORY
from tests.docs.fences import Block, read_blocks

PAGE = REPOSITORY / "docs" / "own-dataset.md"
BLOCKS = list(read_blocks(PAGE))
CAMERAS = {"1": "door", "2": "hall", "3": "yard"}


def noted(note: str) -> list[Block]:
    """Return the blocks of the page with that note."""
    found = [block for block in BLOCKS if block.note == note]
    assert found, note
    return found


def commands(word: str) -> list[str]:
    """Return the commands of the page that begin with a word, in their order."""
    lines = [line for block in BLOCKS if block.language == "sh" for line in block.commands]
    return [line for line in lines if line.startswith(word)]


@pytest.fixture
def here(tmp_path: Path, generated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out the example of the page, with its flaws, and go there."""
    mall = tmp_path / "mall"
    mall.mkdir()
    for file in generated.glob("*.png"):
        pid, camid = int(file.name[:4]), file.name[6]
        if pid <= 16 or (pid == 17 and camid == "1"):
            shutil.copy(file, mall)
    shutil.copy(mall / "0003_c2_01.png", mall / "0003_c2_05.png")
    shutil.copy(mall / "0003_c2_01.png", mall / "overview.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def typed(harness, here):
    """Return a function that types a command of the page, which must succeed."""

    def type_command(line: str) -> str:
        if not line.startswith("harness "):
            subprocess.run(line, shell=True, check=True, cwd=here)
            return ""
        outcome = harness(*shlex.split(line)[1:])
        assert outcome.code == 0, f"{line}\n{outcome.err}"
        return str(outcome.out)

    return type_command


def write_csv(file: Path) -> None:
    """Write the whole CSV of which the page shows a part."""
    (block,) = noted("the CSV: mall.csv")
    header, *shown = block.text.splitlines()
    lines = []
    for image in sorted(Path("mall").glob("0*_c*.png")):
        pid, camid = image.name[:4], image.name[6]
        name = "anna" if pid == "0001" else f"person {pid}"
        lines.append(f"{image.name},{name},{CAMERAS[camid]},{'native' if camid == '2' else '1'}")
    assert set(shown) <= set(lines)
    file.write_text("\n".join([header, *lines]))


def test_from_a_folder_to_a_row(typed, here):
    """The page can be followed from the first command to the leaderboard."""
    by_folder, by_csv, again = commands("harness data add")
    printed = typed(by_folder)
    for block in noted("printed by: harness data add mall"):
        assert set(block.text.splitlines()) <= set(printed.splitlines())
    write_csv(here / "mall.csv")
    assert "3 cameras (door is 1, hall is 2, yard is 3)" in typed(by_csv)
    for line in commands("harness data check"):
        assert "1 picture is there more than once" in typed(line)

    (further,) = noted("the file: protocol-lr.yaml")
    (shelf(Settings.from_environment()) / "mall" / "protocol-lr.yaml").write_text(further.text)
    for line in [*commands("harness run"), *commands("harness leaderboard")]:
        typed(line)
    page = (here / "site" / "datasets" / "mall.html").read_text()
    assert "the first image of each identity by each camera against all others" in page
    assert "queries reduced 2 or 3 times against all others" in page
    assert "197 images" in typed(again)


def test_a_plugin_is_made_of_it(typed, here, monkeypatch):
    """What the page says to do makes a plugin that reads the same images."""
    typed(commands("harness data add")[0])
    before = load_plugins().dataset("mall")
    (share,) = noted("with HARNESS_HOME")
    for line in share.commands:
        typed(line)
    package = here / "reid-mall" / "src" / "reid_mall"
    (instead,) = noted("in place of the DatasetSpec: src/reid_mall/__init__.py")
    text = (package / "__init__.py").read_text()
    counts = before.card.expected
    text, specs = re.subn(
        r"DatasetSpec\(\n.*?\n        \)", lambda _: instead.text, text, flags=re.S
    )
    text, cards = re.subn(r"Counts\([^)]*\)", lambda _: f"Counts(**{counts.model_dump()})", text)
    assert (specs, cards) == (1, 1)
    (package / "__init__.py").write_text(
        text.replace("from harness", "from pathlib import Path\nfrom harness", 1)
    )
    install(here / "reid-mall", monkeypatch)
    registry = load_plugins()

    assert registry.problems == []
    assert registry.origin("dataset", "mall").distribution == "reid-mall"
    assert "of 17 identities by 3 cameras" in typed("harness data add mall mall")
    typed("harness data check mall")
    sys.modules.pop("reid_mall")


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package on the path, with its entry point, as pip would."""
    source = folder / "src"
    info = source / "reid_mall-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reid-mall\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[reid_harness.plugins]\nmall = reid_mall\n")
    monkeypatch.syspath_prepend(str(source))
