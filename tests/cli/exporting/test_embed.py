"""`harness embed`: features that are scored as the run scored them, from data sets and files."""

from __future__ import annotations

import shutil

import numpy as np
import onnx
import pytest
from PIL import Image

from harness.definitions import short_name
from harness.run.file_report import percent
from harness.settings import Settings
from harness.store import Store

BASELINE = "models:/baseline-hr-synthped/1"
INTACT = "models:/intact-synthped/1"
FICKLE = "models:/fickle-synthped/1"
ON_MARKET = "models:/fickle-market1501/1"

pytestmark = pytest.mark.usefixtures("trained")


@pytest.fixture
def embed(harness, tmp_path):
    """Return a function that types `harness embed --device cpu` and returns outcome and arrays."""

    def type_command(model, *words):
        out = tmp_path / "out" / "features.npz"
        options = ("--model", model, "--out", str(out), "--device", "cpu", "--json")
        done = harness("embed", *options, *map(str, words))
        arrays = dict(np.load(out, allow_pickle=False)) if done.code == 0 else {}
        return done, arrays

    return type_command


def stored(address: str) -> dict[str, float | None]:
    """Return the numbers of a model's stored score by short name, in per cent as JSON has them."""
    settings = Settings.from_environment()
    with Store.open(settings.db, home=settings.home) as store:
        (version,) = [v for v in store.models.where() if v.address == address]
        ((score, protocol),) = store.models.where_scores(version)
    return {short_name(m.name, m.k, protocol.headline): percent(m.value) for m in score.metrics}


@pytest.mark.parametrize("address", [BASELINE, INTACT, FICKLE, ON_MARKET])
def test_evaluate_gives_the_stored_score(harness, embed, address):
    """The features of a data set's test images are scored as the run scored them: every digit."""
    dataset = "market1501" if address == ON_MARKET else "synthped"
    done, arrays = embed(address, "--dataset", dataset)
    command = done.json["evaluate"].split()[1:]
    report = harness(*command, "--json").json
    expected = stored(address)
    same = expected.keys() & report["metrics"].keys()

    assert same >= {"rank1", "rank5", "map_sum_precision", "map_trapezoid", "minp"}
    assert {name: report["metrics"][name] for name in same} == {
        name: expected[name] for name in same
    }
    assert str(arrays["model"]) == address
    assert len(str(arrays["protocol"])) == 64


def test_folders_are_labelled_by_their_names(harness, embed, market, tmp_path):
    """Two folders give what the data set gives: labels of the names, features to rounding."""
    _done, whole = embed(ON_MARKET, "--dataset", "market1501")
    folders = ("--query", market / "query", "--gallery", market / "bounding_box_test")
    done, arrays = embed(ON_MARKET, *folders, "--overwrite")

    assert done.code == 0, done.err
    for side, count in (("query", 8), ("gallery", 16)):
        assert done.json["images"][side] == count
        names = [path.rpartition("/")[2] for path in arrays[f"{side}_paths"]]
        assert names == [path.rpartition("/")[2] for path in whole[f"{side}_paths"]]
        for part in ("ids", "cams"):
            assert np.array_equal(arrays[f"{side}_{part}"], whole[f"{side}_{part}"])
        assert np.allclose(arrays[f"{side}_features"], whole[f"{side}_features"], atol=1e-6)
    assert sorted(set(arrays["gallery_ids"])) == [-1, 0, 1, 2, 3, 4]
    assert harness(*done.json["evaluate"].split()[1:]).code == 0


def test_pattern_reads_other_names(embed, market, tmp_path):
    """A pattern sees the path within the folder; without a camera in it, all cameras are 0."""
    for side in ("probe", "search"):
        for pid in (3, 5):
            folder = tmp_path / side / f"person {pid}"
            folder.mkdir(parents=True)
            shutil.copy(market / "query" / "0001_c1s1_000451_03.jpg", folder / "a.jpg")
    folders = ("--query", tmp_path / "probe", "--gallery", tmp_path / "search")
    done, arrays = embed(FICKLE, *folders, "--pattern", r"person (?P<pid>\d+)/")

    assert done.code == 0, done.err
    assert arrays["query_ids"].tolist() == arrays["gallery_ids"].tolist() == [3, 5]
    assert arrays["query_cams"].tolist() == [0, 0]


