"""WUPS of an evaluation is that of its answers; other sources have none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from askattend.errors import DataError
from askattend.evaluation.evaluate import evaluate
from askattend.evaluation.figures import wups
from askattend.evaluation.section import Note, PageContext
from askattend.metrics.wordnet import WordNet
from askattend.metrics.wups import mean_wups
from evaluation.evaluations import batches, predictor, question
from small_questions import make_qaset

CONTEXT = PageContext({}, "glimpse")


def measured(source: str) -> tuple[wups.SetScores | None, list[tuple[str, str]]]:
    asked = make_qaset(*(question(number) for number in range(6)))
    some = batches(replace(asked, source=source))
    found = evaluate(predictor(), some, some, {"wups": wups}, "test", console=Console(quiet=True))
    pairs = [
        (asked.answers[0][0], one.answer)
        for asked, one in zip(some.questions, found.predictions, strict=True)
        if asked.answers
    ]
    return found.metrics.figures["wups"], pairs


def test_answers_that_are_sets_have_it(wordnet: WordNet) -> None:
    found, pairs = measured("daquar:set")
    assert found is not None
    assert found.means == mean_wups(pairs)
    lines = wups.terminal_lines(found)
    assert found.single
    assert [line.label for line in lines] == ["WUPS at 0.9", "WUPS at 0.0"]
    assert "Malinowski" in str(wups.page_section(found, CONTEXT))


def test_without_wordnet_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> WordNet:
        raise DataError("there is no WordNet on this machine")

    monkeypatch.setattr("askattend.metrics.wups.installed_wordnet", missing)
    found, _ = measured("daquar:set")
    assert found is not None
    assert wups.terminal_lines(found) == []
    (note,) = wups.page_section(found, CONTEXT).blocks
    assert isinstance(note, Note)
    assert "no WordNet on this machine" in note.text


def test_other_sources_have_none() -> None:
    assert measured("table:q.csv")[0] is None


def test_sets_of_one_thing_each_are_not_told_twice() -> None:
    means = {"0.9": 0.5, "0.0": 0.75, "exact": 0.25}
    scores = [wups.SetScores(means, "", single) for single in (True, False)]
    labels = [[line.label for line in wups.terminal_lines(score)] for score in scores]
    assert labels[0] == ["WUPS at 0.9", "WUPS at 0.0"]
    assert labels[1] == [*labels[0], "exact match of sets"]
