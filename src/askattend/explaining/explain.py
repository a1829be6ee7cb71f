"""Explain one answer: maps by four methods, how far they agree, and what they hang on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from askattend.attribution.maps import Maps, maps_of
from askattend.attribution.randomising import trained_run, untrained
from askattend.attribution.without_regions import WithoutRegions
from askattend.batching.batches import Batch
from askattend.errors import DataError
from askattend.explaining.comparing import agreements, compared
from askattend.explaining.explanation import AnswerEvidence, Explanation, Rewording
from askattend.explaining.requirements import (
    computed_in_float32,
    exact_predictor,
    require_known_words,
)
from askattend.explaining.trials import DRAWS, curves, lost_layers
from askattend.features.geometry import Crop
from askattend.features.images import Source, open_image
from askattend.features.store import FeatureStore
from askattend.metrics.removal import removal_counts
from askattend.models import ImageEncoding
from askattend.runs.answer import Answer
from askattend.runs.asking import one_question, several_questions
from askattend.runs.predictor import Predictor


def explain(
    predictor: Predictor,
    image: Source,
    question: str,
    *,
    reworded: Iterable[str] = (),
    seed: int = 0,
) -> Explanation:
    """Answer a question about an image, with the evidence for where the answer comes from.

    Args:
        predictor: a trained network that attends to an image.
        image: a path, a file's bytes, a PIL image, or an array (height × width × channels).
        question: in words.
        reworded: the same in other words, to see how the maps change.
        seed: chooses random orders of regions, and the untrained networks.

    Raises:
        ImageError: the image is missing, truncated or not an image.
        DataError: a question is not one, or has no word in it that the network knows; or the image
            is a single region.
        FeatureError: the run's backbone is not to be had.
        RunError: the network sees no image, does not attend, or is rounded to 8 bits.
    """
    asked, exact, questions = _asked(predictor, question, reworded)
    opened = open_image(image)
    regions = exact.regions(opened)
    seen = exact.scene(opened, regions).seen
    return _Explaining(asked, exact, regions, opened, seen, seed).explain(questions)


def explain_stored(
    predictor: Predictor,
    store: FeatureStore | str | Path,
    image_id: str,
    question: str,
    *,
    reworded: Iterable[str] = (),
    seed: int = 0,
) -> Explanation:
    """Explain an answer about an image of a feature store, or of its folder, without a picture.

    Raises:
        FeatureError: the store's features do not go with the run's, or it lacks the image.
        AskAttendError: as `explain`.
    """
    asked, exact, questions = _asked(predictor, question, reworded)
    regions, seen = exact.stored_regions(store, image_id)
    return _Explaining(asked, exact, regions, None, seen, seed).explain(questions)


def _asked(
    predictor: Predictor, question: str, reworded: Iterable[str]
) -> tuple[Predictor, Predictor, list[str]]:
    """Return predictors that know the questions' words, to ask and to explain; and the questions.

    Raises:
        AskAttendError: as `explain`, but for the image.
    """
    exact = exact_predictor(predictor)
    questions = [one_question(question), *several_questions(reworded)]
    exact.need_words(questions)
    exact = exact.knowing(questions)
    require_known_words(exact, questions)
    return predictor.knowing(questions), exact, questions


@dataclass(frozen=True)
class _Explaining:
    """An image to explain answers about.

    Attributes:
        asked: as it was given: what it answers is explained, even where more digits would tip the
            scales. It knows the questions' words.
        predictor: the same, with weights that a gradient passes through.
        regions: of the image.
        image: the picture, if it is at hand.
        seen: the part of it that maps lie over; None where that is not known.
        seed: see `explain`.
    """

    asked: Predictor
    predictor: Predictor
    regions: Float[Tensor, "1 regions region_dim"]
    image: Image.Image | None
    seen: Crop | None
    seed: int

    def explain(self, questions: list[str]) -> Explanation:
        """Explain the answer to the first question; the others are the same in other words."""
        removed = self._removed()
        encoding = self.predictor.look_at(self.regions)
        answer, *others = self._answers(questions)
        made = [self._maps(answer.question, text) for text, _ in answer.top[:2]]
        best, second = ([*self._evidence(encoding, answer, made), None])[:2]
        assert best is not None
        asked, maps = made[0]
        run = trained_run(self.predictor)
        draws = (untrained(run, DRAWS * self.seed + draw) for draw in range(DRAWS))
        return Explanation(
            answer,
            best,
            second,
            agreement=agreements(maps),
            chance=removed[1] / removed[-1],
            second_agreement=compared(maps, made[1][1])[1] if second else {},
            removed=removed,
            removal=curves(asked, maps, removed, self.seed),
            rewordings=tuple(self._rewording(answer.text, maps, other) for other in others),
            lost_layers=lost_layers(
                asked, self._batch(answer.question), maps, draws, channels=self._channels
            ),
            notes=self._notes(questions),
            unjudged=self.asked.unjudged([answer]),
        )

    def _notes(self, questions: Sequence[str]) -> tuple[str, ...]:
        """Say how questions are read; of other wordings what the first one's notes do not say."""
        first, *others = questions
        notes = self.predictor.notes(first)
        of_others = [
            f"“{text}”: {note}"
            for text in others
            for note in self.predictor.notes(text)
            if note not in notes
        ]
        return tuple(dict.fromkeys([*notes, *of_others, *computed_in_float32(self.asked)]))

    def _removed(self) -> tuple[int, ...]:
        """Say how many regions are gone at each step; refuse an image with a single one."""
        if self.regions.shape[1] < 2:
            raise DataError(
                "the image is a single region: there are no two places to tell apart",
                where=self.predictor.run.folder,
                remedy="Train on a backbone that yields a grid of regions.",
            )
        return removal_counts(self.regions.shape[1])

    @property
    def _channels(self) -> int:
        return self.predictor.run.features.region_dim

    def _answers(self, questions: Sequence[str]) -> Iterator[Answer]:
        """Yield answers as `ask` gives them, each by itself: padding must not reach another's."""
        encoding, named = self.asked.look_at(self.regions), self.asked.maps_name
        for question in questions:
            (answer,) = self.asked.answer(encoding, [0], [question])
            yield replace(answer, image=self.image, seen=self.seen, maps_name=named)

    def _maps(self, question: str, answer: str) -> tuple[WithoutRegions, Maps]:
        """Make all maps of one answer to a question."""
        batch = self._batch(question)
        number = self.predictor.run.answers.answers.index(answer)
        index = torch.tensor([number], device=batch.tokens.device)
        return maps_of(
            self.predictor.model,
            batch,
            temperature=self.predictor.temperature_of(question),
            answer=index,
            channels=self._channels,
        )

    def _batch(self, question: str) -> Batch:
        words = torch.tensor([self.predictor.run.words.encode(question)])
        lengths, label = torch.tensor([words.shape[1]]), torch.zeros(1, dtype=torch.long)
        device = next(self.predictor.model.parameters()).device
        return Batch.of(self.regions, words, lengths, label).to(device)

    def _evidence(
        self, encoding: ImageEncoding, answer: Answer, made: list[tuple[WithoutRegions, Maps]]
    ) -> Iterator[AnswerEvidence]:
        """Yield the evidence for the answer, and for the next best."""
        features = self.predictor.run.features
        grid = (features.rows, features.columns)
        for (text, probability), (_, maps) in zip(answer.top, made, strict=False):
            words = self.predictor.word_effects(encoding, answer.question, text)
            on_grid = {name: values[0].reshape(grid) for name, values in maps.items()}
            yield AnswerEvidence(text, probability, on_grid, tuple(words))

    def _rewording(self, answer: str, maps: Maps, other: Answer) -> Rewording:
        """Compare the maps of the answer with those for the same question in other words."""
        _, theirs = self._maps(other.question, answer)
        return Rewording(other.question, other.text, other.probability, *compared(maps, theirs))
