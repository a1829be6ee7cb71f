"""A run as it was evaluated, and what is said of one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.errors import ConfigError, DataError, RunError
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.wordnet import WordNet
from askattend.metrics.wups import Wups
from askattend.scoring.results import encode_predictions
from askattend.scoring.systems import evaluated_system
from scoring.cases import save_evaluation


def test_an_evaluation_is_read_as_it_was_saved(tmp_path: Path) -> None:
    run = save_evaluation(tmp_path / "a", [1.0, 0.0])
    found = evaluated_system(run, None)
    assert (found.name, found.split, found.metric) == (str(run), "test", "exact match")
    assert found.notes == ()
    assert found.answers == [
        ScoredAnswer(0, "yes", 0.5, 1.0, "other", None, "0.jpg"),
        ScoredAnswer(1, "no", 0.5, 0.0, "yes/no", None, "0.jpg"),
    ]


def test_runs_that_were_not_evaluated(tmp_path: Path) -> None:
    done, fresh = save_evaluation(tmp_path / "done", [1.0]), tmp_path / "a fresh one"
    fresh.mkdir()
    with pytest.raises(RunError, match=f"Run: askattend evaluate '{fresh}' --split test"):
        evaluated_system(fresh, None)
    with pytest.raises(RunError, match="not evaluated on 'valid' yet"):
        evaluated_system(done, "val")
    (done / "evaluations" / "test" / "predictions.json").unlink()
    with pytest.raises(RunError, match=r"no predictions\.json"):
        evaluated_system(done, None)
    with pytest.raises(ConfigError, match="no such run folder"):
        evaluated_system(tmp_path / "nowhere", None)


def test_spoilt_predictions(tmp_path: Path) -> None:
    file = save_evaluation(tmp_path / "b", [1.0]) / "evaluations" / "test" / "predictions.json"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match=f"{file}: malformed"):
        evaluated_system(tmp_path / "b", None)


def test_a_split_without_answers(tmp_path: Path) -> None:
    run = save_evaluation(tmp_path / "b", [1.0])
    (run / "evaluations" / "test" / "metrics.json").write_text(
        '{"source": "a source", "metric": null}'
    )
    with pytest.raises(DataError, match="no question has a human answer to score against"):
        evaluated_system(run, None)


def test_an_evaluation_of_sets_says_what_wups_needs(tmp_path: Path) -> None:
    run = save_evaluation(tmp_path / "a", [1.0], source="daquar:set")
    note = "no WUPS: it needs the human answers; add --data SOURCE"
    assert evaluated_system(run, None).notes == (note,)


def test_wups_of_an_evaluation_is_by_the_human_answers_that_it_kept(
    tmp_path: Path, wordnet: WordNet
) -> None:
    run = save_evaluation(tmp_path / "a", [0.0, 1.0], source="daquar:set")
    file = run / "evaluations" / "test" / "predictions.json"
    told = [("armchair, Lamp", "lamp, chair"), ("lamp", "lamp"), ("lamp", None)]
    file.write_bytes(
        encode_predictions(
            [
                ScoredAnswer(
                    n, said, 0.5, None if human is None else 0.0, references=((human or "", 1),)
                )
                for n, (said, human) in enumerate(told)
            ]
        )
    )
    found = evaluated_system(run, None)
    expected = Wups(wordnet).score("lamp, chair", "armchair, lamp", 0.9)
    assert found.notes == ()
    assert [one.wups for one in found.answers] == [expected, 1.0, None]
    assert 0 < expected < 1
    # A tenth of what is less near counts at 0.9, and all of it at 0.0.
    both = Wups(wordnet).score("lamp, chair", "armchair, lamp", 0.0)
    assert dict(found.wups_at_0) == {0: both, 1: 1.0}