def test_images_without_labels(harness, embed, market, tmp_path):
    """Plain images give features and paths alone, and the command says that nobody can score it."""
    one = market / "query" / "0001_c1s1_000451_03.jpg"
    done, arrays = embed(FICKLE, one, market / "query", "--feature", "half")

    assert done.json["images"] == {"images": 8}
    assert done.json["evaluate"] is None
    assert arrays["paths"][0] == one.as_posix()
    assert len(set(arrays["paths"])) == 8
    assert arrays["features"].shape == (8, 4)
    assert set(arrays) == {"features", "paths", "model", "feature", "distance"}
    out = str(tmp_path / "again.npz")
    told = harness("embed", "--model", FICKLE, "--out", out, "--device", "cpu", str(one)).out
    assert "cannot score it" in told
    assert harness("evaluate", out).code == 6


def test_low_resolution_is_told_to_the_method(embed, trained, generated):
    """A query of low resolution is restored by INTACT; as a gallery image it is left as it is."""
    image = sorted(generated.glob("*_c2_*.png"))[0]
    _done, plain = embed(INTACT, image, "--role", "query")
    _done, low = embed(INTACT, image, "--role", "query", "--low-resolution", "--overwrite")
    _done, gallery = embed(INTACT, image, "--low-resolution", "--overwrite")

    assert np.array_equal(plain["features"], gallery["features"])
    assert not np.array_equal(plain["features"], low["features"])


def test_batches_do_not_matter(embed, market, tmp_path):
    """More images than one batch come in their order, each with the feature it has alone."""
    rng = np.random.default_rng(0)
    for i in range(70):
        Image.fromarray(rng.integers(0, 256, (12, 8, 3), dtype=np.uint8)).save(
            tmp_path / f"{i:02d}.png"
        )
    _done, many = embed(FICKLE, tmp_path)
    _done, last = embed(FICKLE, tmp_path / "69.png", "--overwrite")

    assert many["features"].shape == (70, 8)
    assert [path.rpartition("/")[2] for path in many["paths"]] == [
        f"{i:02d}.png" for i in range(70)
    ]
    assert np.allclose(many["features"][69], last["features"][0], atol=1e-6)


def test_broken_image(embed, market, tmp_path):
    """A file that is no image is named; --skip-broken leaves it out and lists it."""
    folder = tmp_path / "images"
    shutil.copytree(market / "query", folder)
    (folder / "0000.jpg").write_bytes(b"not an image")
    refused, _none = embed(FICKLE, folder)
    assert refused.code == 6
    assert "0000.jpg cannot be read as an image" in refused.err
    assert "--skip-broken" in refused.err
    assert list((tmp_path / "out").iterdir()) == []

    done, arrays = embed(FICKLE, folder, "--skip-broken")
    assert done.json["images"] == {"images": 8}
    assert [skipped["file"] for skipped in done.json["skipped"]] == [str(folder / "0000.jpg")]
    assert len(arrays["features"]) == len(arrays["paths"]) == 8

    nothing, _none = embed(FICKLE, folder / "0000.jpg", "--skip-broken", "--overwrite")
    assert nothing.code == 6
    assert "Not one of 1 images" in nothing.err


