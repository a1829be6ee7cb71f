"""WordNet's files against a slow reading of small ones made here, and against the real ones."""

from __future__ import annotations

import os
import sys
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import DataError
from askattend.metrics import wordnet as module
from askattend.metrics.wordnet import FILES, VARIABLE, WordNet

LICENCE = "  1 WordNet 3.0 Copyright 2006 by Princeton University.  \n  2 All rights reserved.  \n"
# A synset: its words, and which of those before it it is a kind of.
Synset = tuple[Sequence[str], Sequence[int]]


def data_line(offset: int, words: Sequence[str], hypernyms: Sequence[int]) -> str:
    named = " ".join(f"{word} 0" for word in words)
    kinds = [
        f"{'@i' if number % 2 else '@'} {one:08} n 0000" for number, one in enumerate(hypernyms)
    ]
    # Pointers of other kinds, to nothing, stand between them.
    pointers = ["~ 99999999 n 0000", *kinds, "#p 99999999 n 0000"]
    count = f"{len(pointers):03}"
    return f"{offset:08} 03 n {len(words):02x} {named} {count} {' '.join(pointers)} | of @ 1  \n"


def database(synsets: Sequence[Synset]) -> tuple[dict[str, bytes], list[int]]:
    """The files, and the offset of each synset."""
    offsets: list[int] = []
    data = LICENCE
    for words, above in synsets:
        offsets.append(len(data))
        data += data_line(len(data), words, [offsets[one] for one in above])
    senses: defaultdict[str, list[int]] = defaultdict(list)
    for offset, (words, _) in zip(offsets, synsets, strict=True):
        for word in dict.fromkeys(words):
            senses[word].append(offset)
    index = LICENCE
    for word, found in sorted(senses.items()):
        listed = " ".join(f"{offset:08}" for offset in found)
        index += f"{word} n {len(found)} 2 @ ~ {len(found)} 0 {listed}  \n"
    exceptions = "geese goose\naxes ax axis\n"
    texts = {"index.noun": index, "data.noun": data, "noun.exc": exceptions}
    return {name: text.encode() for name, text in texts.items()}, offsets


WORDS = ("thing", "animal", "goose", "ax", "axis", "box", "hot_dog", "glass", "glas")


@st.composite
def graphs(draw: st.DrawFn) -> list[Synset]:
    """Synsets below one another in any way that has no circle, some with several above them."""
    graph: list[Synset] = []
    for number in range(draw(st.integers(1, 9))):
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
        several = st.lists(st.integers(0, number - 1), max_size=3, unique=True)
        graph.append((words, draw(several) if number else []))
    return graph


def ways_up(graph: Sequence[Synset], one: int) -> list[list[int]]:
    """Every way from a synset to a root, both included."""
    above = graph[one][1]
    return [[one, *way] for each in above for way in ways_up(graph, each)] or [[one]]


def steps(graph: Sequence[Synset], one: int, other: int) -> int:
    """The shortest way between two over something above both."""
    return min(
        mine.index(meeting) + yours.index(meeting)
        for mine in ways_up(graph, one)
        for yours in ways_up(graph, other)
        for meeting in set(mine) & set(yours)
    )


def naive_similarity(graph: Sequence[Synset], one: int, other: int) -> float:
    def name(synset: int) -> tuple[str, int]:
        word = graph[synset][0][0]
        return word, [n for n, (words, _) in enumerate(graph) if word in words].index(synset)

    mine, yours = ({s for way in ways_up(graph, at) for s in way} for at in (one, other))
    if not mine & yours:
        return 0.0
    depth = {s: min(len(way) for way in ways_up(graph, s)) for s in mine & yours}
    lowest = sorted((s for s in depth if depth[s] == max(depth.values())), key=name)
    subsumer = one if one in lowest else lowest[0]
    deep = max(len(way) for way in ways_up(graph, subsumer))
    away = steps(graph, one, subsumer) + steps(graph, other, subsumer)
    return 2 * deep / (away + 2 * deep)


@given(graphs())
def test_similarity_against_all_ways_up(graph: list[Synset]) -> None:
    content, offsets = database(graph)
    nouns = WordNet(content, where="here")
    for one in range(len(graph)):
        for other in range(len(graph)):
            found = nouns.similarity(offsets[one], offsets[other])
            assert found == naive_similarity(graph, one, other)


@given(graphs(), st.sampled_from([*WORDS, "a", "zoo", "", "thin", "things", "Box", "\n", "é"]))
def test_senses_are_found_wherever_the_word_stands(graph: list[Synset], word: str) -> None:
    content, offsets = database(graph)
    listed = [o for o, (words, _) in zip(offsets, graph, strict=True) if word.lower() in words]
    found = WordNet(content, where="here").synsets(word)
    assert list(found[: len(listed)]) == listed
    if not word.lower().endswith("s"):
        assert len(found) == len(listed)


