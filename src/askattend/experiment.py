"""From names to results: each function is one command of the command line."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from askattend.batches import Batches
from askattend.checkpoint import CONFIG, Run
from askattend.config import Config, config_from
from askattend.data.questions import QASet
from askattend.data.sources import read_source
from askattend.data.splits import Splits, canonical_split, training_splits
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import ConfigError, FeatureError, ImageError, RunError
from askattend.evaluation import Evaluation, evaluate
from askattend.features.backbones import default_size
from askattend.features.extraction import ExtractConfig, ExtractionReport, extract, images_in
from askattend.features.geometry import seen
from askattend.features.images import open_image
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore
from askattend.files import write_whole
from askattend.metrics import Floors
from askattend.predictor import Predictor
from askattend.progression import Progression, read_progression
from askattend.report import Example, choose, write_report
from askattend.training import fit, pick_device

GALLERY = 48


def extract_features(
    source: str, store: Path, config: ExtractConfig, *, console: Console
) -> ExtractionReport:
    """Extract the images of a question source, or of a folder, into a feature store.

    Raises:
        DataError, ImageError, FeatureError: see `read_source`, `images_in` and `extract`.
    """
    images = images_in(Path(source)) if Path(source).is_dir() else read_source(source).images
    return extract(images, store, config, console=console)


def train(config: Config[Any], out: Path, *, resume: bool = False, console: Console) -> Run:
    """Train a network and leave a run folder that answers questions.

    Args:
        config: all settings; `config.data` names the questions.
        out: the run folder; must not hold a run already unless `resume`.
        resume: go on where an earlier training of this folder stopped.
        console: where notes and progress go.

    Raises:
        AskAttendError: whatever of the data, features or settings does not fit; nothing is
            written then but the cache of features.
    """
    _check_folder(out, resume=resume)
    pick_device(config.train.device)  # complain before the long work, not after it
    questions = _questions(config)
    splits = _training_splits(config, questions)
    for note in (*splits.train.notes, *splits.notes, *_odd_splits(questions)):
        console.print(f"note: {note}", highlight=False)
    words = WordVocab.build((q.text for q in splits.train), min_count=config.vocab.min_count)
    answers = AnswerVocab.build(splits.train, size=config.vocab.answers)
    console.print(
        f"{len(splits.train):,} questions, {len(words):,} words; {len(answers):,} answers cover "
        f"{answers.coverage(splits.valid):.1%} of those in validation",
        highlight=False,
    )
    images = {**splits.train.images, **splits.valid.images}
    store = _features(config, images, out.parent, console=console)
    floors = Floors.build(splits.train)
    run = Run(out, config.tables(), words, answers, floors, store.spec)
    if resume:
        _check_same(run)
    run.save()
    training, validation = (
        Batches(
            part,
            store,
            words,
            answers,
            batch_size=config.train.batch_size,
            sampling=config.train.sampling,
        )
        for part in (splits.train, splits.valid)
    )
    progression = fit(run, training, validation, config.train, console=console, resume=resume)
    _summarise(run, progression, console=console)
    return run


def evaluate_run(
    folder: Path,
    *,
    data: str | None = None,
    split: str = "test",
    features: Path | None = None,
    backbone: str | None = None,
    console: Console,
) -> Evaluation:
    """Evaluate a run on a split; leaves ``SPLIT/metrics.json``, ``SPLIT/results.json`` and
    ``report.html`` in the run folder.

    Args:
        folder: the run folder.
        data: the question source; the run's own by default.
        split: ``"valid"`` is what training validated on, also where it was carved out.
        features: a store made by the run's backbone; by default the run's, or the cache beside it.
        backbone: see `Predictor.load`.
        console: where progress goes.

    Raises:
        AskAttendError: the run, the data, the split or the features do not fit.
    """
    split = canonical_split(split)
    _check_evaluation(folder / split, split)
    predictor = Predictor.load(folder, backbone=backbone)
    run = predictor.run
    config = config_from(run.config, run.config["network"], where=str(folder / CONFIG))
    if data not in (None, config.data):  # its store holds the images of the run's own source
        config = replace(config, data=data, features=None)
    if features is not None:
        config = replace(config, features=features)
    questions = _split(config, split)
    # An imported run's backbone squares images in its own way, which no setting tells.
    extracts = config.features is None and (run.features.imported or backbone is not None)
    store = _features(
        config,
        questions.images,
        folder.parent,
        console=console,
        spec=run.features,
        backbone=predictor.backbone if extracts else None,
    )
    batches = Batches(questions, store, run.words, run.answers, batch_size=config.train.batch_size)
    evaluation = evaluate(predictor, batches, split=split, console=console)
    evaluation.save(folder / split)
    _report(predictor, evaluation, questions, store)
    return evaluation


def _questions(config: Config[Any]) -> QASet:
    if not config.data:
        raise ConfigError("no questions named", remedy="Add --data SOURCE.")
    return read_source(config.data)


def _odd_splits(questions: QASet) -> Iterator[str]:
    """Notes on splits of no usual name, since a misspelt one would go unnoticed."""
    for name, count in questions.splits.items():
        if name not in ("train", "valid", "test"):
            yield f"split '{name}' ({count:,}) is neither trained nor validated on"


def _split(config: Config[Any], name: str) -> QASet:
    """The questions of a split; ``train`` and ``valid`` as training divides them."""
    questions = _questions(config)
    if name not in ("train", "valid") or "train" not in questions.splits:
        return questions.split(name)
    splits = _training_splits(config, questions)
    return splits.train if name == "train" else splits.valid


def _training_splits(config: Config[Any], questions: QASet) -> Splits:
    vocab = config.vocab
    return training_splits(questions, fraction=vocab.valid_fraction, seed=vocab.valid_seed)


def _features(
    config: Config[Any],
    images: Mapping[str, Path],
    beside: Path,
    *,
    console: Console,
    spec: FeatureSpec | None = None,
    backbone: Backbone | None = None,
) -> FeatureStore:
    """A store that holds every image: the one named, or a cache filled here.

    Args:
        config: names the store, or how to make one.
        images: image id → file, as needed.
        beside: the folder that the cache is made in.
        console: where progress goes.
        spec: what the features must have been made by, if that is settled already.
        backbone: what makes them, if it is loaded already.
    """
    if config.features is not None:
        store = FeatureStore.open(config.features)
    else:
        extraction = config.extract
        spec = spec if backbone is None else backbone.spec
        if spec is not None:
            extraction = replace(
                extraction, backbone=spec.backbone, image_size=spec.image_size, dtype=spec.dtype
            )
        name = _cache_name(config.data, extraction)
        if spec is not None and spec.geometry != "squash":
            name = f"{name}-{spec.geometry}-{spec.central_fraction:g}"
        cache = beside / "features" / name
        store = extract(images, cache, extraction, backbone=backbone, console=console).store
    if spec is not None:
        spec.require(store.spec, where=str(store.path))
    _need_all(store, images)
    return store


def _cache_name(source: str, extraction: ExtractConfig) -> str:
    """The same for the same place and settings; readable, but for a digest of where it is."""
    name, _, place = source.partition(":")
    size = extraction.image_size or default_size(extraction.backbone)
    made_by = f"{extraction.backbone}-{size}-{extraction.dtype}"
    place = str(Path(place).expanduser().resolve()) if place else ""
    digest = hashlib.blake2b(f"{place}|{made_by}".encode(), digest_size=4).hexdigest()
    return re.sub(r"[^\w.-]+", "-", f"{name}-{made_by}-{digest}")


def _need_all(store: FeatureStore, images: Mapping[str, Path]) -> None:
    missing = [image for image in images if image not in store]
    if not missing:
        return
    first = missing[0]
    reason = store.broken.get(first, "not in the store")
    more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
    raise FeatureError(
        f"no features of image '{first}': {reason.rstrip('.')}{more}",
        where=images[first],
        remedy="Mend or remove the image and its questions, or extract it into the store.",
    )


def _check_folder(out: Path, *, resume: bool) -> None:
    if (out / CONFIG).exists() and not resume:
        raise RunError(
            "holds a run already", where=out, remedy="Add --resume, or choose another --out."
        )
    if out.exists() and not out.is_dir():
        raise RunError("is not a folder", where=out, remedy="Choose another --out.")


def _check_evaluation(folder: Path, split: str) -> None:
    """A split's name becomes a folder's in the run: it must stay inside and apart."""
    if not re.fullmatch(r"\w[\w.-]*", split) or split == "tensorboard" or folder.is_file():
        raise ConfigError(
            f"'{split}' cannot name a folder of the run",
            where="split",
            remedy="Rename the split: letters, digits, '_', '-' and '.' will do.",
        )


def _check_same(run: Run) -> None:
    """A run can only go on with the network, vocabularies and features that it began with."""
    if not (run.folder / CONFIG).exists():
        return
    begun = Run.load(run.folder)
    for what, ours, theirs in (
        ("the network", run.config["network"], begun.config.get("network")),
        ("[model]", run.model_config, begun.model_config),
        ("the questions", run.config["data"], begun.config.get("data")),
        ("[vocab]", run.config["vocab"], begun.config.get("vocab")),
        ("[train]", _lasting(run), _lasting(begun)),
        ("the floors", run.floors, begun.floors),
        ("the words", run.words, begun.words),
        ("the answers", run.answers, begun.answers),
        ("the features", run.features, begun.features),
    ):
        if ours != theirs:
            raise RunError(
                f"cannot go on: {what} differ from those it began with",
                where=run.folder,
                remedy="Resume with the same data and settings, or choose another --out.",
            )


def _lasting(run: Run) -> dict[str, Any]:
    """The settings of training, but for those that say how long and where."""
    train = run.config.get("train", {})
    return {key: v for key, v in train.items() if key not in ("epochs", "patience", "device")}


def _summarise(run: Run, progression: Progression, *, console: Console) -> None:
    best = progression.best
    assert best is not None, "training runs for at least one epoch"
    summary = {
        "best_epoch": best.epoch,
        "epochs": len(progression.history),
        "steps": progression.history[-1].step,
        "valid_accuracy": best.valid_accuracy,
        "seconds": sum(epoch.seconds for epoch in progression.history),
        "parameters": sum(p.numel() for p in run.new_model().parameters()),
    }
    write_whole(run.folder / "metrics.json", msgspec.json.format(msgspec.json.encode(summary)))
    console.print(
        f"best: epoch {best.epoch}, validation accuracy {best.valid_accuracy:.2%}. "
        f"The run is in {run.folder}",
        highlight=False,
    )


def _report(
    predictor: Predictor, evaluation: Evaluation, questions: QASet, store: FeatureStore
) -> None:
    """report.html in the run folder, with a gallery of some of the questions."""
    run = predictor.run
    examples = []
    for position in choose(evaluation, count=GALLERY):
        question = questions.questions[position]
        try:
            image = open_image(questions.images[question.image])
        except ImageError:  # its features were enough to answer; there is nothing to show
            continue
        look = predictor.look_at(store.read([question.image]))
        answer = predictor.answer(look, [0], [question.text])[0]
        score = evaluation.predictions[position].score
        part = seen(image.size, store.spec)
        examples.append(Example(question, image, answer, score, part))
    features, progression = run.features, read_progression(run)
    details = {
        "Network": run.config["network"].upper(),
        "Parameters": f"{sum(p.numel() for p in predictor.model.parameters()):,}",
        "Questions from": questions.source,
        "Training": f"{len(progression.history)} epochs, "
        f"{sum(epoch.seconds for epoch in progression.history):,.0f} s",
        "Words, answers": f"{len(run.words):,}, {len(run.answers):,}",
        "Backbone": features.label,
        "Regions": f"{features.rows} × {features.columns}, {features.region_dim:,} wide",
        "Repeat with": f"askattend evaluate {shlex.quote(str(run.folder))} "
        f"--data {shlex.quote(questions.source)} --split {evaluation.metrics.split}",
    }
    write_report(
        run.folder / "report.html",
        maps_name=predictor.maps_name,
        title=f"{run.config['network'].upper()} on {questions.source}",
        evaluation=evaluation,
        progression=progression,
        examples=examples,
        details=details,
    )
