"""The memory of a search."""

from __future__ import annotations

from pathlib import Path

from askattend.experiment.config import Config
from askattend.experiment.search.halving import Rung
from askattend.experiment.search.search import held_against_recipe
from askattend.experiment.search.trials import TOO_SLOW, Result, Trials
from askattend.models import SAAAConfig, SANConfig
from askattend.training.config import TrainConfig


def result(candidate: int, epochs: int, fold: int, accuracy: float | None, why: str = "") -> Result:
    return Result(candidate, fold, epochs, accuracy, accuracy, 1.0, 2.0, 3.0, why)


def trials() -> Trials:
    tables = [
        Config(SAAAConfig(), train=TrainConfig(epochs=9)).tables(),
        Config(SANConfig(), train=TrainConfig(epochs=9)).tables(),
        Config(SANConfig(dropout=0.3), train=TrainConfig(epochs=18)).tables(),
    ]
    results = [
        result(0, 3, 0, 0.5),
        result(0, 9, 0, 0.6),
        result(0, 9, 2, 0.7),
        result(0, 9, 1, 0.8),
        result(2, 6, 0, None, TOO_SLOW),
        result(1, 3, 0, None, "diverged"),
    ]
    return Trials(100, 3, tables, [0, 1, 1], results=results)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    trials().save(tmp_path)
    assert Trials.load(tmp_path) == trials()


def test_results_of_a_rung_are_those_of_its_epochs_in_the_order_of_folds() -> None:
    assert [r.accuracy for r in trials().on(0, Rung(1 / 3, 1))] == [0.5]
    assert [r.accuracy for r in trials().on(0, Rung(1, 3))] == [0.6, 0.8, 0.7]
    assert trials().on(2, Rung(1 / 3, 1)) == []


def test_what_was_changed_is_told_beside_its_own_start() -> None:
    assert [trials().changes(k) for k in range(3)] == [
        "recipe of saaa",
        "recipe of san",
        "dropout 0.3, epochs 18",
    ]


def test_a_larger_budget_forgives_slowness_alone() -> None:
    there = trials()
    assert [there.given_up(k) for k in range(3)] == [False, True, True]
    there.extend(90)
    assert [there.given_up(k) for k in range(3)] == [False, True, True]
    there.extend(200)
    assert [there.given_up(k) for k in range(3)] == [False, True, False]
    assert there.budget == 200


def test_a_winner_is_held_against_the_recipe_on_the_folds_that_both_have() -> None:
    begun = trials()
    top = Rung(1, 3)
    assert held_against_recipe(begun, top, 1) == 1  # with none, the rung below has decided
    begun.results.append(result(1, 9, 0, 0.61))
    assert held_against_recipe(begun, top, 1) == 1
    begun.results.append(result(1, 9, 1, 0.7))  # of the recipe, 0.8
    assert held_against_recipe(begun, top, 1) == 0
    assert held_against_recipe(begun, top, 0) == 0
