"""Attention beside other maps, averaged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from askattend.metrics.attribution import AttributionPerQuestion

RNG = np.random.default_rng(0)
LEFT = (0.0, 0.0, 0.5, 1.0)


def made(questions: int, boxed: int) -> AttributionPerQuestion:
    maps = {name: RNG.random((questions, 20)) for name in ("attention", "grad_cam", "occlusion")}
    maps["occlusion"][0] = 0  # without ranks
    drops = {name: RNG.uniform(-1, 1, questions) for name in maps}
    boxes = tuple((LEFT,) if row < boxed else () for row in range(questions))
    return AttributionPerQuestion(maps, drops, (4, 5), boxes, tuple(range(questions)))


def test_it_is_the_mean_over_questions() -> None:
    each = made(30, 10)
    value = each.over_all()
    assert (value.questions, value.boxed, value.regions, value.tenth) == (30, 10, 20, 2)
    assert value.chance == 0.1
    own = value.methods["attention"]
    assert own.rank_correlation is None
    assert own.top_tenth is None
    for name in ("grad_cam", "occlusion"):
        scores = value.methods[name]
        pairs = list(zip(each.maps["attention"], each.maps[name], strict=True))
        ranks = [spearmanr(a, b).statistic if b.any() else 0.0 for a, b in pairs]
        assert scores.rank_correlation is not None
        assert scores.rank_correlation.value == pytest.approx(np.mean(ranks))
        low, high = scores.rank_correlation.interval
        assert low < scores.rank_correlation.value < high
        tops = [
            # Of a flat map any two regions are as good.
            len({*np.argsort(-a)[:2]} & {*np.argsort(-b)[:2]}) / 2 if b.any() else 0.1
            for a, b in pairs
        ]
        assert scores.top_tenth is not None
        assert scores.top_tenth.value == pytest.approx(np.mean(tops))
        assert scores.drop.value == pytest.approx(each.drops[name].mean())
        hits = [
            float(each.maps[name][row].argmax() % 5 <= 1) if each.maps[name][row].any() else 0.4
            for row in range(10)
        ]
        assert scores.pointing is not None
        assert scores.pointing.value == pytest.approx(np.mean(hits))


def test_without_boxes_nothing_points() -> None:
    value = made(3, 0).over_all()
    assert value.boxed == 0
    assert all(scores.pointing is None for scores in value.methods.values())
