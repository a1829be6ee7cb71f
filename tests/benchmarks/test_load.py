"""The load: it knows what is right, and says what was not as it should be."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load_client import Outcome
from benchmarks.load_service import RunningService
from benchmarks.load_truth import Truth, truth_of


def test_a_service_under_load_answers_as_the_predictor_does(run: Path) -> None:
    options = argparse.Namespace(clients=4, rate=40.0, seed=0)
    with RunningService(run, "--cache-images", "8") as service:
        seen = load._load(service, truth_of(run), options, 3.0)
        assert {each.kind for each in seen.outcomes} == {"first", "further", "bad"}
        assert not [each for each in seen.outcomes if not each.good]
        assert min(seen.memory) > 0
        service.end()


def test_truth_tells_right_from_wrong() -> None:
    truth = Truth([b""], ["is it?"], [[{"yes": 0.4, "no": 0.399, "maybe": 0.1}]])
    for answer, probability, question, right in (
        ("yes", 0.4, "is it?", True),
        ("no", 0.3995, "is it?", True),
        ("maybe", 0.1, "is it?", False),
        ("yes", 0.5, "is it?", False),
        ("red", 0.4, "is it?", False),
        ("yes", 0.4, "is it not?", False),
    ):
        sent = {"answer": answer, "probability": probability, "question": question}
        assert truth.is_right(0, 0, sent) == right


def test_what_is_wrong_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    good = [Outcome("further", 0.01, "right")] * 100 + [Outcome("bad", 0.01, "refused")] * 5
    assert load._report(load.Load(good, [1e6] * 40)) == []
    assert "p50 10.0 ms, p99 10.0 ms" in capsys.readouterr().out
    (problem,) = load._report(load.Load(good, [float(1e6 + n * 1e4) for n in range(40)]))
    assert "memory grew" in problem
    wrong = [*good, Outcome("further", 0.01, "500"), Outcome("bad", 0.01, "200")]
    assert load._report(load.Load(wrong, [1e6] * 40)) == ["further: 500", "bad: 200"]


def test_a_service_that_leaves_clients_waiting_is_reported() -> None:
    ended = [Outcome("further", 0.1, said) for said in ("right", "503", "closed", "404")]
    assert load._report_upheaval(load.Load(ended)) == []
    hung = [*ended, Outcome("further", 30.0, "hung")]
    assert len(load._report_upheaval(load.Load(hung))) == 2
    assert load._report_upheaval(load.Load(ended[:1])) != []
