"""The promises of `harness.specs.protocol`, and of the protocol files that ship."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import UnknownName, UsageError
from harness.specs import (
    Degradation,
    ProtocolSpec,
    SplitLists,
    list_protocols,
    load_protocol,
    parse_protocol,
)

MINIMAL = """\
key: tiny
dataset: tiny
title: a title
source: by hand
query: {cameras: [2]}
gallery: {cameras: [1]}
junk: same-camera
degradation: null
headline: cmc_single@1
splits:
  - {train: [1, 2], test: [3, 4]}
"""


def test_a_minimal_protocol() -> None:
    """The form that a protocol file has is read as it stands."""
    spec = parse_protocol(MINIMAL, "tiny.yaml")
    assert spec.query.cameras == (2,)
    assert spec.splits == (SplitLists(train=(1, 2), test=(3, 4)),)
    assert spec.degradation is None


def test_a_degraded_protocol() -> None:
    """Filters, rates, seed, side and domain are written out: none is a silent default."""
    text = MINIMAL.replace(
        "degradation: null",
        "degradation: {side: query, rates: [2, 3, 4], seed: 0, down: bicubic, up: bilinear, "
        "domain: native}",
    )
    degradation = parse_protocol(text, "tiny.yaml").degradation
    assert degradation is not None
    assert degradation.rates == (2, 3, 4)
    required = [name for name, field in Degradation.model_fields.items() if field.is_required()]
    assert len(required) == 6
    for name in required:
        shorter = re.sub(rf"{name}: (\[[^]]*\]|\w+)(, )?", "", text.split("splits")[0])
        with pytest.raises(UsageError, match=f"the key '{name}' is missing"):
            parse_protocol(shorter + "splits:\n  - {train: [1], test: [3]}\n", "tiny.yaml")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("test: [3, 4]", "test: [2, 4]", "line 11: identity 2 is on both sides"),
        ("test: [3, 4]", "test: [3, 3]", "identity 3 is there twice"),
        ("test: [3, 4]", "test: [0, 4]", "identity 0 is junk or a distractor"),
        ("test: [3, 4]", "test: []", "line 11: 'test' is"),
        ("junk: same-camera", "junk: nothing", "line 7: 'junk' is 'nothing'"),
        ("cmc_single@1", "cmc_single", "line 9: 'headline' is 'cmc_single'"),
        ("cameras: [2]", "cameras: []", "line 5: 'cameras' is"),
        ("{cameras: [2]}", "{}", "line 5: a side needs `cameras`, `subsets` or both"),
        ("{cameras: [2]}", "{subsets: [probe]}", "line 5: 0 is 'probe'"),
    ],
)
def test_what_cannot_be_a_protocol_is_refused(old: str, new: str, reason: str) -> None:
    """Each contradiction is an error with its line."""
    with pytest.raises(UsageError, match=re.escape(reason)):
        parse_protocol(MINIMAL.replace(old, new), "tiny.yaml")


def test_an_unknown_protocol() -> None:
    """A key without a file is an unknown name."""
    with pytest.raises(UnknownName, match="protocol"):
        load_protocol("caviar4")


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ("domain: native", True),
        ("domain: native, per: identity", True),
        ("domain: resized, size: [256, 128]", True),
        ("domain: resized", False),
        ("domain: native, size: [256, 128]", False),
    ],
)
def test_a_size_belongs_to_the_resized_domain(more: str, fits: bool) -> None:
    """An image that is resized first needs a size, and one that is not must have none."""
    given = "{side: query, rates: [2], seed: 0, down: maxpool, up: bilinear, " + more + "}"
    text = MINIMAL.replace("degradation: null", f"degradation: {given}")
    if fits:
        assert parse_protocol(text, "tiny.yaml").degradation is not None
    else:
        with pytest.raises(UsageError, match=r"line 8: .* do not go together"):
            parse_protocol(text, "tiny.yaml")


def test_the_splits_of_another_protocol() -> None:
    """A protocol that names another one for its splits has that one's identity lists."""
    text = MINIMAL.split("splits:")[0] + "splits_of: synthped\n"
    spec = parse_protocol(text, "tiny.yaml")
    assert spec.splits == load_protocol("synthped").splits
    assert spec == parse_protocol(text, "tiny.yaml").model_copy(update={"splits_of": None})