def test_exported_graph_embeds_like_its_model(harness, embed, tmp_path, market):
    """An ONNX file of `models export` takes the place of its model, to rounding."""
    file = tmp_path / "fickle.onnx"
    assert harness("models", "export", FICKLE, str(file)).code == 0
    _done, own = embed(FICKLE, market / "query")
    out = tmp_path / "graph.npz"
    done = harness("embed", "--model", str(file), "--out", str(out), str(market / "query"))
    graph = np.load(out)

    assert done.code == 0, done.err
    assert (str(graph["feature"]), str(graph["distance"])) == ("colour", "cosine")
    assert np.allclose(graph["features"], own["features"], atol=1e-5)
    words = ("embed", "--out", str(tmp_path / "other.npz"), str(market / "query"), "--model")
    other = harness(*words, str(file), "--feature", "half")
    assert other.code == 2
    assert "gives the feature 'colour', not 'half'" in other.err
    proto = onnx.load(file)
    del proto.metadata_props[:]
    onnx.save(proto, file)
    silent = harness(*words, str(file))
    assert silent.code == 6
    assert "does not say what it is" in silent.err


def test_graph_that_is_not_made_for_the_images_says_so(harness, tmp_path):
    """A gallery graph of a method that restores queries is used on queries with a notice only."""
    file, out = tmp_path / "gallery.onnx", tmp_path / "f.npz"
    graph = harness("models", "export", INTACT, str(file), "--images", "16", "--json").json
    assert (graph["right_for"], graph["not_for"]) == (["gallery, r = 1"], ["query, native LR"])
    assert graph["parity"]["images"] == 8
    done = harness("embed", "--model", str(file), "--out", str(out), "--dataset", "synthped")

    assert done.code == 0, done.err
    assert "gallery.onnx is not made for these images: query, native LR" in done.err


def test_bf16_differs_by_rounding(embed, market):
    """Extraction in bf16 is near that in float32, and not the same."""
    _done, own = embed(FICKLE, market / "query")
    _done, half = embed(FICKLE, market / "query", "--precision", "bf16", "--overwrite")

    gap = np.abs(half["features"] - own["features"]).max()
    assert 0 < gap < 0.02 * np.linalg.norm(own["features"], axis=1).max()


def test_model_that_knows_the_test_people_is_refused(embed):
    """The test images of another split than the model's were trained on: exit code 7."""
    done, _none = embed(FICKLE, "--dataset", "synthped", "--split", "1")

    assert done.code == 7
    assert "was trained on" in done.err
    assert "of the test identities of split 1 of synthped" in done.err


def test_graph_knows_the_people_that_its_model_knows(harness, tmp_path):
    """An exported graph is refused where its model is: exit code 7, and nothing is written."""
    file, out = tmp_path / "fickle.onnx", tmp_path / "f.npz"
    assert harness("models", "export", FICKLE, str(file), "--images", "16").code == 0
    words = ("embed", "--model", str(file), "--out", str(out), "--dataset", "synthped")
    done = harness(*words, "--split", "1")

    assert done.code == 7
    assert "fickle.onnx was trained on" in done.err
    assert "of the test identities of split 1 of synthped" in done.err
    assert not out.exists()
    own = harness(*words)
    assert own.code == 0, own.err
    assert "does not declare" not in own.err


def test_graph_is_embedded_on_the_split_of_its_model(harness, tmp_path):
    """The default split is that of the file; one that declares no training says so."""
    file = tmp_path / "fickle.onnx"
    assert harness("models", "export", FICKLE, str(file), "--images", "16").code == 0
    proto = onnx.load(file)
    told = {p.key: p.value for p in proto.metadata_props}
    onnx.helper.set_model_props(proto, {**told, "split": "1", "trained_on": "null"})
    onnx.save(proto, file)
    ids = {}
    for name, split in {"default": (), "0": ("--split", "0"), "1": ("--split", "1")}.items():
        out = tmp_path / f"{name}.npz"
        words = ("embed", "--model", str(file), "--out", str(out), "--dataset", "synthped")
        done = harness(*words, *split)
        assert "does not declare all that it was trained on" in done.err
        ids[name] = np.load(out)["query_ids"].tolist()

    assert ids["default"] == ids["1"] != ids["0"]


