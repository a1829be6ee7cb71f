"""Successive halving, held to a world in which every time and accuracy is known."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from askattend.experiment.search.budget import Budget
from askattend.experiment.search.halving import RECIPE, Halving, Rung, rungs_for


@dataclass
class World:
    """Candidates of known worth and speed, and a clock that only training moves."""

    seed: int
    noise: float = 0.0
    now: float = 0.0
    most: int = 10**6
    scores: dict[tuple[int, float, int], float] = field(default_factory=dict)
    runs: list[tuple[int, float, int]] = field(default_factory=list)

    def worth(self, candidate: int) -> float:
        return random.Random(f"{self.seed} {candidate}").random()

    def slowness(self, candidate: int) -> float:
        if candidate == RECIPE:
            return 30.0
        return 30 * random.Random(f"s {self.seed} {candidate}").choice([0.25, 0.5, 1, 2, 4])

    def candidates(self) -> Iterator[int]:
        yield from itertools.islice(itertools.count(), self.most)

    def known(self, candidate: int, rung: Rung) -> int:
        return sum((candidate, rung.share, fold) in self.scores for fold in range(rung.folds))

    def merit(self, candidate: int, rung: Rung) -> tuple[float, float]:
        scores = [self.scores[candidate, rung.share, fold] for fold in range(rung.folds)]
        return sum(scores) / len(scores), 0.0

    def measure(self, candidate: int, rung: Rung, fold: int, seconds: float) -> bool:
        key = candidate, rung.share, fold
        assert key not in self.scores
        self.runs.append(key)
        took = self.slowness(candidate) * rung.share
        self.now += min(took, seconds)
        if took > seconds:
            return False
        noise = random.Random(f"n {self.seed} {key}").gauss(0, self.noise)
        self.scores[key] = self.worth(candidate) + noise
        return True

    def expected(self, candidate: int, rung: Rung) -> float:
        return self.slowness(candidate) * rung.share if candidate < 10**9 else math.inf

    def final(self, candidate: int) -> float:
        return self.slowness(candidate) * 1.5

    def search(self, seconds: float, folds: int) -> int:
        budget = Budget(seconds, clock=lambda: self.now)
        return Halving(self, rungs_for(folds), budget).search()


@given(st.integers(0, 10**6), st.floats(0, 0.3), st.floats(50, 5000), st.sampled_from([1, 3, 5]))
@example(1, 0.125, 1103.0, 5)  # the top rung ends after the recipe: the one below decides
def test_the_budget_holds_and_the_winner_is_no_worse(
    seed: int, noise: float, seconds: float, folds: int
) -> None:
    world = World(seed, noise)
    winner = world.search(seconds, folds)
    assert world.now + world.final(winner) <= seconds + 1e-6
    compared = [r for r in rungs_for(folds) if world.known(winner, r) == r.folds]
    if winner != RECIPE:
        assert world.merit(winner, compared[-1]) >= world.merit(RECIPE, compared[-1])
        assert world.runs[0][0] == RECIPE


@pytest.mark.parametrize("folds", [1, 3])
def test_much_time_finds_the_best_of_few(folds: int) -> None:
    world = World(3, most=20)
    best = max(range(20), key=world.worth)
    assert best != RECIPE
    assert world.search(100_000, folds) == best


@pytest.mark.parametrize("folds", [1, 3])
def test_about_a_third_is_promoted(folds: int) -> None:
    world = World(5)
    world.search(20_000, folds)
    low, middle, top = (
        sum(world.known(k, rung) == rung.folds for k in range(2000)) for rung in rungs_for(folds)
    )
    assert low / 5 < middle < low / 1.5
    assert middle / 5 < top < middle / 1.5


def test_a_search_that_goes_on_measures_nothing_twice() -> None:
    world = World(7)
    world.search(1000, 3)
    before = len(world.runs)
    world.search(2000, 3)  # `measure` refuses what it knows
    assert len(world.runs) > before


def test_only_the_recipe_where_there_is_time_for_nothing_else() -> None:
    world = World(1)
    assert world.search(56, 3) == RECIPE
    assert {candidate for candidate, _, _ in world.runs} == {RECIPE}


def test_without_anything_else_to_try_it_ends() -> None:
    world = World(1, most=1)
    assert world.search(1000, 3) == RECIPE
    assert len(world.runs) == 1


@dataclass
class Tied(World):
    """As many right as the recipe, but surer of them."""

    def worth(self, candidate: int) -> float:
        return 0.625

    def merit(self, candidate: int, rung: Rung) -> tuple[float, float]:
        return super().merit(candidate, rung)[0], float(candidate)


@pytest.mark.parametrize("folds", [1, 3])
def test_a_tie_is_no_reason_to_leave_the_recipe(folds: int) -> None:
    assert Tied(3, most=8).search(5000, folds) == RECIPE
