"""Damage: no file of a run or a store is changed without a word, or it makes no difference."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from accepted import accept_evaluation
from askattend.data.readers.registry import read_source
from askattend.environment.origin import read_origin
from askattend.errors import AskAttendError
from askattend.experiment.verify import accept_changes, verify
from askattend.features.store import FeatureStore
from askattend.files import atomic_write
from askattend.files.manifest import MANIFEST, OlderFolderWarning
from askattend.report.index import write_index
from askattend.runs.linear_floors import load_linear_floors
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import RUN_FILES, Run
from askattend.runs.tensor_files import read_tensors
from askattend.scoring.results import load_results
from askattend.scoring.systems import evaluated_system, scored_system
from askattend.training.history import read_progress
from askattend.training.summary import read_summary
from commands import Call

QUESTIONS = ("what colour is it?", "is it red?")
SEED, MUTATIONS = 17, 1000
# Written for people, and read by nothing.
UNREAD = {"log.csv", "report.html", "README.md"}


@dataclass(frozen=True)
class Place:
    """A run that was evaluated, and the store that it was trained on.

    Attributes:
        run: its folder.
        other: a run of the same network and settings, with other weights and vocabularies.
        store: the features.
        table: the questions.
    """

    run: Path
    other: Path
    store: Path
    table: Path

    @property
    def evaluation(self) -> Path:
        return self.run / "evaluations" / "test"

    def files(self) -> list[Path]:
        """Every file, but those of TensorBoard, which nothing reads, and locks."""
        found = [f for f in (*self.run.rglob("*"), *self.store.iterdir()) if f.is_file()]
        return sorted(f for f in found if f.name[0] != "." and "tensorboard" not in f.parts)


@pytest.fixture(scope="module")
def place(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    from askattend.cli import main

    folder = shutil.copytree(trained, tmp_path_factory.mktemp("damage") / "all")
    run, other = folder / "runs" / "saaa", folder / "runs" / "other"
    main(["evaluate", str(run)])
    stores = [f for f in (folder / "runs" / "features").iterdir() if f.is_dir()]
    (store,) = (f for f in stores if len(FeatureStore.open(f)) > 3)
    _make_other(run, other)
    return Place(run, other, store, folder / "squares.csv")


def _make_other(run: Path, other: Path) -> None:
    """Another run, with a manifest of its own: all that can differ differs."""
    one = Run.load(run)
    words = replace(one.words, words=(*one.words.words[:2], *reversed(one.words.words[2:])))
    answers = replace(one.answers, answers=tuple(reversed(one.answers.answers)))
    two = replace(one, folder=other, words=words, answers=answers, suggestions=("why?",))
    two.save()
    torch.manual_seed(5)
    model = two.new_model()
    two.save_weights(model)
    two.save_progress(model, {}, b"{}")
    for name in RUN_FILES:
        if not (other / name).exists() and (run / name).exists():
            content = bytearray((run / name).read_bytes())
            content[-20] ^= 1
            atomic_write(other / name, bytes(content))


def outputs_of(place: Place, file: Path) -> Any:
    """All that anybody is told of what stands in a file."""
    if file.parent == place.store:
        store = FeatureStore.open(place.store)
        sizes = [store.size(image) for image in store.ids]
        return store.ids, sizes, dict(store.broken), store.read(store.ids).numpy().tobytes()
    if file.parent == place.evaluation:
        return evaluated_system(place.run, "test"), load_results(place.evaluation / "results.json")
    readers: dict[str, Callable[[], Any]] = {
        "metrics.json": lambda: read_summary(place.run),
        "origin.json": lambda: (read_origin(place.run), evaluated_system(place.run, "test")),
        "last.safetensors": lambda: (_tensors(file), read_progress(Run.load(place.run))),
        "soft_answers.safetensors": lambda: _tensors(file),
        "floors.safetensors": lambda: _floors(place.run),
        **dict.fromkeys(("log.csv", "report.html", "README.md"), lambda: None),
    }
    return readers.get(file.name, lambda: _answers(place))()


def _tensors(file: Path) -> Any:
    tensors, metadata = read_tensors(file)
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}, metadata


def _floors(run: Path) -> Any:
    floors = load_linear_floors(run)
    return [(f.ngrams, f.answers, f.weights.tobytes(), f.bias.tobytes()) for f in floors]


def _answers(place: Place) -> Any:
    predictor = Predictor.load(place.run, device="cpu")
    spec, torched = predictor.run.features, torch.ones(1, 4, predictor.run.features.input_dim)
    image = predictor.look_at(torched)
    answers = predictor.answer(image, [0, 0], list(QUESTIONS))
    told = [(a.text, a.probability, a.top, np.asarray(a.attention).tobytes()) for a in answers]
    return told, spec, predictor.threshold, predictor.run.suggestions, predictor.run.config


def complaint(place: Place, file: Path, expected: Any) -> str:
    """What is said of a damaged file; "" if nothing is, and nothing is told otherwise."""
    try:
        found = outputs_of(place, file)
    except (AskAttendError, OlderFolderWarning) as error:
        return str(error)
    assert found == expected, f"{file} was changed, and what it tells, without a word"
    return ""


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.choice((0, 1, len(content) - 1, chance.randrange(len(content))))]


def flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 16))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwritten(content: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(content)), chance.randrange(1, 512)
    filling = chance.choice((bytes(length), chance.randbytes(length)))
    return content[:at] + filling + content[at + length :]


def lengthened(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.randrange(1, 64)) + content[at:]


MUTATE = (truncated, flipped, flipped, overwritten, lengthened)


@pytest.fixture
def restoring(place: Place) -> Iterator[None]:
    """Whatever a test does to the files, they are as they were afterwards."""
    before = {file: file.read_bytes() for file in place.files()}
    yield
    for file, content in before.items():
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)
    for file in place.files():
        if file not in before:
            file.unlink()


@pytest.mark.usefixtures("restoring")
def test_a_thousand_mutations_are_named_or_without_effect(place: Place) -> None:
    chance, files = random.Random(SEED), place.files()
    contents = {file: file.read_bytes() for file in files}
    expected = {file: outputs_of(place, file) for file in files}
    silent = set()
    for _ in range(MUTATIONS):
        file = chance.choice(files)
        changed = chance.choice(MUTATE)(contents[file], chance)
        if changed == contents[file]:
            continue
        file.write_bytes(changed)
        said = complaint(place, file, expected[file])
        if said:
            assert file.name in said, said
        else:
            silent.add(file.name)
        file.write_bytes(contents[file])
    # None of these is read again, or what was changed is the layout of a manifest.
    assert silent <= {*UNREAD, MANIFEST}, silent


@pytest.mark.usefixtures("restoring")
def test_files_of_another_run_and_lost_ones_are_named(place: Place) -> None:
    for name in RUN_FILES:
        file, content = place.run / name, b""
        if not file.exists():
            continue
        content = file.read_bytes()
        expected = outputs_of(place, file)
        for change in (lambda f: shutil.copy(place.other / f.name, f), Path.unlink):
            change(file)
            if file.exists() and file.read_bytes() == content:
                continue  # the settings are the same
            said = complaint(place, file, expected) if file.exists() else name
            assert name in said or name in UNREAD, said
            found = verify(place.run)
            if name == "README.md":  # its owner's to edit
                assert found.notes == (f"{file} was edited",)
            else:
                assert [damage.file for damage in found.damaged] == [str(file)]
                assert "--accept" in found.damaged[0].remedy
            file.write_bytes(content)
    assert verify(place.run).whole


def exchanged(content: bytes, one: bytes, other: bytes) -> bytes:
    assert one in content
    assert other in content
    return content.replace(one, b"\0").replace(other, one).replace(b"\0", other)


@pytest.mark.usefixtures("restoring")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("words.json", lambda c: exchanged(c, b'"colour"', b'"red"')),
        ("words.json", lambda c: c.replace(b'"colour"', b'"colours"')),
        (
            "answers.json",
            lambda c: json.dumps({"answers": json.loads(c)["answers"][::-1]}).encode(),
        ),
        ("answers.json", lambda c: c.replace(b'"green"', b'"greed"')),
        ("config.toml", lambda c: c.replace(b"glimpses = 2", b"glimpses = 2 ")),
        ("floors.json", lambda c: c.replace(b'"blue"', b'"glue"')),
    ],
)
def test_other_words_or_answers_are_named(
    place: Place, name: str, change: Callable[[bytes], bytes]
) -> None:
    file = place.run / name
    before = file.read_bytes()
    file.write_bytes(change(before))
    assert file.read_bytes() != before
    with pytest.raises(AskAttendError, match=rf"{name}: is not as it was written.*--accept"):
        Predictor.load(place.run)


@pytest.mark.usefixtures("restoring")
def test_exchanged_images_and_shards_are_named(place: Place) -> None:
    index = place.store / "index.json"
    whole, ids = index.read_bytes(), FeatureStore.open(place.store).ids
    one, other = (f'"{image}"'.encode() for image in ids[:2])
    index.write_bytes(exchanged(whole, one, other))
    with pytest.raises(AskAttendError, match=r"index\.json: is not as it was written"):
        FeatureStore.open(place.store)
    # Not even whoever accepts it has one image answered for by the other.
    assert not accept_changes(place.store).whole
    with pytest.raises(AskAttendError, match=r"shard-00000\.safetensors: damaged .it holds other"):
        FeatureStore.open(place.store).read([ids[0]])
    index.write_bytes(whole)
    assert accept_changes(place.store).whole
    shard = place.store / "shard-00000.safetensors"
    content = shard.read_bytes()
    with safe_open(shard, "pt") as opened:
        tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
        metadata = opened.metadata()
    theirs = {key: text.replace("square", "circle") for key, text in metadata.items()}
    for spoilt in (
        save(tensors, metadata=theirs),  # of a store of other images
        content[:-4] + bytes([content[-4] ^ 1]) + content[-3:],  # with the header that is wanted
    ):
        shard.write_bytes(spoilt)
        with pytest.raises(AskAttendError, match=r"shard-00000\.safetensors: damaged"):
            FeatureStore.open(place.store).read([ids[0]])
        (damage,) = verify(place.store).damaged
        assert damage.file == str(shard)
        assert "run the same extraction again" in damage.remedy


@pytest.mark.usefixtures("restoring")
def test_another_runs_evaluation_is_named(place: Place) -> None:
    results = place.evaluation / "results.json"
    whole, answers = results.read_bytes(), json.loads(results.read_text())
    told = [{**one, "answer": answers[-1 - at]["answer"]} for at, one in enumerate(answers)]
    results.write_text(json.dumps(told))
    source = read_source(f"table:{place.table}")
    with pytest.raises(AskAttendError, match=r"results\.json: is not as it was written"):
        load_results(results)
    with pytest.raises(AskAttendError, match=r"results\.json: is not as it was written"):
        scored_system(place.run, source, "test", None)
    results.write_bytes(whole)
    metrics = place.evaluation / "metrics.json"
    metrics.write_text(json.dumps({**json.loads(metrics.read_text()), "run": "0" * 32}))
    accept_evaluation(place.evaluation)  # as a whole folder that was copied
    assert [d.problem for d in verify(place.run).damaged] == ["is the evaluation of another run"]
    with pytest.raises(AskAttendError, match="test: is the evaluation of another run"):
        evaluated_system(place.run, "test")
    with pytest.raises(AskAttendError, match="test: is the evaluation of another run"):
        write_index(place.run)


@pytest.mark.usefixtures("restoring")
def test_runs_and_stores_of_earlier_versions_are_read_with_a_note(place: Place, call: Call) -> None:
    for folder in (place.run, place.store):
        (folder / MANIFEST).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        words = ("ask", place.run, place.table.parent / "square 1.png", "is it red?")
        status, out, err = call(*words)
    assert status == 0
    assert out
    assert f"note: {place.run}: this run has no manifest.json" in err
    for folder in (place.run, place.store):
        status, out, err = call("verify", folder)
        assert status == 0
        assert f"note: {folder} has no manifest.json" in err
        assert call("verify", folder, "--accept")[0] == 0
        assert call("verify", folder)[2] == ""


@pytest.mark.usefixtures("restoring")
def test_the_command_names_each_and_exits_with_1(place: Place, call: Call) -> None:
    assert call("verify", place.run) == (
        0,
        f"{place.run} (run): 19 files, all as they were written\n",
        "",
    )
    for name in ("words.json", "log.csv"):
        (place.run / name).write_bytes(b"x")
    status, out, err = call("verify", place.run)
    assert (status, err) == (1, "")
    assert out.splitlines()[-1] == f"{place.run} (run): 2 damaged, of 19 files"
    assert [line.partition(": ")[0] for line in out.splitlines()[:2]] == [
        str(place.run / "log.csv"),
        str(place.run / "words.json"),
    ]
    status, out, err = call("verify", place.run, "--json")
    told = json.loads(out)
    assert status == 1
    assert not told["whole"]
    assert [Path(one["file"]).name for one in told["damaged"]] == ["log.csv", "words.json"]
    assert all(one["problem"] and one["remedy"] for one in told["damaged"])
    status, _, err = call("verify", place.run.parent)
    assert status == 2
    assert "is no run, packed run, feature store, evaluation or folder of results" in err
