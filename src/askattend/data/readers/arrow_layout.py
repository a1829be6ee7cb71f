"""The files of a data set in Parquet or Arrow, by configuration and split, as `datasets` has them.

A card (``README.md``) that lists configurations goes first; then what ``save_to_disk`` notes; then
the names of files and folders.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from askattend.errors import DataError, did_you_mean, name_few

CARD = "README.md"
SUFFIXES = (".parquet", ".arrow")
# Notes of save_to_disk: of several splits, of one.
SPLITS, STATE = "dataset_dict.json", "state.json"
_DEFAULT = "default"
_SHARD = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?")
_OF = re.compile(r"-\d{5}-of-(?P<count>\d{5})(?!\d)")
# Files of the hub's own conversion, and of folders a split.
_NUMBER = re.compile(r"(?:part-|data-)?\d+(?:-of-\d+)?(?:-[0-9a-f]+)?")
_WORDS = {
    "train": "train|training",
    "validation": "validation|valid|val|dev",
    "test": "test|testing|eval|evaluation",
}
# No card is longer that people have written.
_LONGEST_CARD = 2**20

Splits = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Layout:
    """Files of a data set.

    Attributes:
        configs: configuration → split → its files' paths within the folder.
        default: the configuration that is meant where none is named; None where that is not told.
    """

    configs: Mapping[str, Splits]
    default: str | None = None

    def choose(self, config: str, where: str) -> Splits:
        """Return the splits of a configuration; of the default one for ``""``.

        Raises:
            DataError: there is none of this name, or several and none is the default.
        """
        if not self.configs:
            raise DataError(
                "holds no Parquet or Arrow file",
                where=where,
                remedy="Name a file or a folder that datasets' save_to_disk or to_parquet wrote.",
            )
        if not config:
            config = self.default or (_DEFAULT if _DEFAULT in self.configs else "")
        if not config and len(self.configs) == 1:
            (config,) = self.configs
        if not config:
            remedy = f"Add ,config=NAME. It has: {name_few(self.configs)}"
            raise DataError("has several configurations", where=where, remedy=f"{remedy}.")
        if config not in self.configs:
            problem = f"no configuration '{config}'"
            raise DataError(problem, where=where, remedy=did_you_mean(config, self.configs))
        return self.configs[config]


def find_layout(files: Sequence[str], read: Callable[[str], bytes]) -> Layout:
    """Find out which files of a data set are which split.

    Args:
        files: paths of all files within its folder, with ``/``.
        read: returns the content of one.
    """
    there = frozenset(files)
    data = sorted(file for file in files if _is_data(file))
    if CARD in there and (listed := _of_card(read(CARD), data)) is not None:
        return listed
    if (saved := _of_save_to_disk(there, data, read)) is not None:
        return Layout({_DEFAULT: saved}, _DEFAULT)
    return _of_names(data)


def lacking_shards(files: Iterable[str]) -> int:
    """Count the files of a split that are not there, by names such as ``x-00000-of-00002``."""
    named = filter(None, (_OF.search(file) for file in files))
    there = Counter((file.string[: file.start()], int(file["count"])) for file in named)
    return sum(max(0, count - found) for (_, count), found in there.items())


def _is_data(file: str) -> bool:
    path = PurePosixPath(file)
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    # Of datasets' own cache, which lies beside what it is of.
    return path.suffix in SUFFIXES and not hidden and not path.name.startswith("cache-")


def _of_card(content: bytes, data: Sequence[str]) -> Layout | None:
    """Read the configurations that a card lists; None where it lists none of these files."""
    found, default = {}, None
    for config in _configs(content):
        name = _plain(config.get("config_name", _DEFAULT))
        base = _plain(config.get("data_dir"))
        splits = {split: files for split, files in _listed(config, base, data) if files}
        if splits:
            found[name] = splits
            default = name if config.get("default") is True else default
    return Layout(found, default) if found else None


def _configs(content: bytes) -> list[dict[str, Any]]:
    """Return the list ``configs`` of a card's head; empty where there is none, or no YAML."""
    text = content[:_LONGEST_CARD].decode("utf-8", errors="replace")
    head = re.match(r"\ufeff?---\s*\n(.*?)\n---\s*(?:\n|$)", text, re.DOTALL)
    if head is None or "configs:" not in head[1]:
        return []
    try:
        import yaml  # which huggingface-hub brings
    except ImportError:
        return []
    try:
        told = yaml.safe_load(head[1])
    except (yaml.YAMLError, RecursionError, ValueError):
        return []
    listed = told.get("configs") if isinstance(told, dict) else None
    several = listed if isinstance(listed, list) else []
    return [each for each in several if isinstance(each, dict)]


