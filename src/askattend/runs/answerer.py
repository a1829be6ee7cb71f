"""A trained network that answers questions about images already encoded; it needs no backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from askattend.data.look_alikes import answers_named
from askattend.data.vocab import PADDING
from askattend.errors import RunError
from askattend.metrics.calibration import Calibration
from askattend.models import ImageEncoding, Network, Output
from askattend.models.edited_attention import EditedAttention
from askattend.models.word_embedding import with_unseen_words
from askattend.runs.answer import Answer
from askattend.runs.image_likeness import load_likeness
from askattend.runs.judging import chosen_threshold, is_sure, unjudged
from askattend.runs.most_probable import most_probable
from askattend.runs.question_reader import QuestionReader
from askattend.runs.run_folder import Run
from askattend.runs.word_effects import WordEffect, without_each_word, word_effects_of

# How many versions of a question are answered at once: of a long one they would fill the memory.
VERSIONS_PER_PASS = 64
Kind = TypeVar("Kind", bound="Answerer")


class Answerer:
    """A trained network with its vocabularies, and what is known of its probabilities.

    Args:
        run: the run folder's settings and vocabularies.
        model: the network with trained weights.
    """

    def __init__(self, run: Run, model: Network) -> None:
        self.run, self.model = run, model.eval()
        self.reader = QuestionReader(run.words, run.words.words, run.vectors)
        self.calibration = run.load_calibration()
        self.likeness = load_likeness(run.folder, run.features.region_dim)
        self.threshold = chosen_threshold(self.calibration)

    def abstain_above(self, risk: float | None) -> None:
        """Stop being sure of answers whose probability means a greater risk than this, 0 to 1.

        Args:
            risk: None to judge no answer by its probability.

        Raises:
            RunError: the run was never evaluated, so that its risk is not known.
            ConfigError: it was validated on questions that do not show how to keep it.
        """
        if risk is None:
            self.threshold = None
            return
        if self.calibration is None:
            raise RunError(
                "its risk is not known",
                where=self.run.folder,
                remedy=f"Evaluate it first: askattend evaluate {self.run.folder}.",
            )
        self.calibration.require_shown(risk, where="abstain_above_risk")
        self.threshold = self.calibration.threshold(risk)

    def recalibrate(self, calibration: Calibration) -> None:
        """Save in the run what was learnt of its probabilities, and answer by it from now on."""
        self.run.save_calibration(calibration)
        self.calibrate(calibration)

    def calibrate(self, calibration: Calibration) -> None:
        """Answer from now on by what was learnt of its probabilities."""
        self.calibration, self.threshold = calibration, chosen_threshold(calibration)

    def unjudged(self, answers: Sequence[Answer]) -> tuple[str, ...]:
        """Say what nobody judged of some of its answers: ``"sure: not judged, as …"``."""
        return unjudged(answers, self.calibration)

    @property
    def maps_name(self) -> str:
        """The paper's word for one attention map: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN)."""
        return self.model.maps_name

    def knowing(self: Kind, questions: Iterable[str]) -> Kind:
        """Return an answerer that reads the questions' unseen words by their vectors.

        A run trained with word vectors finds there what was in no training question. It is itself
        where there is no such word; else it shares all weights, and its run's vocabulary holds the
        unseen words behind the run's own.
        """
        reader = self.reader.knowing(questions)
        if reader is self.reader:
            return self
        other = copy(self)
        other.reader = reader
        if reader.words is not self.reader.words:
            other.run = replace(self.run, words=reader.words)
            vectors = torch.from_numpy(reader.unseen.vectors)
            other.model = with_unseen_words(self.model, vectors)
        return other

    def unknown_words(self, question: str) -> list[str]:
        """List words that the answer cannot rest on: in no training question, without a vector."""
        return self.knowing([question]).run.words.unlisted(question)

    def words_by_vector(self, question: str) -> list[str]:
        """List words that were in no training question, and are read by their vectors alone."""
        return self.knowing([question]).reader.by_vector(question)

    def notes(self, question: str) -> list[str]:
        """Say what the one who asks should know of how a question is read."""
        reader = self.knowing([question]).reader
        words, unknown = reader.words.tokenise(question), reader.words.unlisted(question)
        named = dict(answers_named(words, unknown, self.run.answers.answers)) if unknown else {}
        return [
            *reader.notes(question),
            *(
                f"it answers '{answer}', and never saw a question with '{text}'"
                for text, answer in named.items()
            ),
        ]

    def temperature_of(self, question: str) -> float:
        """Return what the logits are divided by: the more, the more of its words are unknown."""
        return float(self._temperatures([self.run.words.encode(question)]))

    def need_words(self, questions: Sequence[str]) -> None:
        """Refuse questions that say nothing, or are endless.

        Raises:
            DataError: a question has no word in it, or is longer than is allowed.
        """
        self.reader.need_words(questions)

    @torch.inference_mode()
    def look_at(self, regions: Float[Tensor, "images regions region_dim"]) -> ImageEncoding:
        """Project features that were extracted before, and mark those unlike training's."""
        encoding = self.model.encode_image(regions.to(self._device))
        if self.likeness is None:
            return encoding
        means = regions[..., : self.run.features.region_dim].float().mean(dim=1)
        return encoding._replace(
            unlike=torch.from_numpy(self.likeness.is_unlike(means.cpu().numpy()))
        )

    @torch.inference_mode()
    def answer(
        self,
        image: ImageEncoding,
        image_index: Sequence[int],
        questions: Sequence[str],
        *,
        top: int = 5,
        edited: Any = None,
    ) -> list[Answer]:
        """Answer questions about images already looked at.

        Args:
            image: what `look_at` gave.
            image_index: which of its images each question is about.
            questions: one without any word is asked as a single unknown one, as in training.
            top: how many answers to list.
            edited: attention maps for all questions; see `Scene.ask`.

        Raises:
            DataError: the edited maps do not fit, or the network does not attend.
        """
        if not questions:
            return []
        if (knowing := self.knowing(questions)) is not self:
            return knowing.answer(image, image_index, questions, top=top, edited=edited)
        tokens = [self.run.words.encode(question) for question in questions]
        output = self._output(image, image_index, tokens, edited)
        grid = (self.run.features.rows, self.run.features.columns)
        maps = output.attention.float().unflatten(-1, grid).cpu()
        return [
            self._answer(question, words, ranked, attention, unlike=_is_unlike(image, about))
            for question, words, ranked, attention, about in zip(
                questions,
                tokens,
                self._ranked(output.logits, tokens, top),
                maps,
                image_index,
                strict=True,
            )
        ]

    def word_effects(
        self, image: ImageEncoding, question: str, answer: str | None = None
    ) -> list[WordEffect]:
        """Measure each word's part in the answer about the first image; see `Scene.word_effects`.

        Args:
            image: what `look_at` gave.
            question: as it was asked.
            answer: one of the run's; by default the one that it gives.

        Raises:
            DataError: the question has no word in it.
        """
        *_, effects = self.word_effects_by_pass(image, question, answer)
        return effects

    def word_effects_by_pass(
        self, image: ImageEncoding, question: str, answer: str | None = None
    ) -> Iterator[list[WordEffect]]:
        """Yield an empty list after each pass of the network but the last, then the words' effects.

        Raises:
            DataError: the question has no word in it.
        """
        self.need_words([question])
        knowing = self.knowing([question])
        words = knowing.run.words
        versions = without_each_word(words, question)
        # Padding, which shorter versions have, must not count as a word's effect.
        size = 1 if self.model.depends_on_padding else VERSIONS_PER_PASS
        logits: list[Tensor] = []
        for first in range(0, len(versions), size):
            part = versions[first : first + size]
            logits.append(knowing._output(image, [0] * len(part), part).logits)
            if first + size < len(versions):
                yield []
        chosen = None if answer is None else self.run.answers.answers.index(answer)
        all_logits = torch.cat(logits)
        chosen = int(all_logits[0].float().argmax()) if chosen is None else chosen
        probabilities = self._probabilities(all_logits, versions)
        yield word_effects_of(words, question, probabilities, chosen)

    # Not around a generator, whose caller would be in inference mode between two passes.
    @torch.inference_mode()
    def _output(
        self,
        image: ImageEncoding,
        image_index: Sequence[int],
        tokens: Sequence[Sequence[int]],
        edited: Any = None,
    ) -> Output:
        # The same question of many images is encoded once.
        distinct = list(dict.fromkeys(map(tuple, tokens)))
        place = {words: row for row, words in enumerate(distinct)}
        padded = pad_sequence(
            [torch.tensor(words) for words in distinct], batch_first=True, padding_value=PADDING
        )
        lengths = torch.tensor([len(words) for words in distinct], device=self._device)
        about = torch.tensor(image_index, device=self._device)
        question = self.model.encode_question(padded.to(self._device), lengths)
        if len(distinct) < len(tokens):
            question = question[[place[tuple(words)] for words in tokens]]
        if edited is None:
            return self.model.answer(image, question, about)
        rows, columns = self.run.features.rows, self.run.features.columns
        maps = EditedAttention.of(edited, rows=rows, columns=columns)
        return self.model.answer(image, question, about, maps)

    def _probabilities(
        self, logits: Float[Tensor, "questions answers"], tokens: Sequence[Sequence[int]]
    ) -> Tensor:
        """Divide by the temperature, the higher the more of a question's words are unknown."""
        probabilities = (logits.float() / self._temperatures(tokens)).softmax(dim=-1)
        if not torch.isfinite(probabilities).all():
            raise RunError(
                "the network answers with what is no number",
                where=self.run.folder,
                remedy="Are the image's features whole? Extract them again, or copy the run again.",
            )
        return probabilities

    def _ranked(
        self, logits: Float[Tensor, "questions answers"], tokens: Sequence[Sequence[int]], top: int
    ) -> Iterator[tuple[tuple[str, float], ...]]:
        """Yield the most probable answers of each question; see `most_probable`."""
        found = self._probabilities(logits, tokens)
        best = most_probable(logits, min(top, len(self.run.answers)))
        of_best = found.gather(1, best)
        for indices, probabilities in zip(best.tolist(), of_best.tolist(), strict=True):
            texts = [self.run.answers.answers[index] for index in indices]
            yield tuple(zip(texts, probabilities, strict=True))

    def _temperatures(self, tokens: Sequence[Sequence[int]]) -> Float[Tensor, "#questions 1"]:
        if self.calibration is None:
            return torch.ones(1, 1, device=self._device)
        shares = [self._unknown_share(words) for words in tokens]
        temperature = torch.from_numpy(self.calibration.temperature_of(np.array(shares)))
        return temperature.to(self._device).float()[:, None]

    def _unknown_share(self, tokens: Sequence[int]) -> float:
        return sum(word == self.run.words.unknown for word in tokens) / max(len(tokens), 1)

    def _answer(
        self,
        question: str,
        tokens: list[int],
        ranked: tuple[tuple[str, float], ...],
        attention: Tensor,
        *,
        unlike: bool | None,
    ) -> Answer:
        share = self._unknown_share(tokens)
        sure = False if unlike else is_sure(ranked[0][1], self.threshold, unknown=share)
        unknown = self.reader.unknown(question, tokens)
        return Answer(
            question, *ranked[0], ranked, attention, sure, unknown, unlike_training=unlike
        )

    @cached_property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def _is_unlike(images: ImageEncoding, number: int) -> bool | None:
    return None if images.unlike is None else bool(images.unlike[number])
