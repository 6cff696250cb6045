"""`harness plugins new`: names that are refused, folders left alone, files that are clean."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.errors import UsageError
from harness.loader import load_plugins
from harness.scaffold import Kind, write_plugin
from harness.scaffold.naming import LONGEST, make_names
from harness.specs import parse_paper, parse_protocol

ROOT = Path(__file__).resolve().parents[2]
KINDS: tuple[Kind, ...] = ("method", "dataset", "metric")
LONG = "a-name-of-exactly-thirty-chars"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run each test in an empty folder."""
    monkeypatch.chdir(tmp_path)


def tree(folder: Path) -> dict[str, str]:
    """Return the text of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


class TestNames:
    """What a plugin can be called."""

    def test_names_are_derived_from_one(self):
        """Distribution, package, class and title follow from the key."""
        names = make_names("my-idea-2")

        assert (names.distribution, names.package) == ("reid-my-idea-2", "reid_my_idea_2")
        assert (names.class_name, names.title) == ("MyIdea2", "My idea 2")

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "My-Idea",
            "my_idea",
            "-idea",
            "idea-",
            "my--idea",
            "2d",
            "../idea",
            "a/b",
            "a b",
            "é",
        ],
    )
    def test_other_than_words_with_hyphens_is_refused(self, harness, tmp_path, name):
        """Upper case, underscores, blanks, paths and the like are refused, and nothing is made."""
        outcome = harness("plugins", "new", "--", name)

        assert outcome.code == 2
        assert f"{name!r} cannot be the name of a plugin" in outcome.err
        assert tree(tmp_path) == {}

    def test_length_has_a_limit(self):
        """The longest name is taken, one character more is not."""
        assert len(LONG) == LONGEST
        assert make_names(LONG).key == LONG
        with pytest.raises(UsageError, match="at most 30 characters"):
            make_names(LONG + "x")

    def test_a_word_of_python_is_refused(self):
        """A keyword cannot be imported from anywhere."""
        with pytest.raises(UsageError, match=r"'lambda' is a word of Python.*`lambda-net`"):
            make_names("lambda")

    @pytest.mark.parametrize(
        ("name", "class_name"),
        [("method", "MethodConfig"), ("test", "TestConfig"), ("test-time", "TestTimeConfig")],
    )
    def test_a_class_that_means_something_else_is_refused(
        self, harness, tmp_path, name, class_name
    ):
        """A method's class is neither called as its own base nor collected as a test."""
        outcome = harness("plugins", "new", name)

        assert outcome.code == 2
        assert f"would have a class {class_name}" in " ".join(outcome.err.split())
        assert f"`my-{name}`" in outcome.err
        assert tree(tmp_path) == {}

    @pytest.mark.parametrize("name", ["method", "test"])
    def test_where_no_class_is_written_the_name_is_free(self, tmp_path, name):
        """A data set may be called so: its package has no class."""
        assert write_plugin(name, "dataset", None, load_plugins()).folder.parent == tmp_path

    @pytest.mark.parametrize(
        ("name", "kind", "holder"),
        [
            ("baselines", "method", "a plugin 'baselines'"),
            ("intact", "method", "a plugin 'intact'"),
            ("baseline-hr", "dataset", "a method 'baseline-hr'"),
            ("viper", "method", "a data set 'viper'"),
            ("minp", "metric", "a metric 'minp'"),
            ("cmc-single", "metric", "a metric 'cmc_single'"),
            ("rain", "method", "a paper 'rain'"),
            ("mlr-viper-maxpool", "dataset", "a protocol 'mlr-viper-maxpool'"),
            ("harness", "method", "a distribution 'reid-harness'"),
        ],
    )
    def test_a_name_that_is_taken_is_refused(self, harness, tmp_path, name, kind, holder):
        """A name of something installed is refused with what has it, and nothing is made."""
        outcome = harness("plugins", "new", name, "--kind", kind)

        assert outcome.code == 2
        assert f"There is {holder} already." in outcome.err
        assert f"such as `{name}-2`" in outcome.err
        assert tree(tmp_path) == {}

    def test_who_wants_a_known_paper_is_told_how(self):
        """The refusal of a paper's name says how to reproduce that paper."""
        with pytest.raises(UsageError, match="To reproduce that paper, name it in your MethodSpec"):
            write_plugin("rain", "method", None, load_plugins())

    def test_a_paper_is_in_the_way_of_a_method_only(self, tmp_path):
        """A metric may have the name of a paper: it brings none."""
        assert write_plugin("rain", "metric", None, load_plugins()).folder == tmp_path / "reid-rain"