def _listed(
    config: Mapping[str, Any], base: str, data: Sequence[str]
) -> Iterable[tuple[str, tuple[str, ...]]]:
    named = config.get("data_files")
    if named is None:
        below = [file for file in data if file.startswith(f"{base.strip('/')}/")] if base else data
        yield from _by_split(below).items()
        return
    if isinstance(named, Mapping):
        named = [{"split": split, "path": path} for split, path in named.items()]
    several = named if isinstance(named, list) else [named]
    if all(isinstance(each, str) for each in several):
        several = [{"split": "train", "path": several}]
    for each in several:
        if isinstance(each, Mapping) and "path" in each:
            yield _plain(each.get("split", "train")), _matching(each["path"], base, data)


def _plain(value: Any) -> str:
    """Return a text or number of a card; "" for a list, which written out may fill the memory."""
    return str(value) if isinstance(value, str | int | float) else ""


def _matching(patterns: Any, base: str, data: Sequence[str]) -> tuple[str, ...]:
    several = patterns if isinstance(patterns, list) else [patterns]
    found: dict[str, None] = {}
    for pattern in filter(None, map(_plain, several)):
        whole = str(PurePosixPath(base) / pattern) if base else pattern
        names = _names(whole.removeprefix("./").rstrip("/"))
        found |= dict.fromkeys(file for file in data if _fits(names, file.split("/")))
    return tuple(found)


def _names(pattern: str) -> list[str]:
    """Divide a pattern of the shell's into those of names; ``**`` stands for any folders."""
    names: list[str] = []
    for name in pattern.split("/"):
        if name.startswith("**") and name != "**":  # all that ends so, however deep
            names.append("**")
        names.append(name if name == "**" else re.sub(r"\*+", "*", name))
    return names


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Tell if a path matches a pattern, or lies in a folder that does.

    Name by name, since one expression of a stranger's may take years to fail.
    """
    reached = {0}  # after so many parts of the path
    for name in names:
        if name == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], name)}
        if not reached:
            return False
    return True


def _of_save_to_disk(
    there: frozenset[str], data: Sequence[str], read: Callable[[str], bytes]
) -> Splits | None:
    """Read what save_to_disk notes of a data set of one split, or of several."""
    if SPLITS in there:
        splits = _decoded(read(SPLITS)).get("splits")
        several = splits if isinstance(splits, list) else []
        names = [name for name in several if isinstance(name, str)]
        found = {name: _of_state(f"{name}/", there, data, read) for name in names}
        return {name: files for name, files in found.items() if files} or None
    if STATE not in there:
        return None
    files = _of_state("", there, data, read)
    split = _decoded(read(STATE)).get("_split")
    return {split if isinstance(split, str) else "train": files} if files else None


def _of_state(
    folder: str, there: frozenset[str], data: Sequence[str], read: Callable[[str], bytes]
) -> tuple[str, ...]:
    """List the files of a split in their order, as far as they are in the folder."""
    if f"{folder}{STATE}" not in there:
        return tuple(file for file in data if file.startswith(folder))
    listed = _decoded(read(f"{folder}{STATE}")).get("_data_files")
    several = listed if isinstance(listed, list) else []
    names = [each.get("filename") for each in several if isinstance(each, dict)]
    # Names of a stranger's: those alone that were listed count, never a way out of the folder.
    return tuple(f"{folder}{name}" for name in names if f"{folder}{name}" in data)


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _of_names(data: Sequence[str]) -> Layout:
    """Divide files by what they and their folders are called."""
    tops = {PurePosixPath(file).parts[0] for file in data if file.count("/") >= 2}
    # CONFIGURATION/SPLIT/0000.parquet, as the hub's own conversion lies.
    as_converted = all(
        file.count("/") == 2 and _NUMBER.fullmatch(PurePosixPath(file).stem) for file in data
    ) and not any(map(_known, tops))
    if not data or not as_converted:
        return Layout({_DEFAULT: _by_split(data)}, _DEFAULT) if data else Layout({})
    configs = {}
    for top in sorted(tops):
        of_top = [file for file in data if file.startswith(f"{top}/")]
        splits: dict[str, list[str]] = {}
        for file in of_top:
            split = PurePosixPath(file).parts[1].removeprefix("partial-")
            splits.setdefault(split, []).append(file)
        configs[top] = {split: tuple(files) for split, files in splits.items()}
    return Layout(configs)


def _by_split(data: Sequence[str]) -> Splits:
    splits: dict[str, list[str]] = {}
    for file in data:
        splits.setdefault(_split_of(PurePosixPath(file)), []).append(file)
    return {split: tuple(files) for split, files in splits.items()}


def _split_of(file: PurePosixPath) -> str:
    """Tell a file's split: by its own name, else by that of the nearest folder; else training."""
    shard = _SHARD.fullmatch(file.stem)
    if shard is not None and shard["split"] not in ("data", "part"):
        return _known(shard["split"]) or shard["split"]
    for name in (file.stem, *reversed(file.parts[:-1])):
        if (known := _known(name)) is not None:
            return known
    return "train"


def _known(name: str) -> str | None:
    """Tell a usual split by its word in a name: ``"vqa_rad-test"`` is of the test."""
    for split, words in _WORDS.items():
        if re.search(rf"(?:^|[^a-z0-9])(?:{words})(?:[^a-z]|$)", name.lower()):
            return split
    return None