@pytest.mark.parametrize(
    ("ending", "error", "reason"),
    [
        ("", UsageError, "say who tests in one way"),
        ("splits: []\n", UsageError, "say who tests in one way"),
        ("splits: [{train: [1], test: [2]}]\nsplits_by: subset\n", UsageError, "in one way"),
        ("splits: [{train: [1], test: [2]}]\nsplits_of: viper\n", UsageError, "in one way"),
        ("splits_of: tiny\n", UsageError, "tiny.yaml: the protocol 'tiny' takes the splits of its"),
        (
            "splits_of: market1501\n",
            UsageError,
            "tiny.yaml: the protocol 'market1501', whose splits 'tiny' takes, lists no identities. "
            "Write `splits_by: subset` here too",
        ),
        ("splits_of: vipre\n", UnknownName, "no protocol called 'vipre'"),
    ],
)
def test_splits_that_are_not_to_be_found(ending: str, error: type[UsageError], reason: str) -> None:
    """A protocol without lists, with two sources of them, or with none that exists is refused."""
    with pytest.raises(error, match=re.escape(reason)):
        parse_protocol(MINIMAL.split("splits:")[0] + ending, "tiny.yaml")


@pytest.mark.parametrize("key", list_protocols())
def test_what_ships_is_named_as_its_file(key: str) -> None:
    """Each file that ships can be read and has the key of its name."""
    assert load_protocol(key).key == key


@pytest.mark.parametrize(
    ("key", "identities", "half"),
    [("caviar", 50, 25), ("viper", 632, 316), ("mlr-viper", 632, 316)],
)
def test_the_real_sets_have_ten_halves(key: str, identities: int, half: int) -> None:
    """Ten different splits, each of two equal halves of the same identities."""
    spec = load_protocol(key)
    assert len(spec.splits) == 10
    assert len({split.test for split in spec.splits}) == 10
    assert {(len(s.train), len(s.test)) for s in spec.splits} == {(half, half)}
    everyone = {frozenset((*s.train, *s.test)) for s in spec.splits}
    assert len(everyone) == 1
    assert len(everyone.pop()) == identities


def test_caviar_splits_are_the_published_partition(real_data: Path) -> None:
    """The lists are those of Partition_caviar.mat, on the two-camera identities in order."""
    import h5py

    names = [path.name for path in (real_data / "CAVIAR4REID").glob("*.jpg")]
    pids = sorted({int(n[:4]) for n in names if int(n[4:7]) == 20})
    with h5py.File(real_data / "splits/RSL-NEU/Partition_caviar.mat") as file:
        for index, split in enumerate(load_protocol("caviar").splits):
            for field, listed in (("idx_train", split.train), ("idx_test", split.test)):
                chosen = file[file["partition"][field][index, 0]][()].ravel().astype(bool)
                assert chosen[:50].tolist() == chosen[50:].tolist()  # both cameras alike
                assert listed == tuple(p for p, c in zip(pids, chosen[:50], strict=True) if c)


def test_viper_test_sets_are_the_published_pairs(real_data: Path) -> None:
    """The test lists are the pairs of VIPeR_sets.txt, with 000 written 1000."""
    text = (real_data / "splits/SDALF_CVPR2010/VIPeR_sets.txt").read_text()
    sets = text.split("% Experiment Number")[1:]
    for chunk, split in zip(sets, load_protocol("viper").splits, strict=True):
        pairs = re.findall(r"cam_a/(\d{3})_\d+\.bmp\s+cam_b/(\d{3})_\d+\.bmp", chunk)
        assert all(a == b for a, b in pairs)
        assert split.test == tuple(sorted(int(a) or 1000 for a, _ in pairs))


def test_a_protocol_is_frozen() -> None:
    """Two readers of one protocol cannot get into each other's way."""
    assert ProtocolSpec.model_config.get("frozen") is True
