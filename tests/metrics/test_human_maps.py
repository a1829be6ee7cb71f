"""Agreement with people's maps, against SciPy and Pillow one by one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

from askattend.metrics.grounding import centre_map
from askattend.metrics.human_maps import HumanAgreementPerQuestion, correlate, scaled

RNG = np.random.default_rng(0)


def bilinear(values: np.ndarray) -> np.ndarray:
    """Scale a square map up, each of 14 places a weighted mean of the two nearest along an axis."""
    size = len(values)
    weights = np.zeros((14, size))
    for place in range(14):
        at = (place + 0.5) * size / 14 - 0.5
        low = int(np.floor(at))
        for cell, weight in ((low, 1 - (at - low)), (low + 1, at - low)):
            weights[place, min(max(cell, 0), size - 1)] += weight
    return np.asarray(weights @ values @ weights.T)


def test_a_coarser_map_is_scaled_up() -> None:
    values = RNG.random((7, 7))
    assert scaled(values) == pytest.approx(bilinear(values), abs=1e-5)
    fine = RNG.random((14, 14))
    assert scaled(fine) == pytest.approx(fine, abs=1e-6)


def test_a_finer_map_is_averaged() -> None:
    blocks = RNG.random((14, 14))
    assert (
        np.corrcoef(scaled(np.kron(blocks, np.ones((20, 30)))).ravel(), blocks.ravel())[0, 1] > 0.9
    )
    assert scaled(np.full((300, 200), 7.0)) == pytest.approx(np.full((14, 14), 7.0))


def test_correlations_with_each_person_are_averaged() -> None:
    attention, people = RNG.random((2, 7, 7)), [RNG.random((14, 14)) for _ in range(3)]
    own, among = correlate(attention, people)
    maps = [scaled(each) for each in (*attention, attention.mean(axis=0))] + [centre_map(14, 14)]
    for found, each in zip(own, maps, strict=True):
        ranks = [spearmanr(each.ravel(), person.ravel()).statistic for person in people]
        assert found == pytest.approx(np.mean(ranks))
    pairs = [
        spearmanr(people[a].ravel(), people[b].ravel()).statistic
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert among == pytest.approx(np.mean(pairs))


def test_one_map_and_one_person() -> None:
    person = np.asarray(Image.linear_gradient("L").resize((14, 14)), dtype=np.float64)
    own, among = correlate(person[None], [person])
    assert own == pytest.approx([1, 0], abs=1e-12)
    assert np.isnan(among)
    flat, _ = correlate(np.ones((1, 7, 7)), [person])
    assert flat[0] == 0


def test_people_are_averaged_over_questions_that_have_two() -> None:
    own = np.array([[0.5, 0.1, 0.3], [0.2, 0.2, 0.2], [0.4, 0.2, 0.3], [0.0, 0.1, 0.2]])
    people = np.array([np.nan, 0.6, 0.8])
    value = HumanAgreementPerQuestion(own, people, (1, 3, 3), ("a", "b", "c")).over_all()
    assert (value.questions, value.people_maps, value.shared) == (3, 7, 2)
    assert [one.value for one in value.maps] == pytest.approx([0.3, 0.2])
    assert value.mean is not None
    assert value.mean.value == pytest.approx(0.3)
    assert value.centre.value == pytest.approx(0.1)
    assert value.people is not None
    assert value.people.value == pytest.approx(0.7)
    alone = HumanAgreementPerQuestion(own[[0, 3]], np.full(3, np.nan), (1, 1, 1), ("a", "b", "c"))
    assert alone.over_all().people is None
    assert alone.over_all().mean is None
