"""Settings drawn for a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.experiment.config import Config, config_from
from askattend.experiment.recipe import SetSize, recipe_for
from askattend.experiment.search.space import FINER, differences, searched, setting, vary
from askattend.models import networks

RECIPES = {
    name: recipe_for(Config(model=network.config_type()(), recipe="auto"), SetSize(900, 200, 100))
    for name, network in networks().items()
}


@given(st.sampled_from(sorted(RECIPES)), st.integers(0, 10_000), st.booleans())
def test_only_what_is_searched_differs_and_can_be_saved(name: str, seed: int, finer: bool) -> None:
    recipe = RECIPES[name]
    drawn = vary(recipe, seed=str(seed), finer=finer)
    assert drawn == vary(recipe, seed=str(seed), finer=finer)
    assert config_from(drawn.tables(), name, where="here") == drawn
    back = drawn
    for section, field in searched(recipe):
        part = replace(getattr(back, section), **{field: setting(recipe, section, field)})
        back = replace(back, **{section: part})
    assert back == recipe
    assert bool(differences(drawn, recipe)) == (drawn != recipe)
    assert finer or drawn.extract.strides == "last"


@given(st.integers(0, 10_000))
def test_a_network_keeps_its_proportions(seed: int) -> None:
    model = vary(RECIPES["saaa"], seed=str(seed)).model
    assert model.question_dim == 2 * model.attention_dim == model.hidden_dim


@pytest.mark.parametrize(
    "of",
    [
        lambda config: config.model.question_dim,
        lambda config: config.model.dropout,
        lambda config: config.model.word_logits,
        lambda config: config.train.learning_rate,
        lambda config: config.train.label_smoothing,
        lambda config: config.train.epochs,
        lambda config: config.train.batch_size,
        lambda config: config.extract.strides,
    ],
)
def test_each_takes_several_values_the_recipes_among_them(of: Callable[[Config[Any]], Any]) -> None:
    recipe = RECIPES["san"]
    values = {of(vary(recipe, seed=str(seed), finer=True)) for seed in range(100)}
    assert len(values) > 1
    assert of(recipe) in values


def test_finer_features_are_of_two_strides() -> None:
    drawn = [vary(RECIPES["saaa"], seed=str(seed), finer=True) for seed in range(30)]
    assert {config.extract.strides for config in drawn} == {"last", FINER}
