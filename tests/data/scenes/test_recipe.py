"""Recipes, as written in a source's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.readers.registry import read_source
from askattend.data.scenes.recipe import Recipe
from askattend.errors import AskAttendError


@given(
    st.builds(
        Recipe,
        images=st.integers(1, 10**9),
        seed=st.integers(0, 2**32 - 1),
        size=st.integers(32, 1024),
        objects=st.integers(3, 8),
        clutter=st.floats(0, 1),
    )
)
def test_a_recipe_is_read_as_it_is_written(recipe: Recipe) -> None:
    assert Recipe.parse(str(recipe)) == recipe


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("image=5", r"'scenes:image=5': unknown setting 'image'\. Did you mean 'images'\?"),
        ("images=0", r"images = 0: expected int >= 1"),
        ("images=2.5", r"images = 2\.5: expected int"),
        ("size=16", r"size = 16: expected a number between 32 and"),
        ("objects=9", r"objects = 9: expected a number between 3 and 8"),
        ("clutter=1.5", r"clutter = 1\.5: expected a number between 0 and 1"),
        ("clutter=nan", r"clutter = nan"),
        ("seed=x", r"'seed' is 'x', not a number\. Write KEY=NUMBER,…, for example scenes:images="),
        ("seed", r"'seed' has no value"),
        ("seed=1,,size=64", r"'' has no value"),
        ("seed=1,seed=2", r"'seed' is there twice"),
        ("folder/scenes.json", r"'folder/scenes\.json' has no value"),
    ],
)
def test_mistakes_are_named(recipe: str, message: str) -> None:
    with pytest.raises(AskAttendError, match=message):
        read_source(f"scenes:{recipe}")