class TestFolder:
    """Where it is written."""

    def test_it_lies_beside_where_the_command_runs(self, harness, tmp_path):
        """Without `--out` the folder is ./reid-NAME, and the JSON lists what is in it."""
        report = harness("plugins", "new", "my-idea", "--json").json

        assert report["folder"] == str(tmp_path / "reid-my-idea")
        assert report["files"] == sorted(tree(tmp_path / "reid-my-idea"))
        assert (report["kind"], report["package"]) == ("method", "reid_my_idea")
        assert os.listdir(tmp_path) == ["reid-my-idea"]  # nothing temporary is left

    def test_out_names_another(self, harness, tmp_path):
        """`--out` names the folder, whose parents are made."""
        harness("plugins", "new", "my-idea", "--out", "deep/er/here")

        assert "pyproject.toml" in tree(tmp_path / "deep" / "er" / "here")

    def test_the_next_commands_are_said(self, harness, tmp_path):
        """What was written and what comes next stand on the screen."""
        out = harness("plugins", "new", "my-idea").out

        assert "src/reid_my_idea/method.py" in out
        assert f"cd {tmp_path / 'reid-my-idea'}" in out
        assert 'pip install -e ".[test]"' in out
        assert "harness plugins check my-idea" in out

    def test_torch_is_not_imported(self, tmp_path):
        """Writing a plugin takes a moment: in a fresh process torch stays out."""
        code = (
            "import sys; sys.argv = ['harness', 'plugins', 'new', 'my-idea']\n"
            "from harness.cli import main\n"
            "try: main()\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "assert 'torch' not in sys.modules\n"
        )
        done = run("python", "-c", code, within=tmp_path)

        assert done.returncode == 0, done.stderr
        assert "pyproject.toml" in tree(tmp_path / "reid-my-idea")

    @pytest.mark.parametrize("what", ["folder", "file", "link"])
    def test_what_is_there_is_left_alone(self, harness, tmp_path, what):
        """An existing folder, file or dangling link is not touched, even an empty one."""
        target = tmp_path / "reid-my-idea"
        if what == "folder":
            target.mkdir()
        elif what == "file":
            target.write_text("mine")
        else:
            target.symlink_to(tmp_path / "nowhere")
        outcome = harness("plugins", "new", "my-idea")

        assert outcome.code == 2
        assert f"{target} is there already" in outcome.err
        assert "--out FOLDER" in outcome.err
        assert tree(tmp_path) == ({"reid-my-idea": "mine"} if what == "file" else {})

    def test_a_folder_that_cannot_be_written(self, harness, tmp_path):
        """A parent that is a file is told in a sentence."""
        (tmp_path / "file").write_text("mine")
        outcome = harness("plugins", "new", "my-idea", "--out", "file/here")

        assert outcome.code == 2
        assert f"The folder {tmp_path / 'file' / 'here'} cannot be written" in outcome.err

    def test_it_is_there_whole_or_not_at_all(self, harness, tmp_path, monkeypatch):
        """Where the disk fails half-way, nothing is left."""
        written: list[Path] = []
        write_text = Path.write_text

        def fail_at_the_third(path: Path, *args: str, **options: str) -> int:
            written.append(path)
            if len(written) == 3:
                raise OSError(28, "No space left on device")
            return write_text(path, *args, **options)

        monkeypatch.setattr(Path, "write_text", fail_at_the_third)
        outcome = harness("plugins", "new", "my-idea")

        assert outcome.code == 2
        assert "No space left on device" in outcome.err
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
class TestFiles:
    """What is written."""

    def test_the_same_command_writes_the_same_bytes(self, kind):
        """Nothing of the day or the machine is in the files."""
        registry = load_plugins()
        one = write_plugin("my-idea", kind, Path("one"), registry)
        two = write_plugin("my-idea", kind, Path("two"), registry)

        assert tree(one.folder) == tree(two.folder)

    def test_every_file_is_filled_in(self, kind):
        """No file is empty or has a template's mark left; what is the author's says REPLACE."""
        files = tree(write_plugin("my-idea", kind, None, load_plugins()).folder)
        marks = [name for name, text in files.items() if "{{ names" in text or "{%" in text]

        assert marks == []
        assert [name for name, text in files.items() if not text.strip()] == [
            "src/reid_my_idea/py.typed"  # a type checker looks for it; it holds nothing
        ]
        assert "REPLACE" in files["src/reid_my_idea/__init__.py"]

    def test_a_guessed_title_is_marked(self, kind):
        """A title that was made from the name stands in code and data only where REPLACE does."""
        files = tree(write_plugin("my-idea", kind, None, load_plugins()).folder)
        guessed = [
            line
            for path, text in files.items()
            if path.startswith("src/")
            for line in text.splitlines()
            if '"My idea"' in line and "as printed" not in line
        ]

        assert guessed
        assert all("REPLACE" in line for line in guessed)

    @pytest.mark.parametrize("name", ["x", LONG])
    def test_python_is_clean(self, kind, name):
        """Whatever the length of the name, ruff, its formatter and mypy --strict have no word."""
        folder = write_plugin(name, kind, None, load_plugins()).folder
        config = ["--config", str(ROOT / "pyproject.toml"), "--config", 'src=["src"]', "--no-cache"]
        for words in (["check"], ["format", "--check"]):
            done = run("ruff", *words, *config, str(folder), within=folder)
            assert done.returncode == 0, done.stdout + done.stderr
        for path in folder.rglob("*.py"):
            assert ast.get_docstring(ast.parse(path.read_text()))

    def test_imports_are_in_order_wherever_it_lies(self, kind, tmp_path):
        """In a checkout with settings of its own, ruff sorts the imports as it does elsewhere."""
        (tmp_path / "pyproject.toml").write_text('[tool.ruff]\nsrc = ["."]\n')
        folder = write_plugin("my-idea", kind, None, load_plugins()).folder
        for within in (tmp_path, folder):
            done = run("ruff", "check", "--select", "I", "--no-cache", str(folder), within=within)
            assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize("name", ["my-idea", "null", "no"])
    def test_data_files_parse(self, kind, name):
        """The workflow is YAML; a name that is a word of YAML stays a name in what is read."""
        files = tree(write_plugin(name, kind, None, load_plugins()).folder)
        workflow = yaml.safe_load(files[".github/workflows/test.yml"])
        stem = make_names(name).stem
        commands = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]

        assert f"harness plugins check {name}" in commands
        assert workflow["jobs"]["test"]["env"]["HARNESS_HOME"].startswith("${{ github.workspace }}")
        if kind == "method":
            paper = parse_paper(files[f"src/reid_{stem}/papers/{name}.yaml"], "the stub")
            assert paper.key == name
            assert {row.method for table in paper.tables for row in table.rows} == {name}
            assert {cell.value for cell in paper.cells()} == {None}
            assert {cell.flag for cell in paper.cells()} == {"lost"}
        if kind == "dataset":
            text = files[f"src/reid_{stem}/protocols/{name}.yaml"]
            protocol = parse_protocol(text, "the protocol")
            assert (protocol.key, protocol.dataset) == (name, name)


def test_types_are_clean():
    """Under the settings of this repository mypy has no word to say, whatever the kind."""
    registry = load_plugins()
    folders = [write_plugin(f"my-{kind}", kind, None, registry).folder for kind in KINDS]
    files = {path.name: path for folder in folders for path in folder.glob("tests/*.py")}
    sources = [path for folder in folders for path in folder.glob("src/*/*.py")]
    bases = [str(folder / part) for folder in folders for part in ("src", "tests")]
    # At the root, where the linters ran a moment ago: what they know of torch is not found anew.
    done = run(
        "mypy", *map(str, [*sources, *files.values()]), within=ROOT, MYPYPATH=":".join(bases)
    )

    assert done.returncode == 0, done.stdout + done.stderr


def run(
    program: str, *words: str, within: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program that is installed beside this Python."""
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *words],
        cwd=within,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
