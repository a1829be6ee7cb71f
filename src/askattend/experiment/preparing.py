"""Preparing a training: its questions, settings, vocabularies, features and batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.batching.batches import Batches
from askattend.batching.flips import require_language
from askattend.data.answer_reach import out_of_reach_note
from askattend.data.readers.registry import absolute_source
from askattend.data.splits import Splits, no_test_note
from askattend.data.suggestions import suggest_questions
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.data.word_vectors import NONE, SETTING, WordVectors, located, read_word_vectors
from askattend.environment.console import print_line
from askattend.errors import ConfigError
from askattend.experiment.attention import own_attention, try_out
from askattend.experiment.config import Config
from askattend.experiment.features import Features, features_for, uses_image
from askattend.experiment.inputs import batches_of, flips_of, questions_of, training_splits_of
from askattend.experiment.recipe import SetSize, describe_recipe, recipe_for
from askattend.experiment.remarks import data_notes
from askattend.experiment.teachers import Taught
from askattend.features.extraction import with_mirror_images
from askattend.metrics.floors import Floors
from askattend.models import model_name, networks
from askattend.runs.run_folder import CONFIG, Run


def read_splits(config: Config[Any], console: Console) -> Splits:
    """Read the questions to train and to validate on, and note what is odd about them."""
    questions = questions_of(config)
    splits = replace(training_splits_of(config, questions), tested=not no_test_note(questions))
    for note in (
        *splits.train.notes,
        *splits.notes,
        *data_notes(config, questions, splits, console),
    ):
        print_line(console, f"note: {note}")
    return splits


def by_recipe(
    config: Config[Any],
    out: Path,
    splits: Splits,
    on_top: Callable[[Config[Any]], Config[Any]] | None,
    console: Console,
) -> Config[Any]:
    """Settle what depends on the size of the data, and say so.

    A run that was begun has its settings already; from Python they may be chosen once more, and are
    the same.
    """
    begun = (out / CONFIG).exists()
    settled = on_top is None and config.recipe != "auto"
    if settled or config.recipe == "paper" or (begun and config.recipe != "auto"):
        return config
    size = SetSize.of(splits.train)
    recipe = recipe_for(config, size)
    config = recipe if on_top is None else replace(on_top(recipe), recipe=recipe.recipe)
    config = with_full_paths(config)
    print_line(console, describe_recipe(config, size))
    return config


def prepare(
    config: Config[Any], out: Path, splits: Splits, console: Console
) -> tuple[Run, Features]:
    """Build the vocabularies and the features that a new run needs."""
    words = WordVocab.build((q.text for q in splits.train), min_count=config.vocab.min_count)
    answers = AnswerVocab.build(splits.train, size=config.vocab.answers)
    print_line(
        console,
        f"{len(splits.train):,} questions, {len(words):,} words; {len(answers):,} answers cover "
        f"{answers.coverage(splits.valid):.1%} of those in validation",
    )
    for note in out_of_reach_note("the validation questions", answers.reachable(splits.valid)):
        print_line(console, f"note: {note}")
    vectors = _vectors(config, words, console)  # before the long work with images
    own = own_attention(config, out)
    try_out(own, config, console)
    features = features_for(config, images_of(config, splits), out.parent, console=console)
    saved = config if uses_image(config.model) else replace(config, features=None)
    floors, spec = Floors.build(splits.train), features.spec
    suggestions = suggest_questions(splits.train)
    saved = saved if own is None else replace(saved, attention=own.name)
    run = Run(out, saved.tables(), words, answers, floors, spec, vectors, suggestions, own)
    return run, features


def images_of(config: Config[Any], splits: Splits) -> dict[str, Path]:
    """List the images whose features a training needs, mirror images included: id → file."""
    learnt = splits.train.images
    if config.train.flips and uses_image(config.model):
        require_language(splits.train)  # complain before the long work
        learnt = with_mirror_images(learnt)
    return {**learnt, **splits.valid.images}


def batches_for(
    run: Run,
    features: Features,
    splits: Splits,
    config: Config[Any],
    taught: Taught | None = None,
) -> tuple[Batches, Batches]:
    """Batch the questions to learn from, flips and soft answers included, and to validate on."""
    questions, soft = (splits.train, None) if taught is None else (taught.questions, taught.soft)
    flips = flips_of(questions, run, config, soft)
    learnt = batches_of(questions, features, run, config.train, flips, soft)
    return learnt, batches_of(splits.valid, features, run, config.train)


def _vectors(config: Config[Any], words: WordVocab, console: Console) -> WordVectors | None:
    """Look up the words' vectors, and say how many have one; None where none are wanted."""
    source = config.vocab.vectors
    if source == NONE:
        return None
    if "question" not in networks()[name := model_name(config.model)].inputs:
        raise ConfigError(f"{name} reads no words", where=SETTING, remedy=f"Set it to {NONE}.")
    vectors = read_word_vectors(source, words.words)
    width = vectors.values.shape[1]
    note = f"word vectors of {source}, {width} wide: {vectors.known.sum():,} words have one"
    print_line(console, note)
    return vectors


def with_full_paths(config: Config[Any]) -> Config[Any]:
    """Return settings that hold in any working directory: the run may be used from another."""
    features = None if config.features is None else config.features.expanduser().resolve()
    vocab = replace(config.vocab, vectors=located(config.vocab.vectors))
    return replace(config, data=absolute_source(config.data), features=features, vocab=vocab)
