"""Scores of two systems, paired by question and clustered by image."""

from __future__ import annotations

import pytest

from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.significance import bootstrap_interval, paired_permutation
from askattend.scoring.paired_scores import RESAMPLES, PairedScores


def answers(scores: list[float], *images: str | None) -> list[ScoredAnswer]:
    return [
        ScoredAnswer(n, "yes", score=score, image=image, wups=1 - score)
        for n, (score, image) in enumerate(zip(scores, images, strict=True))
    ]


def test_questions_of_an_image_are_drawn_together() -> None:
    images = ("a", "a", "b")
    pairs = list(
        zip(answers([0.0, 0.3, 1.0], *images), answers([1.0, 0.0, 1.0], *images), strict=True)
    )
    paired = PairedScores.of(pairs)
    assert (paired.by_image, list(paired.clusters)) == (True, ["a", "a", "b"])
    assert paired.differences == pytest.approx([1.0, -0.3, 0.0])
    found = paired.difference()
    assert (found.questions, found.first_better, found.second_better) == (3, 1, 1)
    assert (found.first, found.second) == pytest.approx((1.3 / 3, 2 / 3))
    assert found.interval == bootstrap_interval(paired.differences, images, resamples=RESAMPLES)
    assert paired.permutation_p() == paired_permutation(paired.differences, images)
    wups = PairedScores.of(pairs, "wups").difference()
    assert (wups.first, wups.difference) == pytest.approx((1.7 / 3, -found.difference))


def test_where_an_image_is_unknown_each_question_is_drawn_by_itself() -> None:
    pairs = list(zip(answers([0.0, 0.3], "a", None), answers([1.0, 0.0], "a", None), strict=True))
    paired = PairedScores.of(pairs)
    assert (paired.by_image, list(paired.clusters)) == (False, [0, 1])
