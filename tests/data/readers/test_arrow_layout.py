"""Which files of a data set are which split: as `datasets` lays them out, and as people do."""

from __future__ import annotations

import json

import pytest

from askattend.data.readers.arrow_layout import find_layout, lacking_shards
from askattend.errors import DataError


def splits(*files: str, config: str = "", **contents: str) -> dict[str, tuple[str, ...]]:
    """The splits of some files; content by name, with __ for a slash and a dot for the last _."""
    read = {name.replace("__", "/").replace("_dot_", "."): text for name, text in contents.items()}
    layout = find_layout([*files, *read], lambda file: read[file].encode())
    return dict(layout.choose(config, "here"))


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("train.parquet", "train"),
        ("data/validation-00000-of-00003.parquet", "validation"),
        ("data/test-00000-of-00001-0123456789abcdef.parquet", "test"),
        ("data/testdev-00000-of-00001.parquet", "testdev"),
        ("vqa_rad-val.parquet", "validation"),
        ("my.test.set.parquet", "test"),
        ("eval/part-0.parquet", "test"),
        ("dev/x/0000.arrow", "validation"),
        ("training/data-00000-of-00002.arrow", "train"),
        ("latest.parquet", "train"),  # no "test"
        ("trainer/x.parquet", "train"),
        ("questions.parquet", "train"),
    ],
)
def test_names_tell_splits(file: str, split: str) -> None:
    assert splits(file) == {split: (file,)}


def test_what_is_no_data_is_left_out() -> None:
    names = (
        "a.parquet",
        "a.csv",
        ".cache/b.parquet",
        "cache-1.arrow",
        "__x/c.parquet",
        "README.md",
    )
    assert splits(*names, README_dot_md="# no head") == {"train": ("a.parquet",)}


def test_configurations_of_the_hubs_own_conversion() -> None:
    files = ("easy/train/0000.parquet", "easy/train/0001.parquet", "hard/partial-val/0000.parquet")
    assert splits(*files, config="easy") == {"train": files[:2]}
    assert splits(*files, config="hard") == {"val": files[2:]}
    with pytest.raises(DataError, match=r"several configurations.*config=NAME. It has: easy, hard"):
        splits(*files)
    assert splits("default/test/0000.parquet", "x/test/0000.parquet") == {
        "test": ("default/test/0000.parquet",)
    }


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("  data_files: 'd/a*.parquet'", {"train": ("d/a1.parquet", "d/a2.parquet")}),
        (
            "  data_files: ['d/b.parquet', 'd/a1.parquet']",
            {"train": ("d/b.parquet", "d/a1.parquet")},
        ),
        ("  data_files: {valid: d/b.parquet}", {"valid": ("d/b.parquet",)}),
        ("  data_files:\n  - split: x\n    path: ['**/b.parquet']", {"x": ("d/b.parquet",)}),
        (
            "  data_files:\n  - split: x\n    path: d/a[12].parquet",
            {"x": ("d/a1.parquet", "d/a2.parquet")},
        ),
        ("  data_dir: d\n  data_files: b.parquet", {"train": ("d/b.parquet",)}),
        ("  data_dir: d", {"train": ("d/a1.parquet", "d/a2.parquet", "d/b.parquet")}),
        ("  data_files: d", {"train": ("d/a1.parquet", "d/a2.parquet", "d/b.parquet")}),
        ("  data_files: d/**", {"train": ("d/a1.parquet", "d/a2.parquet", "d/b.parquet")}),
        ("  data_files: '**2.parquet'", {"train": ("d/a2.parquet",)}),
        ("  data_files: '**/t*'", {"train": ("test.parquet",)}),
        ("  data_files: 'd/[!a]?parquet'", {"train": ("d/b.parquet",)}),
    ],
)
def test_the_card_goes_first(listed: str, expected: dict[str, tuple[str, ...]]) -> None:
    pytest.importorskip("yaml")
    card = f"---\nlicense: mit\nconfigs:\n- config_name: c\n{listed}\n---\n# x"
    names = ("d/a1.parquet", "d/a2.parquet", "d/b.parquet", "test.parquet")
    assert splits(*names, README_dot_md=card) == expected


@pytest.mark.parametrize(
    "card",
    [
        "---\nconfigs: 5\n---\n",
        "---\nconfigs:\n- [1, 2]\n---\n",
        "---\nconfigs:\n- data_files: [{path: {a: b}}, 5]\n---\n",
        "---\nconfigs: [\n---\n",
        "---\nconfigs:\n- data_files: '[z-a'\n---\n",
        "---\nconfigs: " + "[" * 2000 + "\n---\n",
        "---\nconfigs: !!python/object/apply:os.system ['false']\n---\n",
    ],
)
def test_a_card_that_is_none_is_passed_over(card: str) -> None:
    assert splits("test.parquet", README_dot_md=card) == {"test": ("test.parquet",)}


@pytest.mark.parametrize("pattern", ["**/" * 40 + "x", "*a" * 40 + "x", "**a" * 40 + "x"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    pytest.importorskip("yaml")
    card = f"---\nconfigs:\n- data_files: '{pattern}'\n---\n"
    file = "a/" * 40 + "a" * 80 + ".parquet"
    assert splits(file, README_dot_md=card) == {"train": (file,)}


@pytest.mark.parametrize("named", ["config_name", "data_dir", "data_files"])
def test_no_list_of_lists_is_written_out(named: str) -> None:
    pytest.importorskip("yaml")
    anchors = "".join(f"- &l{n + 1} [{', '.join([f'*l{n}'] * 9)}]\n" for n in range(30))
    card = f"---\nx:\n- &l0 [y]\n{anchors}configs:\n- data_files: z\n  {named}: *l30\n---\n"
    assert splits("test.parquet", README_dot_md=card) == {"test": ("test.parquet",)}


def test_save_to_disk() -> None:
    state = json.dumps({"_data_files": [{"filename": "data-1.arrow"}], "_split": "test"})
    assert splits("data-1.arrow", "cache-2.arrow", "old.arrow", state_dot_json=state) == {
        "test": ("data-1.arrow",)
    }
    both = {
        "dataset_dict_dot_json": '{"splits": ["train", "dev"]}',
        "train__state_dot_json": json.dumps(
            {"_data_files": [{"filename": "b.arrow"}, {"filename": "a.arrow"}]}
        ),
        "dev__state_dot_json": "not JSON",
    }
    assert splits("train/a.arrow", "train/b.arrow", "dev/c.arrow", **both) == {
        "train": ("train/b.arrow", "train/a.arrow")
    }


@pytest.mark.parametrize("name", ["../../secret.arrow", "/etc/passwd", "a/../../x.arrow", 5, None])
def test_a_note_leads_to_no_other_file(name: object) -> None:
    state = json.dumps({"_data_files": [{"filename": name}]})
    with pytest.raises(DataError, match="no Parquet or Arrow file"):
        splits(state_dot_json=state)


def test_files_that_are_lacking_are_counted() -> None:
    whole = [f"data/train-{number:05}-of-00003-0123456789abcdef.parquet" for number in range(3)]
    other = ["b/data-00000-of-00002.arrow", "b/data-00001-of-00002.arrow", "x.parquet"]
    assert lacking_shards([*whole, *other]) == 0
    assert lacking_shards([*whole[1:], *other]) == 1
    assert lacking_shards([whole[2], *other[1:]]) == 3
