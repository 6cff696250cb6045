"""Files of features and distances: what is read, and what is refused with a sentence."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.evaluation.feature_file import load_feature_file

Arrays = dict[str, Any]


def arrays(**changed: Any) -> Arrays:
    """Return the arrays of a good file, some of them changed; None leaves one out."""
    rng = np.random.default_rng(0)
    whole = {
        "query_features": rng.normal(size=(2, 4)).astype(np.float32),
        "query_ids": np.array([1, 2]),
        "query_cams": np.array([0, 0]),
        "gallery_features": rng.normal(size=(3, 4)).astype(np.float32),
        "gallery_ids": np.array([1, 2, -1]),
        "gallery_cams": np.array([1, 1, 1]),
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def distances(**changed: Any) -> Arrays:
    """Return the arrays of a good file with distances."""
    matrix = np.arange(6.0).reshape(2, 3)
    without: Arrays = {"query_features": None, "gallery_features": None, "distances": matrix}
    return arrays(**without | changed)


def layumi(**changed: Any) -> Arrays:
    """Return the arrays of a good file of layumi's test.py."""
    rng = np.random.default_rng(0)
    whole = {
        "gallery_f": rng.normal(size=(3, 4)).astype(np.float32),
        "gallery_label": [1, 2, -1],
        "gallery_cam": [1, 1, 1],
        "query_f": rng.normal(size=(2, 4)).astype(np.float32),
        "query_label": [1, 2],
        "query_cam": [2, 2],
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


@pytest.fixture
def npz(tmp_path: Path):
    """Return a function that writes an `.npz` and returns its path."""

    def write(values: Arrays) -> Path:
        np.savez(tmp_path / "f.npz", **values)
        return tmp_path / "f.npz"

    return write


@pytest.fixture
def mat(tmp_path: Path):
    """Return a function that writes a `.mat` and returns its path."""

    def write(values: Arrays) -> Path:
        scipy.io.savemat(tmp_path / "f.mat", values)
        return tmp_path / "f.mat"

    return write


class TestRead:
    def test_features(self, npz):
        """Features, identities and cameras are read as they were written."""
        given = arrays()
        file = load_feature_file(npz(given))
        query, gallery = file.sides()

        np.testing.assert_array_equal(query.features, given["query_features"])
        np.testing.assert_array_equal(gallery.features, given["gallery_features"])
        assert query.pids.tolist() == [1, 2]
        assert gallery.pids.tolist() == [1, 2, -1]
        assert gallery.camids.tolist() == [1, 1, 1]
        assert (file.distances, file.resolutions, file.multi) == (None, None, None)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "uint8"])
    def test_precision(self, npz, dtype):
        """Features keep their precision; integers become float64, other byte orders this one."""
        values = np.arange(12).reshape(3, 4).astype(dtype)
        gallery = load_feature_file(npz(arrays(gallery_features=values))).sides()[1]

        expected = {"uint8": "float64", ">f4": "float32"}.get(dtype, dtype)
        assert gallery.features.dtype == np.dtype(expected)
        np.testing.assert_array_equal(gallery.features, np.arange(12).reshape(3, 4))

    def test_distances(self, npz):
        """A file may have distances in the place of features."""
        file = load_feature_file(npz(distances()))

        np.testing.assert_array_equal(file.distances, [[0, 1, 2], [3, 4, 5]])
        assert file.features is None
        with pytest.raises(DataError, match=r"f\.npz holds distances, no features"):
            file.sides()

    def test_layumi(self, mat):
        """A `.mat` of layumi's test.py has other names, and row vectors for labels."""
        given = layumi()
        file = load_feature_file(mat(given))
        query, gallery = file.sides()

        np.testing.assert_array_equal(query.features, given["query_f"])
        assert (query.pids.tolist(), query.camids.tolist()) == ([1, 2], [2, 2])
        assert (gallery.pids.tolist(), gallery.camids.tolist()) == ([1, 2, -1], [1, 1, 1])

    def test_labels_that_matlab_wrote(self, mat):
        """In a `.mat`, whole numbers may be doubles and vectors columns, as MATLAB has them."""
        given = layumi(query_label=np.array([[1.0], [2.0]]), query_cam=np.array([[2.0], [2.0]]))

        assert load_feature_file(mat(given)).query.pids.tolist() == [1, 2]

    def test_resolutions(self, npz):
        """The down-sampling rate of each query is read where the file tells it; NaN is unknown."""
        whole = load_feature_file(npz(arrays(query_resolutions=np.array([2, 4]))))
        partly = load_feature_file(npz(arrays(query_resolutions=np.array([2, np.nan]))))

        assert whole.resolutions == (2, 4)
        assert partly.resolutions == (2, None)

    @pytest.mark.parametrize("suffix", ["npz", "mat"])
    def test_multi_query(self, request, suffix):
        """Further images of the queries are read from either kind of file."""
        features = np.ones((3, 4), np.float32)
        if suffix == "npz":
            more = {"mquery_features": features, "mquery_ids": [1, 1, 2], "mquery_cams": [0, 0, 0]}
            path = request.getfixturevalue("npz")(arrays(**more))
        else:
            more = {"mquery_f": features, "mquery_label": [1, 1, 2], "mquery_cam": [2, 2, 2]}
            path = request.getfixturevalue("mat")(layumi(**more))
        multi = load_feature_file(path).multi

        assert multi is not None
        assert multi.pids.tolist() == [1, 1, 2]
        np.testing.assert_array_equal(multi.features, features)

    def test_other_arrays_are_not_read(self, npz):
        """What a file has beside, even what is pickled, is left alone."""
        assert load_feature_file(
            npz(arrays(paths=np.array([{}, None], dtype=object)))
        ).path.exists()