@pytest.mark.parametrize("name", [f"{2**63}_c1.png", f"1_c{2**63}.png", f"{-(2**63) - 1}_c1.png"])
@pytest.mark.parametrize("side", ["query", "gallery"])
def test_number_beyond_an_array_is_refused_before_embedding(embed, tmp_path, name, side):
    """An identity or a camera that no array of 64 bits holds is refused: exit code 6, the file."""
    for folder in ("query", "gallery"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 16)).save(tmp_path / folder / "1_c1.png")
    Image.new("RGB", (8, 16)).save(tmp_path / side / name)
    folders = ("--query", tmp_path / "query", "--gallery", tmp_path / "gallery")
    done, _none = embed(FICKLE, *folders)

    assert done.code == 6
    assert f"'{name}'" in done.err
    assert "too large" in done.err
    assert "Embedding" not in done.err
    assert not (tmp_path / "out").exists()


def test_largest_numbers_of_an_array_are_kept(embed, tmp_path):
    """An identity and a camera of 63 bits come into the file as they are."""
    for folder in ("query", "gallery"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 16)).save(tmp_path / folder / f"{2**63 - 1}_c{2**63 - 1}.png")
    folders = ("--query", tmp_path / "query", "--gallery", tmp_path / "gallery")
    done, arrays = embed(FICKLE, *folders)

    assert done.code == 0, done.err
    assert arrays["query_ids"].tolist() == arrays["gallery_cams"].tolist() == [2**63 - 1]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "nothing to embed"),
        (["img", "--dataset", "synthped"], 2, "images of two kinds"),
        (["--query", "img"], 2, "One of --query and --gallery is missing"),
        (["img", "--split", "1"], 2, "Give --dataset as well"),
        (["--dataset", "synthped", "--skip-broken"], 2, "are for files"),
        (["--dataset", "synthpet"], 2, "Did you mean 'synthped'"),
        (["img", "--feature", "color"], 2, "Did you mean 'colour'"),
        (["img", "--precision", "int8"], 2, "no precision 'int8'"),
        (["nowhere"], 6, "no file or folder"),
        (["empty"], 6, "no image in"),
        (["--query", "img", "--gallery", "img", "--pattern", "("], 2, "no regular expression"),
        (["--query", "img", "--gallery", "img", "--pattern", "x"], 2, "which part is the identity"),
        (["--query", "img", "--gallery", "img"], 6, "'portrait.png' does not fit the pattern"),
        (
            ["--query", "img", "--gallery", "img", "--pattern", "(?P<pid>portrait)"],
            6,
            "not both numbers",
        ),
        (["--query", "junk", "--gallery", "junk"], 6, "has the identity -1"),
        (["img", "--model", "fickle"], 2, "not the address of a model"),
        (["img", "--model", "models:/fickle-synthped/9"], 2, "9"),
        (["img", "--model", "gone.onnx"], 6, "no file gone.onnx"),
        (["img", "--model", "img/portrait.onnx"], 6, "no ONNX file"),
        (["img", "--model", "gone.onnx", "--precision", "bf16"], 2, "runs on the CPU"),
        (["img", "--out", "there.npz"], 2, "already"),
        (["img", "--out", "there.txt"], 2, "does not end in .npz"),
        (["img", "--out", "there.npz/f.npz"], 2, "cannot be written"),
    ],
)
def test_what_cannot_be_is_said(embed, tmp_path, monkeypatch, words, code, message):
    """A wrong option or image is refused in a sentence, and what is there stays."""
    monkeypatch.chdir(tmp_path)
    for folder in ("img", "empty", "junk"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (8, 16)).save("img/portrait.png")
    Image.new("RGB", (8, 16)).save("junk/-1_c1.png")
    (tmp_path / "img" / "portrait.onnx").write_bytes(b"no graph")
    (tmp_path / "there.npz").write_text("mine")
    done, _none = embed(FICKLE, *words)

    assert done.code == code
    assert message in done.err
    assert (tmp_path / "there.npz").read_text() == "mine"
    assert not list(tmp_path.rglob("*.npz.*"))
