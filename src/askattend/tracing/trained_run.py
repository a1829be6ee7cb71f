"""A trained network's forward pass, asked a question about an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from askattend.features.store import FeatureStore
from askattend.runs.predictor import Answer, Predictor
from askattend.tracing.trace import Ranked, Trace, TracedStep, Word, trace_steps


def trace_run(
    run: Path,
    image: str | Path,
    question: str,
    *,
    top: int = 5,
    backbone: str | None = None,
    features: Path | None = None,
) -> Trace:
    """Ask a trained network about an image, and trace its forward pass, values included.

    Args:
        run: the run folder.
        image: the image file; with `features`, an image's id in that store.
        question: the question.
        top: how many answers to list.
        backbone: the run's backbone, where it does not know it or knows it by another name.
        features: a feature store to answer from; no backbone is needed then.

    Raises:
        AskAttendError: whatever of run, image or question does not fit; see `Predictor`.
    """
    # Costs are the processor's; values are shown to four digits, more than bfloat16 has.
    predictor = Predictor.load(run, device="cpu", precision="float32", backbone=backbone)
    predictor = predictor.knowing([question])
    ask = _prepare(predictor, image, question, top=top, features=features)
    return trace_predictor(predictor, question, ask)


def trace_predictor(predictor: Predictor, question: str, ask: Callable[[], list[Answer]]) -> Trace:
    """Trace a forward pass of a predictor, values included.

    Args:
        predictor: it knows the question's words; its network is on the processor.
        question: the question.
        ask: asks it alone.
    """
    answers: list[Answer] = []
    grid = (predictor.run.features.rows, predictor.run.features.columns)
    steps = trace_steps(predictor.model, lambda: answers.extend(ask()), grid=grid, values=True)
    (answer,) = answers
    return msgspec.structs.replace(
        Trace.of(predictor.model, [_with_words(step, predictor, question) for step in steps]),
        question=question,
        answer=answer.text,
        probability=answer.probability,
        top=[Ranked(text, probability) for text, probability in answer.top],
        notes=predictor.notes(question),
    )


def _prepare(
    predictor: Predictor, image: str | Path, question: str, *, top: int, features: Path | None
) -> Callable[[], list[Answer]]:
    """Return the call that asks the question; backbone or store are opened before it is traced."""
    if features is not None:
        store = FeatureStore.open(features)
        return lambda: predictor.ask_stored(store, str(image), [question], top=top)
    _ = predictor.backbone  # loads it, as does its first use
    return lambda: predictor.look(image).ask_all([question], top=top)


def _with_words(step: TracedStep, predictor: Predictor, question: str) -> TracedStep:
    """Return the tokens with the words that they stand for; any other step as it is."""
    if step.name != "tokens":
        return step
    vocabulary = predictor.run.words
    unseen = {*predictor.unknown_words(question), *predictor.words_by_vector(question)}
    words = zip(vocabulary.tokenise(question), vocabulary.encode(question), strict=True)
    named = [Word(word, index, seen=word not in unseen) for word, index in words]
    return msgspec.structs.replace(step, words=named)