NAN = np.array([[0, 1, 2, np.nan]] * 2, dtype=np.float32)
INFINITE = np.array([[0, 1, 2, 3]] * 2 + [[0, np.inf, 2, 3]], dtype=np.float16)


class TestRefused:
    @pytest.mark.parametrize(
        ("changed", "what", "next_step"),
        [
            ({"query_features": NAN}, "query_features of f.npz has NaN or infinity in 2 of 2", ""),
            (
                {"gallery_features": INFINITE},
                "gallery_features of f.npz has NaN or infinity in 1 of 3 rows",
                "Extract these images again",
            ),
            (
                {"query_features": np.zeros((3, 4))},
                "query_features of f.npz has 3 rows, query_ids 2 values",
                "one row of features for each image",
            ),
            (
                {"query_cams": np.zeros(3, int)},
                "query_ids of f.npz has 2 values, query_cams 3",
                "one camera for each image",
            ),
            (
                {"query_features": np.zeros((2, 5))},
                "query_features of f.npz has 5 dimensions, gallery_features 4",
                "same model",
            ),
            ({"query_features": np.zeros(2)}, "array of float64 with the shape (2,)", "a matrix"),
            ({"query_features": np.zeros((2, 4), complex)}, "array of complex128", "of numbers"),
            ({"query_features": np.zeros((2, 0))}, "empty: its shape is (2, 0)", "at least one"),
            (
                {name: np.zeros(0, int) for name in ("query_ids", "query_cams")},
                "query_ids of f.npz is empty",
                "at least one image on each side",
            ),
            (
                {name: np.zeros(0, int) for name in ("gallery_ids", "gallery_cams")},
                "gallery_ids of f.npz is empty",
                "at least one image on each side",
            ),
            (
                {"gallery_cams": np.array([1, -1, 1])},
                "gallery_cams of f.npz has the negative camera -1 in place 1, and 1 in all",
                "--rule no-camera",
            ),
            (
                {"query_ids": np.array([1.0, 2.0])},
                "query_ids of f.npz holds float64 values",
                ".astype(int)",
            ),
            (
                {"query_cams": np.array(["c1", "c2"])},
                "query_cams of f.npz holds str",
                "as integers",
            ),
            (
                {"query_ids": np.eye(2, dtype=int)},
                "query_ids of f.npz has the shape (2, 2)",
                "vect",
            ),
            (
                {"query_ids": np.array([0, 1])},
                "query_ids of f.npz has 1 of 2 identities at 0 or less",
                "leave -1 as it is",
            ),
            (
                {"gallery_ids": np.array([1, 2, -5])},
                "gallery_ids of f.npz has the identity -5",
                "-1 is junk and 0 a distractor",
            ),
            (
                {"query_resolutions": np.array([2])},
                "query_resolutions of f.npz is not a whole number from 1 for each of the 2 queries",
                "down-sampling rate",
            ),
            (
                {"query_resolutions": np.array([2, 2.5])},
                "query_resolutions of f.npz is not a whole number from 1",
                "1 for full resolution",
            ),
            (
                {"distances": np.zeros((2, 3))},
                "f.npz has features and distances",
                "Leave one of the two out",
            ),
            (
                {"mquery_features": np.ones((1, 4))},
                "f.npz lacks mquery_ids, mquery_cams",
                "harness evaluate --help",
            ),
            (
                {
                    "mquery_features": np.ones((1, 3)),
                    "mquery_ids": np.array([1]),
                    "mquery_cams": np.array([0]),
                },
                "mquery_features of f.npz has 3 dimensions, gallery_features 4",
                "same model",
            ),
        ],
    )
    def test_part_of_a_file(self, npz, changed, what, next_step):
        """A part that cannot be ranked is named as the file names it, with what to do."""
        with pytest.raises(DataError) as refused:
            load_feature_file(npz(arrays(**changed)))

        assert what in refused.value.what
        assert next_step in refused.value.next_step

    def test_distances_with_nan(self, npz):
        """A distance that is no number is refused."""
        matrix = np.array([[0, 1, 2], [3, np.nan, 5]])

        with pytest.raises(DataError, match=r"distances of f\.npz has NaN or infinity in 1 of 2"):
            load_feature_file(npz(distances(distances=matrix)))

    @pytest.mark.parametrize(
        ("shape", "next_step"), [((3, 2), "Transpose it"), ((2, 4), "a row for each query")]
    )
    def test_distances_of_another_shape(self, npz, shape, next_step):
        """A matrix of another shape is refused; one the wrong way round is told as that."""
        with pytest.raises(DataError, match=r"but there are 2 queries and 3 gallery") as refused:
            load_feature_file(npz(distances(distances=np.zeros(shape))))

        assert next_step in refused.value.next_step

    def test_other_keys(self, npz):
        """Missing parts are named, what the file has is shown, and what is near is offered."""
        given = arrays(gallery_cams=None, gallery_camids=np.array([1, 1, 1]), note=np.array(3))

        with pytest.raises(DataError) as refused:
            load_feature_file(npz(given))
        assert refused.value.what.startswith("f.npz lacks gallery_cams; it has query_features, ")
        assert "gallery_camids, note" in refused.value.what
        assert "rename 'gallery_camids' to 'gallery_cams'?" in refused.value.next_step

    def test_layumi_with_other_keys(self, mat):
        """In a `.mat` the missing names are layumi's."""
        with pytest.raises(DataError, match=r"f\.mat lacks query_f; it has .*query_feature"):
            load_feature_file(mat(layumi(query_f=None, query_feature=np.ones((2, 4)))))

    def test_nothing_in_it(self, npz):
        """An empty archive is told as one."""
        with pytest.raises(DataError, match="it has nothing"):
            load_feature_file(npz({}))

    def test_labels_with_fractions_in_mat(self, mat):
        """In a `.mat`, too, an identity is a whole number."""
        with pytest.raises(DataError, match=r"query_label of f\.mat holds float64 values"):
            load_feature_file(mat(layumi(query_label=[1.5, 2])))

    def test_pickled_array(self, npz):
        """An array of Python objects is never unpickled."""
        given = arrays(query_features=np.array([[1.0], None], dtype=object))

        with pytest.raises(DataError, match=r"'query_features' of f\.npz holds Python objects"):
            load_feature_file(npz(given))

    def test_cells_in_mat(self, mat):
        """A cell array of a `.mat` is refused as well."""
        cells = np.array([[1, 2], None], dtype=object)
        cells[1] = "x"

        with pytest.raises(DataError, match=r"'query_label' of f\.mat holds Python objects"):
            load_feature_file(mat(layumi(query_label=cells)))

    @pytest.mark.parametrize("part", ["gallery_f", "query_label"])
    def test_sparse_in_mat(self, mat, part):
        """A sparse matrix of a `.mat` is refused with what makes it a full one."""
        given = layumi(**{part: scipy.sparse.csc_matrix(np.atleast_2d(layumi()[part]))})

        with pytest.raises(DataError, match=rf"'{part}' of f\.mat is a sparse matrix") as refused:
            load_feature_file(mat(given))
        assert "full(" in refused.value.next_step

    @pytest.mark.parametrize("content", [b"", b"0.5, 0.5"], ids=["empty", "text"])
    def test_member_that_is_no_array(self, npz, content):
        """A member that is no array of NumPy, or is empty, is named."""
        path = npz(arrays(query_features=None))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("query_features.npy", content)

        with pytest.raises(DataError, match=r"'query_features' of f\.npz is no array of NumPy"):
            load_feature_file(path)

    def test_too_large_for_memory(self, npz):
        """A header that declares more than memory can hold is told as that."""
        path = npz(arrays(query_features=None))
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)}
        )
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("query_features.npy", header.getvalue())

        with pytest.raises(DataError, match=r"f\.npz does not fit into memory: ") as refused:
            load_feature_file(path)
        assert "half precision" in refused.value.next_step

    def test_encrypted(self, npz):
        """An archive with a password is refused in a sentence."""
        path = npz(arrays())
        content = bytearray(path.read_bytes())
        flags = {b"PK\x03\x04": 6, b"PK\x01\x02": 8}  # of a member, and of its directory entry
        for sign, offset in flags.items():
            at = content.find(sign)
            while at >= 0:
                content[at + offset] |= 1
                at = content.find(sign, at + 4)
        path.write_bytes(content)

        with pytest.raises(DataError, match=r"not an \.npz file that can be read: .*encrypted"):
            load_feature_file(path)

    @pytest.mark.parametrize(
        "method",
        [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
        ids=["deflate", "bzip2", "lzma"],
    )
    @given(data=st.data())
    @settings(max_examples=100, deadline=None)
    def test_damaged(self, tmp_path_factory, method, data):
        """Whatever bytes of an archive are changed, it is read or refused in a sentence."""
        path = tmp_path_factory.mktemp("damaged") / "f.npz"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, array in arrays().items():
                member = io.BytesIO()
                np.save(member, array)
                archive.writestr(f"{name}.npy", member.getvalue())
        content = bytearray(path.read_bytes())
        places = st.integers(0, len(content) - 1)
        for at in data.draw(st.lists(places, min_size=1, max_size=8)):
            content[at] = data.draw(st.integers(0, 255))
        path.write_bytes(content)

        with contextlib.suppress(DataError):
            load_feature_file(path)

    def test_class_that_is_none_in_mat(self, mat):
        """An array of a class that MATLAB does not have is a damaged file."""
        path = mat(layumi())
        content = bytearray(path.read_bytes())
        content[144] = 137  # the class of the first array, behind the header and two tags
        path.write_bytes(content)

        with pytest.raises(DataError, match=r"not a \.mat file that can be read"):
            load_feature_file(path)

    @pytest.mark.parametrize(
        ("name", "content", "what", "next_step"),
        [
            ("f.npz", b"no archive", "not an .npz file that can be read", "numpy.savez"),
            ("f.npz", pickle.dumps([1, 2]), "not an .npz file that can be read", "never read"),
            ("f.npz", b"", "not an .npz file that can be read", "numpy.savez"),
            ("f.mat", b"no archive" * 20, "not a .mat file that can be read", "savemat"),
            ("f.mat", b"", "not a .mat file that can be read", "savemat"),
            (
                "f.mat",
                b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512),
                "version 7.3, which is HDF5",
                "-v7",
            ),
            ("f.csv", b"1,2", "ends in '.csv'", "an .npz file"),
            ("features", b"1,2", "has no suffix", "an .npz file"),
        ],
    )
    def test_not_an_archive(self, tmp_path, name, content, what, next_step):
        """A file of another kind, or a damaged one, is refused in a sentence."""
        (tmp_path / name).write_bytes(content)

        with pytest.raises(DataError) as refused:
            load_feature_file(tmp_path / name)
        assert what in refused.value.what
        assert next_step in refused.value.next_step

    def test_one_array(self, tmp_path):
        """A single array of numpy.save under the name of an archive is told as that."""
        np.save(tmp_path / "f.npy", np.zeros((2, 3)))
        (tmp_path / "f.npy").rename(tmp_path / "f.npz")

        with pytest.raises(DataError, match=r"one array of shape \(2, 3\), without a name"):
            load_feature_file(tmp_path / "f.npz")

    @pytest.mark.parametrize("cut", [4, 60, 200])
    def test_cut_off(self, npz, mat, cut):
        """A file that was cut off is refused in a sentence, wherever it ends."""
        for path in (npz(arrays()), mat(layumi())):
            path.write_bytes(path.read_bytes()[: -cut if cut == 4 else cut])
            with pytest.raises(DataError):
                load_feature_file(path)

    def test_no_file(self, tmp_path):
        """A path without a file is named."""
        with pytest.raises(DataError, match=r"There is no file .*nowhere\.npz"):
            load_feature_file(tmp_path / "nowhere.npz")
