"""How sure a network is of questions whose words it does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from askattend.batching.batches import Batches
from askattend.evaluation.answers import answer_questions, fit_calibration, with_unknown_words
from askattend.evaluation.figures import unknown_words
from askattend.evaluation.section import Note, Table
from askattend.metrics.calibration import Calibration
from askattend.runs.predictor import Predictor
from evaluation.evaluations import CONTEXT, batches, evaluated, predictor, question
from small_questions import make_qaset

QUIET = Console(quiet=True)
QUESTIONS = make_qaset(*(question(n, "yes" if n % 3 else "no") for n in range(12)))


def test_a_question_without_a_known_word_is_less_probable_and_never_sure() -> None:
    calibration = Calibration(1.0, 90, (), unknown_slope=4.0)
    found = evaluated(QUESTIONS, ["yes"] * 12, calibration=calibration)
    value = unknown_words.measure(found)
    assert value is not None
    assert [row.unknown for row in value.rows] == [0, 0.5, 1]
    known, _, none = value.rows
    assert known.probability == pytest.approx(known.untempered, abs=1e-6)
    assert none.probability < none.untempered
    # At five times the temperature.
    masked = with_unknown_words(found.predictor, found.sample, 1.0)
    flat = mean_at(found.predictor, masked, 5.0)
    assert none.probability == pytest.approx(flat, abs=1e-6)
    assert (known.sure, none.sure) == (None, 0)
    table, note = unknown_words.page_section(value, CONTEXT).blocks
    assert isinstance(table, Table)
    assert isinstance(note, Note)
    assert [row[0] for row in table.rows] == ["known as they are", "half unknown", "all unknown"]
    assert [row[-1] for row in table.rows] == ["not judged", "not judged", "0.0%"]
    assert "5.0 times" in note.text
    (line,) = unknown_words.terminal_lines(value)
    assert line.value == none.probability


def test_where_a_risk_was_chosen_the_share_of_sure_answers_is_told() -> None:
    found = evaluated(QUESTIONS, ["yes"] * 12)
    for threshold, share in ((0.0, 1.0), (1.1, 0.0)):
        found.predictor.threshold = threshold
        value = unknown_words.measure(found)
        assert value is not None
        known, _, none = value.rows
        assert (known.sure, none.sure) == (share, 0)


def mean_at(network: Predictor, masked: Batches, temperature: float) -> float:
    """The mean probability of masked questions at one temperature for all."""
    found = answer_questions(
        network, masked, console=QUIET, calibration=Calibration(temperature, 9, ())
    )
    told = [one.probability or 0.0 for one in found.answers]
    return sum(told) / len(told)


def test_it_is_learnt_with_the_temperature_and_told_by_the_predictor() -> None:
    network = predictor()
    found = fit_calibration(network, batches(QUESTIONS), console=QUIET)
    assert found.unknown_slope >= 0
    network.calibration = Calibration(1.0, 12, found.curve, unknown_slope=3.0)
    image = network.look_at(batches(QUESTIONS).source.read(["0.png"]))
    known, foreign = network.answer(image, [0, 0], ["is it red", "was ist das"])
    network.calibration = None
    known_before, foreign_before = network.answer(image, [0, 0], ["is it red", "was ist das"])
    assert known.probability == pytest.approx(known_before.probability, abs=1e-6)
    assert foreign.probability < foreign_before.probability
    assert foreign.text == foreign_before.text
    assert not foreign.sure
    assert foreign.unknown_words == ("was", "ist", "das")


def test_a_word_that_any_question_has_makes_no_foreign_one_sure() -> None:
    network = predictor()
    image = network.look_at(batches(QUESTIONS).source.read(["0.png"]))
    asked = ["is it red", "is is it rot", "is it rot", "is it", "was is das rot", "?"]
    answers = network.answer(image, [0] * len(asked), asked)
    assert [answer.sure for answer in answers] == [None, None, False, None, False, False]


def test_without_answers_or_words_there_is_nothing_to_measure() -> None:
    unanswered = make_qaset(question(0, None))
    assert unknown_words.measure(evaluated(unanswered, ["yes"])) is None
    found = evaluated(QUESTIONS, ["yes"] * 12, attends=False)
    assert unknown_words.measure(replace(found, predictor=predictor(attends=False))) is None
