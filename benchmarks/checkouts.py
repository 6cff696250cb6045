"""The evaluators of other libraries, loaded file by file from a checkout that the user gives.

Nothing of theirs is kept here: their files are read where they lie, and an extension is built in a
temporary folder. Each evaluator takes a distance matrix (Q, G) and the labels of both sides and
returns fractions by the names rank1, rank5, mAP, mINP.
"""

from __future__ import annotations

import ast
import importlib.util
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from harness.errors import UsageError
from harness.evaluation.inputs import Labels, Side

Matrix = npt.NDArray[np.float32]
Evaluator = Callable[[Matrix, Labels, Labels], Mapping[str, float]]

RANKS = (1, 5)
LONGEST = 50  # ranks of a CMC, the default of Torchreid and FastReID


def torchreid(checkout: Path, *, cython: bool = False, cuhk03: bool = False) -> Evaluator:
    """Return Torchreid's evaluator.

    Args:
        checkout: Its repository.
        cython: Whether the compiled one, which sums in float32, or the one in Python.
        cuhk03: Whether by the CUHK03 rule, which draws from NumPy's global generator.
    """
    module = _rank_module(checkout / "torchreid" / "metrics", cython=cython)
    evaluate = module.evaluate_cy if cython else module.evaluate_py

    def run(distances: Matrix, query: Labels, gallery: Labels) -> Mapping[str, float]:
        labels = query.pids, gallery.pids, query.camids, gallery.camids
        cmc, mean_ap = evaluate(distances, *labels, _longest(gallery), cuhk03)
        return _ranks(cmc) | {"mAP": float(mean_ap)}

    return run


def torchreid_evaluation(checkout: Path, query: Side, gallery: Side) -> Callable[[], object]:
    """Return Torchreid's whole evaluation of features: distance matrix and Cython evaluator."""
    distance = _module(checkout / "torchreid" / "metrics" / "distance.py")
    evaluate = torchreid(checkout, cython=True)
    sides = [torch.from_numpy(side.features) for side in (query, gallery)]

    def run() -> Mapping[str, float]:
        distances = distance.compute_distance_matrix(*sides, metric="cosine").numpy()
        return evaluate(distances, query.labels, gallery.labels)

    return run


def fastreid(checkout: Path, *, cython: bool = False) -> Evaluator:
    """Return FastReID's evaluator, as `torchreid` does; it has mINP too."""
    module = _rank_module(checkout / "fastreid" / "evaluation", cython=cython)
    evaluate = module.evaluate_cy if cython else module.evaluate_py

    def run(distances: Matrix, query: Labels, gallery: Labels) -> Mapping[str, float]:
        labels = query.pids, gallery.pids, query.camids, gallery.camids
        cmc, ap, inp = evaluate(distances, *labels, _longest(gallery), False)
        return _ranks(cmc) | {"mAP": float(np.mean(ap)), "mINP": float(np.mean(inp))}

    return run


def layumi(checkout: Path) -> Evaluator:
    """Return layumi's evaluator: the functions of its script, with its sums over all queries.

    The script computes the scores of a query as gallery features times query feature; features of
    one dimension, the similarities, times 1 give it any similarities.
    """
    functions = _functions_of_script(checkout / "evaluate_gpu.py")
    evaluate = functions["evaluate"]

    def run(distances: Matrix, query: Labels, gallery: Labels) -> Mapping[str, float]:
        total, cmc = 0.0, torch.zeros(len(gallery.pids))
        for row, pid, camid in zip(distances, query.pids, query.camids, strict=True):
            similarity = torch.from_numpy(-row[:, None])
            labels = gallery.pids, gallery.camids
            ap, one = evaluate(torch.ones(1), pid, camid, similarity, *labels)
            if one[0] != -1:
                total, cmc = total + ap, cmc + one
        return _ranks((cmc / len(distances)).numpy()) | {"mAP": float(total / len(distances))}

    return run


def _ranks(cmc: npt.NDArray[np.floating]) -> dict[str, float]:
    return {f"rank{k}": float(cmc[k - 1]) for k in RANKS}


def _longest(gallery: Labels) -> int:
    return min(LONGEST, len(gallery.pids))


def _rank_module(folder: Path, *, cython: bool) -> ModuleType:
    if cython:
        return _built(folder / "rank_cylib" / "rank_cy.pyx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the compiled one is unavailable
        return _module(folder / "rank.py")


def _module(path: Path) -> ModuleType:
    """Load one file as a module, without its package."""
    spec = importlib.util.spec_from_file_location(path.name.partition(".")[0], path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UsageError(f"There is no {path}.", "Give the folder of the library's repository.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _built(source: Path) -> ModuleType:
    """Compile a Cython file in a temporary folder, with the interpreter's flags, and load it."""
    cython = shutil.which("cython")
    if cython is None:
        raise UsageError("There is no `cython` on the path.", "Install Cython, in any environment.")
    if not source.is_file():
        raise UsageError(f"There is no {source}.", "Give the folder of the library's repository.")
    folder = Path(tempfile.mkdtemp(prefix="harness-peer-"))
    translated = folder / "rank_cy.c"
    packages = Path(np.__file__).parents[1]  # numpy's declarations for Cython lie with numpy
    _run(cython, "-I", str(packages), str(source), "-o", str(translated))
    target = folder / f"rank_cy{sysconfig.get_config_var('EXT_SUFFIX')}"
    compiler = shlex.split(sysconfig.get_config_var("CC"))
    flags = shlex.split(sysconfig.get_config_var("CFLAGS"))
    headers = [f"-I{sysconfig.get_path('include')}", f"-I{np.get_include()}"]
    _run(*compiler, *flags, "-shared", "-fPIC", "-w", *headers, str(translated), "-o", str(target))
    return _module(target)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"{words[0]} failed: {done.stderr[-500:]}", "See its message above.")


def _functions_of_script(path: Path) -> Mapping[str, Any]:
    """Run the imports and functions of a script, and nothing else of it."""
    if not path.is_file():
        raise UsageError(f"There is no {path}.", "Give the folder of the library's repository.")
    tree = ast.parse(path.read_text())
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    tree.body = [node for node in tree.body if isinstance(node, kept)]
    names: dict[str, Any] = {}
    exec(compile(tree, str(path), "exec"), names)
    return names