def test_plurals() -> None:
    content, offsets = database([([word], []) for word in WORDS])
    nouns = WordNet(content, where="here")
    named = dict(zip(offsets, WORDS, strict=True))

    def singulars(word: str) -> list[str]:
        return [named[offset] for offset in nouns.synsets(word)]

    assert singulars("animals") == singulars("ANIMAL") == ["animal"]
    assert singulars("geese") == ["goose"]
    assert singulars("axes") == ["ax", "axis"]
    assert singulars("boxes") == ["box"]
    assert singulars("hot_dogs") == ["hot_dog"]
    # A word that is in WordNet itself comes before what it may be a plural of.
    assert singulars("glass") == ["glass", "glas"]
    assert singulars("hot dog") == singulars("goose s") == []


def write(folder: Path, content: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(content[name])
    return folder


@pytest.mark.parametrize("folder", ["", "dict", "corpora/wordnet"])
def test_it_is_found_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    content, (offset,) = database([(["thing"], [])])
    write(tmp_path / "there" / folder, content)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "there"))
    assert WordNet.find().synsets("things") == (offset,)


def test_it_is_found_in_nltk_s_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, (offset,) = database([(["thing"], [])])
    (tmp_path / "corpora").mkdir()
    file = tmp_path / "corpora" / "wordnet.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in FILES:
            archive.writestr(f"wordnet/{name}", content[name])
    for path in (tmp_path, file):
        monkeypatch.setenv(VARIABLE, str(path))
        assert WordNet.find().synsets("thing") == (offset,)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"wordnet\.zip: unreadable"):
        WordNet.find()


def test_it_is_looked_for_where_debian_wordnet_and_nltk_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("WNHOME", "NLTK_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # NLTK's own search path (nltk.data.path), without Windows'.
    ends = ("nltk_data", "share/nltk_data", "lib/nltk_data")
    nltk = [tmp_path / "nltk_data", *(Path(sys.prefix) / end for end in ends)]
    parents = ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")
    nltk += [Path(parent) / "nltk_data" for parent in parents]
    debian, princeton = Path("/usr/share/wordnet"), Path("/usr/local/WordNet-3.0")
    assert list(module._usual_folders()) == [debian, *nltk, princeton]
    monkeypatch.setenv("WNHOME", "/opt/WordNet")
    monkeypatch.setenv("NLTK_DATA", f"/a{os.pathsep}{os.pathsep}/b")
    named = [Path("/opt/WordNet"), Path("/a"), Path("/b")]
    assert list(module._usual_folders()) == [debian, *named, *nltk, princeton]


def test_it_is_found_where_nltk_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, (offset,) = database([(["thing"], [])])
    write(tmp_path / "corpora" / "wordnet", content)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    assert tmp_path in list(module._usual_folders())
    monkeypatch.setattr(module, "_usual_folders", lambda: iter([tmp_path / "no", tmp_path]))
    assert WordNet.find().synsets("thing") == (offset,)


def test_where_it_is_missing_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(module, "_usual_folders", lambda: iter([tmp_path]))
    with pytest.raises(DataError, match="apt-get install wordnet-base"):
        WordNet.find()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere: no WordNet there"):
        WordNet.find()


def test_another_version_and_torn_files_are_refused(tmp_path: Path) -> None:
    content, (offset,) = database([(["thing"], [])])
    other = {**content, "data.noun": content["data.noun"].replace(b"WordNet 3.0", b"WordNet 3.1")}
    with pytest.raises(DataError, match=r"here: is not WordNet 3\.0"):
        WordNet(other, where="here")
    torn = {**content, "data.noun": content["data.noun"][: offset + 12]}
    with pytest.raises(DataError, match=f"no synset at byte {offset}"):
        WordNet(torn, where="here").similarity(offset, offset)


def test_the_installed_one(wordnet: WordNet) -> None:
    # Wu-Palmer similarities that NLTK's documentation gives.
    dog, cat = wordnet.synsets("dog")[0], wordnet.synsets("cat")[0]
    assert wordnet.similarity(dog, cat) == pytest.approx(0.8571428571428571)
    assert wordnet.synsets("newspapers") == wordnet.synsets("newspaper")
    assert wordnet.synsets("qqqq") == wordnet.synsets("red car") == ()
    assert all(wordnet.synsets(word) for word in ("'hood", "zymurgy", "entity"))
